//! Traps of Sigma itself: what reads well and means something else.

use super::Report;
use super::group::{Group, groups};
use crate::engine::gate::DERIVED;
use crate::engine::place::root_of;
use rsigma_parser::{Detection, DetectionItem, Modifier, SigmaRule, SigmaValue};
use std::collections::BTreeMap;

/// Ends of the names of lists, as AWS has them.
const LISTS: [&str; 7] = [
    "items",
    "Statement",
    "Grant",
    "Set",
    "List",
    "Rules",
    "Rule",
];
/// Fields that hold a name or an id, never an address.
const NO_ADDRESS: [&str; 8] = [
    "awsRegion",
    "eventName",
    "eventSource",
    "eventType",
    "userAgent",
    "userIdentity.arn",
    "userIdentity.type",
    "userIdentity.userName",
];
/// The major version of Sigma in which brackets mean lists.
const BRACKETS: u32 = 3;
/// Fewer letters of a keyword are in nearly every record.
const MIN_KEYWORD: usize = 3;

pub(super) fn check(rule: &SigmaRule, report: &mut Report<'_>) {
    let brackets = rule
        .sigma_version
        .is_some_and(|version| version >= BRACKETS);
    let mut named: Vec<_> = rule.detection.named.iter().collect();
    named.sort_by_key(|(name, _)| name.as_str());
    for (name, detection) in named {
        let place = Place {
            selection: &format!("{name}:"),
            brackets,
        };
        walk(detection, &place, report);
        check_log_source(rule, detection, &place, report);
    }
}

/// Fields of an EventBridge event in a rule about records, or the other way round.
fn check_log_source(
    rule: &SigmaRule,
    detection: &Detection,
    place: &Place<'_>,
    report: &mut Report<'_>,
) {
    let Some(service) = rule.logsource.service.as_deref() else {
        return;
    };
    for path in groups(detection).iter().flat_map(Group::paths) {
        let root = root_of(path);
        let of_envelope = ["detail", "detail-type", "source"].contains(&root);
        let derived = DERIVED.contains(&root);
        let message = match service {
            "cloudtrail" if of_envelope => {
                format!("records of CloudTrail have no `{root}`, only findings of other services")
            }
            "cloudtrail" => continue,
            _ if of_envelope || derived => continue,
            _ => {
                format!("findings of {service} have no `{root}`: what AWS sent is below `detail.`")
            }
        };
        report.error(&place.at(path), &message);
    }
}

struct Place<'a> {
    selection: &'a str,
    brackets: bool,
}

impl Place<'_> {
    fn at<'t>(&'t self, text: &'t str) -> [&'t str; 3] {
        ["detection:", self.selection, text]
    }
}

fn walk(detection: &Detection, place: &Place<'_>, report: &mut Report<'_>) {
    match detection {
        Detection::AllOf(items) => {
            for item in items {
                check_item(item, place, report);
            }
            check_members(items, place, report);
        }
        Detection::AnyOf(parts) | Detection::And(parts) => {
            for part in parts {
                walk(part, place, report);
            }
        }
        Detection::Keywords(values) => check_keywords(values, place, report),
        Detection::ArrayMatch { body, .. } => walk(body, place, report),
        Detection::Conditional { named, .. } => {
            for part in named.values() {
                walk(part, place, report);
            }
        }
    }
}

fn check_item(item: &DetectionItem, place: &Place<'_>, report: &mut Report<'_>) {
    let Some(field) = item.field.name.as_deref() else {
        return;
    };
    if field.contains('[') && !place.brackets {
        // The parser escapes what is no list to it.
        let written = field.replace('\\', "");
        let message =
            format!("`{written}` means a list only with `sigma-version: 3`; it never matches");
        report.error(&place.at(&written), &message);
    }
    let texts = || item.values.iter().filter_map(as_text);
    let keeps_case =
        item.field.has_modifier(Modifier::Re) && !item.field.has_modifier(Modifier::IgnoreCase);
    let lettered = texts().find(|pattern| is_about_case(pattern));
    if let Some(pattern) = lettered.filter(|_| keeps_case) {
        let message = format!(
            "regular expressions keep case, all else here does not: add `|i`, or begin `{}` with (?-i)",
            short(pattern)
        );
        report.warning(&place.at(field), &message);
    }
    if item.field.has_modifier(Modifier::Cidr) && NO_ADDRESS.contains(&field) {
        let message = format!("`{field}` is never an address, so that `|cidr` never matches");
        report.error(&place.at(field), &message);
    }
    let within = [Modifier::Contains, Modifier::StartsWith, Modifier::EndsWith];
    let within = within
        .iter()
        .any(|modifier| item.field.has_modifier(*modifier));
    if within && texts().any(|text| text.trim_matches('*').is_empty()) {
        let message = format!("`{field}` may be anything; write `{field}|exists: true`");
        report.error(&place.at(field), &message);
    }
}

/// A regular expression with a letter that could be written otherwise, and no word about case.
fn is_about_case(pattern: &str) -> bool {
    let mut escaped = false;
    let plain = pattern.chars().filter(|c| {
        let is_plain = !escaped && c.is_alphabetic();
        escaped = !escaped && *c == '\\';
        is_plain
    });
    plain.count() > 0 && !pattern.contains("(?i") && !pattern.contains("(?-i")
}

fn short(text: &str) -> String {
    crate::explain::clip(text, 48)
}

/// Two demands on a list's members may be met by two of them.
fn check_members(items: &[DetectionItem], place: &Place<'_>, report: &mut Report<'_>) {
    let mut below: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for field in items.iter().filter_map(|item| item.field.name.as_deref()) {
        if let Some(list) = list_of(field) {
            below.entry(list).or_default().push(field);
        }
    }
    for (list, fields) in below.iter().filter(|(_, fields)| fields.len() > 1) {
        let message = format!(
            "{} may be met by different members of `{list}`; write `{list}[any]:` with `sigma-version: 3`, \
             or two selections if that is meant",
            fields
                .iter()
                .map(|field| format!("`{field}`"))
                .collect::<Vec<_>>()
                .join(" and ")
        );
        report.warning(&place.at(fields.first().unwrap_or(list)), &message);
    }
}

/// The path of the innermost list that a dotted path enters.
fn list_of(field: &str) -> Option<&str> {
    let mut end = None;
    let mut at = 0;
    for segment in field.split('.') {
        let last = at + segment.len();
        if last < field.len() && LISTS.iter().any(|list| segment.ends_with(list)) {
            end = Some(last);
        }
        at = last + 1;
    }
    field.get(..end?)
}

fn check_keywords(values: &[SigmaValue], place: &Place<'_>, report: &mut Report<'_>) {
    let mut texts = values.iter().filter_map(as_text);
    if let Some(common) = texts.find(|text| text.trim_matches(['*', '?']).len() < MIN_KEYWORD) {
        let message = format!("the keyword `{common}` is in nearly every record; name a field");
        report.error(&place.at(common), &message);
    }
}

fn as_text(value: &SigmaValue) -> Option<&str> {
    match value {
        SigmaValue::String(text) => Some(&text.original),
        _ => None,
    }
}

//! Rules that can never fire: what their condition asks for cannot be true of one event.
//!
//! The condition is taken apart into alternatives, each a set of demands; a rule is refused only
//! if every alternative contradicts itself. What is not understood contradicts nothing.

use super::Report;
use super::group::{Group, Wanted, groups, wanted};
use crate::engine::rule::RuleInfo;
use crate::facts::{EXTRACTORS, Extractor};
use crate::normalise::without_date;
use rsigma_parser::{ConditionExpr, DetectionItem, Modifier, Quantifier, SigmaRule, SigmaValue};
use std::collections::BTreeMap;

/// Most alternatives that are looked at; a rule with more is believed.
const MAX_ALTERNATIVES: usize = 256;
/// Fields with one value, so that two demands are about the same.
const SCALARS: [&str; 14] = [
    "awsRegion",
    "detail-type",
    "errorCode",
    "eventCategory",
    "eventName",
    "eventSource",
    "eventType",
    "managementEvent",
    "readOnly",
    "recipientAccountId",
    "source",
    "sourceIPAddress",
    "userIdentity.accountId",
    "userIdentity.type",
];
/// Derived fields that are true or missing, never false.
const ONLY_TRUE: [&str; 13] = [
    "decoy.touched",
    "fact.cloudtrail.stopped",
    "fact.iam.mfa.removed",
    "fact.principal.anonymous",
    "fact.principal.instance",
    "fact.principal.root",
    "fact.s3.acl.unknown",
    "fact.s3.encryption.customer_key",
    "fact.s3.encryption.external_key",
    "fact.signin.console",
    "own.touched",
    "reputation.listed",
    "watched.touched",
];
/// Starts of the names of calls that certainly write, and that certainly read.
const WRITES: [&str; 7] = [
    "Attach",
    "Create",
    "Delete",
    "Modify",
    "Put",
    "Terminate",
    "Update",
];
const READS: [&str; 3] = ["Describe", "Get", "List"];

/// Demands that one event must meet together; `false` for what must not be.
type Alternative<'r> = Vec<(Group<'r>, bool)>;

pub(super) fn check(info: &RuleInfo, rule: &SigmaRule, report: &mut Report<'_>) {
    let mut all: Vec<Alternative<'_>> = Vec::new();
    for condition in &rule.detection.conditions {
        let Some(alternatives) = alternatives(condition, rule) else {
            return;
        };
        all.extend(alternatives);
    }
    let mut why = Vec::new();
    for alternative in &all {
        match contradiction(info, alternative) {
            Some(reason) => why.push(reason),
            None => return,
        }
    }
    if let Some((place, reason)) = why.first() {
        let message = format!("the rule can never fire: {reason}");
        report.error(&["detection:", place], &message);
    }
}

/// All ways to meet a condition; `None` where they cannot be told, or are too many.
fn alternatives<'r>(
    condition: &'r ConditionExpr,
    rule: &'r SigmaRule,
) -> Option<Vec<Alternative<'r>>> {
    match condition {
        ConditionExpr::Identifier(name) => of_selection(name, rule),
        ConditionExpr::And(parts) => {
            let each = parts.iter().map(|part| alternatives(part, rule));
            all_of(each)
        }
        ConditionExpr::Or(parts) => {
            let each = parts.iter().map(|part| alternatives(part, rule));
            any_of(each)
        }
        ConditionExpr::Not(part) => match part.as_ref() {
            ConditionExpr::Identifier(name) => Some(negated(name, rule)),
            _ => Some(vec![Vec::new()]),
        },
        ConditionExpr::Selector {
            quantifier,
            pattern,
        } => {
            let names = rule.detection.named.keys();
            let chosen = names.filter(|name| pattern.matches_detection_name(name));
            let mut chosen: Vec<&String> = chosen.collect();
            chosen.sort();
            let each = chosen.iter().map(|name| of_selection(name, rule));
            match quantifier {
                Quantifier::Any => any_of(each),
                Quantifier::All => all_of(each),
                Quantifier::Count(_) => None,
            }
        }
    }
}

fn of_selection<'r>(name: &str, rule: &'r SigmaRule) -> Option<Vec<Alternative<'r>>> {
    let detection = rule.detection.named.get(name)?;
    let groups = groups(detection);
    // Of what is not a mapping of fields, nothing is known, and nothing demanded.
    let known = if groups.is_empty() {
        vec![Group::default()]
    } else {
        groups
    };
    Some(known.into_iter().map(|group| vec![(group, true)]).collect())
}

/// Only one demand alone can be turned round.
fn negated<'r>(name: &str, rule: &'r SigmaRule) -> Vec<Alternative<'r>> {
    let detection = rule.detection.named.get(name);
    let mut groups = detection.map(groups).unwrap_or_default();
    match (groups.pop(), groups.is_empty()) {
        (Some(only), true) if only.items.len() == 1 && only.lists.is_empty() => {
            vec![vec![(only, false)]]
        }
        _ => vec![Vec::new()],
    }
}

fn any_of<'r>(
    parts: impl Iterator<Item = Option<Vec<Alternative<'r>>>>,
) -> Option<Vec<Alternative<'r>>> {
    let mut all = Vec::new();
    for part in parts {
        all.extend(part?);
        if all.len() > MAX_ALTERNATIVES {
            return None;
        }
    }
    Some(all)
}

fn all_of<'r>(
    parts: impl Iterator<Item = Option<Vec<Alternative<'r>>>>,
) -> Option<Vec<Alternative<'r>>> {
    let mut all: Vec<Alternative<'r>> = vec![Vec::new()];
    for part in parts {
        let part = part?;
        if all.len().saturating_mul(part.len()) > MAX_ALTERNATIVES {
            return None;
        }
        let joined = all.iter().flat_map(|so_far| {
            let more = part.iter();
            more.map(move |more| so_far.iter().chain(more).cloned().collect())
        });
        all = joined.collect();
    }
    Some(all)
}

/// What an alternative says of one field.
#[derive(Default)]
struct Demands<'r> {
    /// Each must fit.
    values: Vec<Vec<Wanted>>,
    present: bool,
    missing: bool,
    /// Booleans that it must be.
    truths: Vec<bool>,
    /// As the rule writes it, for the line.
    written: &'r str,
}

/// A place in the file, and why the alternative cannot be met.
fn contradiction(info: &RuleInfo, alternative: &Alternative<'_>) -> Option<(String, String)> {
    let mut fields: BTreeMap<&str, Demands<'_>> = BTreeMap::new();
    for (group, positive) in alternative {
        for item in &group.items {
            if let Some(field) = item.field.name.as_deref() {
                let demands = fields.entry(field).or_default();
                demands.written = field;
                demands.add(item, *positive);
            }
        }
    }
    let of_field = fields.iter().find_map(|(field, demands)| {
        let reason = demands.contradiction(field)?;
        Some((demands.written.to_owned(), reason))
    });
    let names = fields.get("eventName").and_then(Demands::one_of);
    let sources = fields.get("eventSource").and_then(Demands::one_of);
    of_field
        .or_else(|| wrong_fact(&fields, names.as_deref(), sources.as_deref()))
        .or_else(|| wrong_kind(&fields, names.as_deref()))
        .or_else(|| refused_failure(info, &fields))
}

impl Demands<'_> {
    fn add(&mut self, item: &DetectionItem, positive: bool) {
        let only_null = item
            .values
            .iter()
            .all(|value| matches!(value, SigmaValue::Null));
        if item.field.has_modifier(Modifier::Exists) {
            let exists = item
                .values
                .iter()
                .all(|value| matches!(value, SigmaValue::Bool(true)));
            let exists = exists == positive;
            self.present |= exists;
            self.missing |= !exists;
            return;
        }
        if only_null && item.field.modifiers.is_empty() {
            self.missing |= positive;
            self.present |= !positive;
            return;
        }
        let has_null = item
            .values
            .iter()
            .any(|value| matches!(value, SigmaValue::Null));
        if !positive || has_null {
            return;
        }
        self.present |= !item.field.has_modifier(Modifier::Neq);
        self.truths.extend(truth(item));
        self.values.extend(wanted(item));
    }

    fn contradiction(&self, field: &str) -> Option<String> {
        if self.present && self.missing {
            return Some(format!("`{field}` must be missing and have a value"));
        }
        if self.truths.contains(&true) && self.truths.contains(&false) {
            return Some(format!("`{field}` must be true and false"));
        }
        if self.truths.contains(&false) && ONLY_TRUE.contains(&field) {
            return Some(format!(
                "`{field}` is true or missing, never false; use `not` with a selection of true"
            ));
        }
        if !SCALARS.contains(&field) || self.values.len() < 2 {
            return None;
        }
        let none = self.one_of().is_some_and(|left| left.is_empty());
        none.then(|| {
            let each = self
                .values
                .iter()
                .filter_map(|values| Some(values.first()?.text()));
            let each: Vec<&str> = each.collect();
            format!("`{field}` cannot be {} at once", each.join(" and "))
        })
    }

    /// Exact values that meet all demands; `None` where no demand lists exact values.
    fn one_of(&self) -> Option<Vec<String>> {
        let exact =
            |values: &&Vec<Wanted>| values.iter().all(|value| matches!(value, Wanted::Exact(_)));
        let listed = self.values.iter().find(exact)?;
        let fits = |text: &str| {
            let bare = without_date(text);
            let meets = |one: &Wanted| {
                let same = || without_date(one.text()).eq_ignore_ascii_case(bare);
                let dated = matches!(one, Wanted::Exact(_)) && same();
                dated || one.fits(text) || one.fits(bare)
            };
            self.values.iter().all(|any| any.iter().any(meets))
        };
        let texts = listed.iter().map(|value| value.text().to_owned());
        Some(texts.filter(|text| fits(text)).collect())
    }
}

/// A lone boolean, as such or as text.
fn truth(item: &DetectionItem) -> Option<bool> {
    match item.values.as_slice() {
        [SigmaValue::Bool(value)] if item.field.modifiers.is_empty() => Some(*value),
        [SigmaValue::String(text)] if item.field.modifiers.is_empty() => {
            text.as_plain()?.to_ascii_lowercase().parse().ok()
        }
        _ => None,
    }
}

/// A fact that no event of these names has.
fn wrong_fact(
    fields: &BTreeMap<&str, Demands<'_>>,
    names: Option<&[String]>,
    sources: Option<&[String]>,
) -> Option<(String, String)> {
    let needed = fields.iter().filter(|(field, demands)| {
        field.starts_with("fact.") && demands.present && !demands.missing
    });
    for (field, demands) in needed {
        let fact = field.strip_prefix("fact.").unwrap_or(field);
        let fits = |extractor: &&Extractor| {
            among(extractor.names, names) && among(extractor.sources, sources)
        };
        let makers = EXTRACTORS.iter();
        let makers: Vec<&Extractor> = makers
            .filter(|extractor| extractor.facts.contains(&fact))
            .collect();
        if !makers.is_empty() && !makers.iter().any(fits) {
            let of: Vec<&str> = makers
                .iter()
                .flat_map(|extractor| extractor.names)
                .take(4)
                .copied()
                .collect();
            let reason = format!("`{field}` is made of other events: {}", of.join(", "));
            return Some((demands.written.to_owned(), reason));
        }
    }
    None
}

/// Whether one of the rule's values is on a list; an empty list, or no demand, is any.
fn among(list: &[&str], wanted: Option<&[String]>) -> bool {
    let on_list = |text: &String| {
        let bare = without_date(text);
        list.iter().any(|one| one.eq_ignore_ascii_case(bare))
    };
    list.is_empty() || wanted.is_none_or(|wanted| wanted.iter().any(on_list))
}

/// `readOnly` against what every name says.
fn wrong_kind(
    fields: &BTreeMap<&str, Demands<'_>>,
    names: Option<&[String]>,
) -> Option<(String, String)> {
    let names = names.filter(|names| !names.is_empty())?;
    let read_only = *fields.get("readOnly")?.truths.first()?;
    let begin = |starts: &[&str]| {
        let one = |name: &String| starts.iter().any(|start| name.starts_with(start));
        names.iter().all(one)
    };
    let wrong = if read_only {
        begin(&WRITES)
    } else {
        begin(&READS)
    };
    // These hand out credentials, and are recorded as either.
    let tokens = names.iter().any(|name| name.ends_with("Token"));
    (wrong && !tokens).then(|| {
        let kind = if read_only { "write" } else { "read" };
        (
            "readOnly".to_owned(),
            format!("`readOnly: {read_only}`, and all names {kind}"),
        )
    })
}

/// A rule about errors that is kept away from calls with errors.
fn refused_failure(
    info: &RuleInfo,
    fields: &BTreeMap<&str, Demands<'_>>,
) -> Option<(String, String)> {
    let demands = fields.get("errorCode")?;
    let only_failures = demands.present && !demands.missing;
    (only_failures && !info.takes_attempts()).then(|| {
        let reason = "it needs an `errorCode`, and `dial.attempts: false` keeps such calls away";
        ("errorCode".to_owned(), reason.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Facts that are set to `true` in one place, and nowhere to anything else.
    #[test]
    fn what_is_only_true_is_nowhere_set_to_false() {
        let mut code = String::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/facts")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    code.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        for fact in ONLY_TRUE
            .iter()
            .filter_map(|field| field.strip_prefix("fact."))
        {
            let set = code.matches(&format!("set(\"{fact}\", ")).count();
            let set_true = code.matches(&format!("set(\"{fact}\", true)")).count();
            assert!(set_true > 0 && set == set_true, "{fact}");
        }
    }
}

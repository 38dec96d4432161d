//! Traps in the detection of a rule: what parses, loads and then never matches.

use super::Report;
use crate::engine::gate::DERIVED;
use crate::engine::place::root_of;
use rsigma_parser::{ArrayQuantifier, Detection, DetectionItem, Modifier, SigmaRule};

/// Fields at the top of a CloudTrail record or of an EventBridge event.
const TOP_LEVEL: [&str; 35] = [
    "additionalEventData",
    "addendum",
    "apiVersion",
    "awsRegion",
    "detail",
    "detail-type",
    "edgeDeviceDetails",
    "errorCode",
    "errorMessage",
    "eventCategory",
    "eventContext",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "insightDetails",
    "managementEvent",
    "readOnly",
    "recipientAccountId",
    "requestID",
    "requestParameters",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "sessionCredentialFromConsole",
    "sharedEventID",
    "source",
    "sourceIPAddress",
    "tlsDetails",
    "userAgent",
    "userIdentity",
    "vpcEndpointAccountId",
    "vpcEndpointId",
];

/// Where in the detection a field stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Event,
    Member,
}

pub(super) fn check(rule: &SigmaRule, report: &mut Report<'_>) {
    let mut named: Vec<_> = rule.detection.named.iter().collect();
    named.sort_by_key(|(name, _)| name.as_str());
    for (_, detection) in &named {
        walk(detection, Scope::Event, report);
    }
    if !named.iter().any(|(_, detection)| names_event(detection)) {
        let message = "no condition on `eventName`: every record must be judged".to_owned();
        let native = rule.logsource.service.as_deref() != Some("cloudtrail");
        let wanted = rule.tags.iter().any(|tag| tag == "dial.every-record");
        if !native && !wanted {
            report.warning(
                &["detection:"],
                &format!("{message}; tag it dial.every-record"),
            );
        }
    }
}

fn walk(detection: &Detection, scope: Scope, report: &mut Report<'_>) {
    match detection {
        Detection::AllOf(items) => {
            for item in items {
                check_item(item, scope, report);
            }
        }
        Detection::AnyOf(parts) | Detection::And(parts) => {
            for part in parts {
                walk(part, scope, report);
            }
        }
        Detection::Keywords(_) => {}
        Detection::ArrayMatch {
            field,
            quantifier,
            body,
        } => {
            check_path(field, scope, report);
            check_quantifier(field, *quantifier, report);
            walk(body, Scope::Member, report);
        }
        Detection::Conditional { named, .. } => {
            for part in named.values() {
                walk(part, scope, report);
            }
        }
    }
}

fn check_item(item: &DetectionItem, scope: Scope, report: &mut Report<'_>) {
    let Some(field) = item.field.name.as_deref() else {
        if item.field.has_modifier(Modifier::All) && scope == Scope::Event {
            let message = "keywords under `|all` never match: use one selection for each";
            report.error(&["|all"], message);
        }
        return;
    };
    check_path(field, scope, report);
    if item.field.has_modifier(Modifier::Neq) {
        let message = format!(
            "`{field}|neq` is false where the field is missing; use `not` in the condition"
        );
        report.warning(&[field], &message);
    }
    let useless = [
        (Modifier::WindAsh, "windash"),
        (Modifier::Wide, "wide"),
        (Modifier::Utf16, "utf16"),
        (Modifier::Utf16be, "utf16be"),
        (Modifier::Expand, "expand"),
    ];
    for (modifier, word) in useless {
        if item.field.has_modifier(modifier) {
            report.error(&[field], &format!("`|{word}` means nothing in AWS events"));
        }
    }
}

/// An object and a list of one look alike in CloudTrail, and the engine adds an object's text.
fn check_quantifier(field: &str, quantifier: ArrayQuantifier, report: &mut Report<'_>) {
    if matches!(
        quantifier,
        ArrayQuantifier::All | ArrayQuantifier::AllOrEmpty
    ) {
        let message = format!(
            "`{field}[{quantifier}]` fails on a lone object; use `[none]` with the opposite"
        );
        report.error(&[field], &message);
    }
}

fn check_path(field: &str, scope: Scope, report: &mut Report<'_>) {
    if scope == Scope::Member {
        if field.contains('.') && !field.contains('[') {
            let message = format!(
                "`{field}` below `[any]` does not look into lists: write `[any]` for each list"
            );
            report.error(&[field], &message);
        }
        return;
    }
    let root = root_of(field);
    if DERIVED.contains(&root) {
        return check_derived(field, report);
    }
    let mut known = TOP_LEVEL.iter();
    if known.any(|name| *name == root) {
        return;
    }
    let mut known = TOP_LEVEL.iter();
    let message = match known.find(|name| name.eq_ignore_ascii_case(root)) {
        Some(name) => format!("field names are case-sensitive: `{root}` is `{name}`"),
        None => format!("no CloudTrail record has the field `{root}`"),
    };
    report.error(&[field], &message);
}

fn check_derived(field: &str, report: &mut Report<'_>) {
    let known = match root_of(field) {
        "fact" => crate::derived::is_fact(field),
        _ => crate::derived::FIELDS.contains(&field),
    };
    if !known {
        report.error(&[field], &format!("nothing makes the field `{field}`"));
    }
}

fn names_event(detection: &Detection) -> bool {
    match detection {
        Detection::AllOf(items) => items
            .iter()
            .any(|item| item.field.name.as_deref() == Some("eventName")),
        Detection::AnyOf(parts) => parts.iter().all(names_event),
        Detection::And(parts) => parts.iter().any(names_event),
        _ => false,
    }
}

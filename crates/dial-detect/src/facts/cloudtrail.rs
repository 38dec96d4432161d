//! CloudTrail: calls that make it record less, or nothing.

use super::policy::account_of;
use super::{Extractor, Facts, Known, list, resource_policy};
use crate::normalise::{Call, lookup};
use crate::text::{is_account, shown};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const TRAIL: Extractor = Extractor {
    name: "cloudtrail",
    summary: "How a trail is stopped or made to record less",
    sources: &["cloudtrail.amazonaws.com"],
    names: &[
        "DeleteTrail",
        "PutEventSelectors",
        "StopLogging",
        "UpdateTrail",
    ],
    facts: &[
        "cloudtrail.stopped",
        "cloudtrail.weakened",
        "cloudtrail.reasons",
        "cloudtrail.redirected",
        "cloudtrail.external_key",
    ],
    run: trail,
};

pub(super) const POLICY: Extractor = Extractor {
    name: "cloudtrail.policy",
    summary: "Whom the policy of an event data store or channel lets in",
    sources: &["cloudtrail.amazonaws.com"],
    names: &["PutResourcePolicy"],
    facts: &[
        "cloudtrail.policy.public",
        "cloudtrail.policy.external",
        "cloudtrail.policy.admin",
        "cloudtrail.policy.writes",
        "cloudtrail.policy.unknown",
        "cloudtrail.policy.any_subject",
        "cloudtrail.policy.accounts",
        "cloudtrail.policy.statements",
    ],
    run: policy,
};

type Reasons = BTreeSet<String>;

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state(
        "cloudtrail.policy",
        &call.policy("resourcePolicy"),
        known,
        facts,
    );
}

fn trail(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let is_change = !matches!(call.name(), "DeleteTrail" | "StopLogging");
    if is_change && call.has_no_request() {
        return;
    }
    let reasons = match call.name() {
        "UpdateTrail" => {
            state_destination(call, known, facts);
            updated(call)
        }
        "PutEventSelectors" => selected(call),
        _ => {
            facts.set("cloudtrail.stopped", true);
            let deleted = call.name() == "DeleteTrail";
            facts.say(if deleted {
                "deletes the trail"
            } else {
                "stops the trail"
            });
            return;
        }
    };
    facts.set("cloudtrail.weakened", !reasons.is_empty());
    for reason in &reasons {
        facts.say(format!("leaves a trail that {reason}"));
    }
    facts.set("cloudtrail.reasons", list(reasons));
}

fn updated(call: &Call<'_>) -> Reasons {
    let flags = [
        ("isMultiRegionTrail", "leaves out other regions"),
        ("includeGlobalServiceEvents", "leaves out global services"),
        (
            "enableLogFileValidation",
            "no longer proves its files unchanged",
        ),
    ];
    let off = flags
        .into_iter()
        .filter(|(path, _)| call.request_flag(path) == Some(false));
    off.map(|(_, reason)| reason.to_owned()).collect()
}

/// Where the trail now delivers to and by which key; the console names both at every change, so
/// that this alone weakens nothing.
fn state_destination(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let bucket = call.request_text("s3BucketName");
    let key = call.request_text("kmsKeyId");
    let account = key.and_then(account_of).filter(|it| is_account(it));
    let external = account.is_some_and(|account| !known.has(account));
    facts.set("cloudtrail.redirected", bucket.is_some() || key.is_some());
    facts.set("cloudtrail.external_key", external);
    if let Some(bucket) = bucket {
        facts.say(format!("the trail delivers to bucket {}", shown(bucket)));
    }
    if let Some(key) = key {
        let whose = if external {
            " of an outside account"
        } else {
            ""
        };
        facts.say(format!("the trail encrypts with key {}{whose}", shown(key)));
    }
}

/// What all selectors together leave out of the management events.
fn selected(call: &Call<'_>) -> Reasons {
    let basic = call.request_all("eventSelectors");
    let advanced = call.request_all("advancedEventSelectors");
    let judged: Vec<Reasons> = if advanced.is_empty() {
        basic.into_iter().map(basic_gaps).collect()
    } else {
        advanced.into_iter().filter_map(advanced_gaps).collect()
    };
    let silent = || Reasons::from(["records no management events".to_owned()]);
    match judged.iter().min_by_key(|gaps| gaps.len()) {
        Some(least) => least.clone(),
        None if call.request("eventSelectors").is_some() => silent(),
        None if call.request("advancedEventSelectors").is_some() => silent(),
        None => Reasons::new(),
    }
}

fn basic_gaps(selector: &Value) -> Reasons {
    let mut gaps = Reasons::new();
    if lookup::flag(selector, "includeManagementEvents") == Some(false) {
        gaps.insert("records no management events".to_owned());
    }
    let kind = lookup::text(selector, "readWriteType").unwrap_or("All");
    if !kind.eq_ignore_ascii_case("All") {
        gaps.insert(format!("records only {} events", shown(kind)));
    }
    let sources = lookup::all(selector, "excludeManagementEventSources");
    let sources = sources.into_iter().filter_map(Value::as_str);
    gaps.extend(sources.map(|source| format!("leaves out {}", shown(source))));
    gaps
}

/// `None` for a selector that is not about management events.
fn advanced_gaps(selector: &Value) -> Option<Reasons> {
    let fields = lookup::all(selector, "fieldSelectors");
    let is_category = |f: &&&Value| lookup::text(f, "field") == Some("eventCategory");
    let category = fields.iter().find(is_category)?;
    let about = lookup::all(category, "equals")
        .iter()
        .any(|v| *v == "Management");
    let others = fields.iter().filter(|f| !is_category(f));
    let narrowed = others.filter_map(|f| lookup::text(f, "field"));
    about.then(|| {
        narrowed
            .map(|field| format!("narrows events by {}", shown(field)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn weakened_trails_are_seen() {
        let basic = |selector: Value| json!({"trailName": "t", "eventSelectors": [selector]});
        let full = json!({"includeManagementEvents": true, "readWriteType": "All", "excludeManagementEventSources": []});
        let advanced =
            |selectors: Value| json!({"trailName": "t", "advancedEventSelectors": selectors});
        let management =
            json!({"fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}]});
        let writes = json!({"fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}, {"field": "readOnly", "equals": ["false"]}]});
        let data = json!({"fieldSelectors": [{"field": "eventCategory", "equals": ["Data"]}]});
        let cases = [
            (
                "one region",
                "UpdateTrail",
                json!({"isMultiRegionTrail": false}),
                vec!["leaves out other regions"],
            ),
            (
                "no validation",
                "UpdateTrail",
                json!({"enableLogFileValidation": "false"}),
                vec!["no longer proves its files unchanged"],
            ),
            (
                "strengthened",
                "UpdateTrail",
                json!({"isMultiRegionTrail": true, "enableLogFileValidation": true}),
                vec![],
            ),
            (
                "nothing",
                "PutEventSelectors",
                basic(json!({"includeManagementEvents": false, "readWriteType": "All"})),
                vec!["records no management events"],
            ),
            (
                "reads only",
                "PutEventSelectors",
                basic(json!({"includeManagementEvents": true, "readWriteType": "ReadOnly"})),
                vec!["records only ReadOnly events"],
            ),
            (
                "without KMS",
                "PutEventSelectors",
                basic(json!({"excludeManagementEventSources": ["kms.amazonaws.com"]})),
                vec!["leaves out kms.amazonaws.com"],
            ),
            ("all", "PutEventSelectors", basic(full), vec![]),
            (
                "advanced, all",
                "PutEventSelectors",
                advanced(json!([data, management])),
                vec![],
            ),
            (
                "advanced, narrowed",
                "PutEventSelectors",
                advanced(json!([writes])),
                vec!["narrows events by readOnly"],
            ),
            (
                "advanced, data only",
                "PutEventSelectors",
                advanced(json!([data])),
                vec!["records no management events"],
            ),
        ];
        for (name, call, request, expected) in cases {
            let facts = facts_of(&sample("cloudtrail.amazonaws.com", call, request));
            assert_eq!(
                facts.get("cloudtrail.reasons"),
                Some(&json!(expected)),
                "{name}"
            );
            assert_eq!(
                facts.get("cloudtrail.weakened"),
                Some(&json!(!expected.is_empty())),
                "{name}"
            );
        }
    }

    #[test]
    fn destinations_are_told_apart_from_weakening() {
        let foreign = "arn:aws:kms:eu-west-1:777788889999:key/1";
        let cases = [
            (json!({"s3BucketName": "b"}), (true, false)),
            (json!({"kmsKeyId": foreign}), (true, true)),
            (json!({"kmsKeyId": "alias/trail"}), (true, false)),
            (
                json!({"kmsKeyId": "", "isMultiRegionTrail": true}),
                (false, false),
            ),
        ];
        for (request, (redirected, external)) in cases {
            let event = sample("cloudtrail.amazonaws.com", "UpdateTrail", request.clone());
            let facts = facts_of(&event);
            let fact = |name: &str| facts.get(&format!("cloudtrail.{name}")).cloned();
            assert_eq!(fact("redirected"), Some(json!(redirected)), "{request}");
            assert_eq!(fact("external_key"), Some(json!(external)), "{request}");
            assert_eq!(fact("weakened"), Some(json!(false)), "{request}");
        }
    }

    #[test]
    fn stopped_trails_are_seen_even_where_the_call_was_denied() {
        let facts = facts_of(&sample(
            "cloudtrail.amazonaws.com",
            "StopLogging",
            Value::Null,
        ));
        assert_eq!(facts.get("cloudtrail.stopped"), Some(&json!(true)));
    }
}

//! EventBridge: who may send to a bus, and where events go.

use super::sharing::outsiders;
use super::{Extractor, Facts, Known, list, resource_policy};
use crate::normalise::Call;
use crate::normalise::document::Document;
use crate::text::shown;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

const EVENTS: &[&str] = &["events.amazonaws.com"];

pub(super) const POLICY: Extractor = Extractor {
    name: "events.policy",
    summary: "Whom the policy of an event bus lets in",
    sources: EVENTS,
    names: &["PutPermission"],
    facts: &[
        "events.policy.public",
        "events.policy.external",
        "events.policy.admin",
        "events.policy.writes",
        "events.policy.unknown",
        "events.policy.any_subject",
        "events.policy.accounts",
        "events.policy.statements",
    ],
    run: policy,
};

pub(super) const TARGET: Extractor = Extractor {
    name: "events.target",
    summary: "Whether events are sent to another account",
    sources: EVENTS,
    names: &["PutTargets"],
    facts: &["events.target.external", "events.target.accounts"],
    run: target,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let document = match call.policy("policy") {
        Document::Absent => asked(call),
        found => found,
    };
    resource_policy::state("events.policy", &document, known, facts);
}

/// The statement that EventBridge makes of the single parameters.
fn asked<'a>(call: &Call<'a>) -> Document<'a> {
    let Some(principal) = call.request_text("principal") else {
        return Document::Absent;
    };
    let text = |path| call.request_text(path).map(str::to_owned);
    let operator = text("condition.type").unwrap_or_default();
    let key = text("condition.key").unwrap_or_default();
    let statement = json!({
        "Sid": text("statementId"),
        "Effect": "Allow",
        "Principal": { "AWS": principal },
        "Action": text("action"),
        "Condition": { operator: { key: text("condition.value") } },
    });
    let policy = Map::from_iter([("Statement".to_owned(), statement)]);
    Document::Known(Cow::Owned(policy))
}

fn target(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let arns = call.request_all("targets.arn");
    if arns.iter().all(|arn| !Value::is_string(arn)) {
        return;
    }
    let outside = outsiders(arns, known);
    facts.set("events.target.external", !outside.is_empty());
    facts.set("events.target.accounts", list(&outside));
    for account in outside {
        let account = shown(account);
        facts.say(format!("sends events to outside account {account}"));
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::json;

    #[test]
    fn open_buses_are_seen() {
        let organization =
            json!({"type": "StringEquals", "key": "aws:PrincipalOrgID", "value": "o-a1b2c3d4e5"});
        let written = json!({"Statement": [{"Effect": "Allow", "Principal": "*",
            "Action": "events:*", "Resource": "*"}]})
        .to_string();
        let cases = [
            ("anyone", json!({"principal": "*"}), (true, false)),
            (
                "organization",
                json!({"principal": "*", "condition": organization}),
                (false, false),
            ),
            (
                "stranger",
                json!({"principal": "777788889999"}),
                (false, true),
            ),
            ("ours", json!({"principal": "444455556666"}), (false, false)),
            ("document", json!({"policy": written}), (true, false)),
        ];
        for (name, request, (public, external)) in cases {
            let facts = facts_of(&sample("events.amazonaws.com", "PutPermission", request));
            let found = ["public", "external"]
                .map(|fact| facts.get(&format!("events.policy.{fact}")).cloned());
            assert_eq!(
                found,
                [Some(json!(public)), Some(json!(external))],
                "{name}"
            );
        }
    }

    #[test]
    fn events_that_leave_the_account_are_seen() {
        let bus = |account: &str| {
            json!([{"id": "1", "arn": "arn:aws:lambda:eu-west-1:111122223333:function:f"},
            {"id": "2", "arn": format!("arn:aws:events:eu-west-1:{account}:event-bus/default")}])
        };
        for (account, expected) in [("777788889999", true), ("444455556666", false)] {
            let request = json!({"rule": "r", "targets": bus(account)});
            let facts = facts_of(&sample("events.amazonaws.com", "PutTargets", request));
            let found = facts.get("events.target.external");
            assert_eq!(found, Some(&json!(expected)), "{account}");
        }
    }
}

//! Organizations: guardrails that no longer forbid anything, and who may change them.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;
use crate::normalise::document::Document;
use serde_json::{Map, Value};

const ORGANIZATIONS: &[&str] = &["organizations.amazonaws.com"];

pub(super) const POLICY: Extractor = Extractor {
    name: "organizations.guardrail",
    summary: "Whether a control policy still forbids something",
    sources: ORGANIZATIONS,
    names: &["CreatePolicy", "UpdatePolicy"],
    facts: &[
        "organizations.guardrail.emptied",
        "organizations.guardrail.unknown",
    ],
    run: guardrail,
};

pub(super) const RESOURCE_POLICY: Extractor = Extractor {
    name: "organizations.policy",
    summary: "Whom the delegation policy of the organisation lets in",
    sources: ORGANIZATIONS,
    names: &["PutResourcePolicy"],
    facts: &[
        "organizations.policy.public",
        "organizations.policy.external",
        "organizations.policy.admin",
        "organizations.policy.writes",
        "organizations.policy.unknown",
        "organizations.policy.any_subject",
        "organizations.policy.accounts",
        "organizations.policy.statements",
    ],
    run: delegation,
};

/// Policies of other kinds, such as for tags, have no statements and no such fact.
fn guardrail(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    match call.policy("content") {
        Document::Absent => {}
        Document::Unknown(_) => facts.set("organizations.guardrail.unknown", true),
        Document::Known(policy) => {
            if let Some(emptied) = allows_everything(&policy) {
                facts.set("organizations.guardrail.emptied", emptied);
                if emptied {
                    facts.say("the policy allows everything and forbids nothing");
                }
            }
        }
    }
}

/// One statement allows `*`, unconditionally, and none denies; `None` without statements.
fn allows_everything(policy: &Map<String, Value>) -> Option<bool> {
    let statements = match policy.get("Statement")? {
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    };
    let text = |statement: &Value, key: &str| statement.get(key).cloned();
    let is = |statement: &Value, key: &str, wanted: &str| match text(statement, key) {
        Some(Value::String(text)) => text == wanted,
        Some(Value::Array(several)) => several.iter().any(|one| one == wanted),
        _ => false,
    };
    let denies = statements.iter().any(|it| is(it, "Effect", "Deny"));
    let allows = statements.iter().any(|it| {
        is(it, "Effect", "Allow") && is(it, "Action", "*") && it.get("Condition").is_none()
    });
    Some(allows && !denies)
}

fn delegation(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state(
        "organizations.policy",
        &call.policy("content"),
        known,
        facts,
    );
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn emptied_guardrails_are_seen() {
        let allow = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let deny = json!({"Effect": "Deny", "Action": "cloudtrail:StopLogging", "Resource": "*"});
        let some = json!({"Effect": "Allow", "Action": ["s3:*", "ec2:*"], "Resource": "*"});
        let listed = json!({"Effect": "Allow", "Action": ["*"], "Resource": ["*"]});
        let cases = [
            ("all allowed", json!({"Statement": [allow]}), Some(true)),
            ("a lone statement", json!({"Statement": allow}), Some(true)),
            ("in lists", json!({"Statement": [listed]}), Some(true)),
            (
                "something denied",
                json!({"Statement": [allow, deny]}),
                Some(false),
            ),
            ("an allow list", json!({"Statement": [some]}), Some(false)),
            ("tags", json!({"tags": {}}), None),
        ];
        for (name, policy, expected) in cases {
            let request = json!({"policyId": "p-1", "content": policy.to_string()});
            let event = sample("organizations.amazonaws.com", "UpdatePolicy", request);
            let fact = facts_of(&event)
                .get("organizations.guardrail.emptied")
                .and_then(Value::as_bool);
            assert_eq!(fact, expected, "{name}");
        }
        let cut = json!({"policyId": "p-1", "content": "{\"Statement\""});
        let facts = facts_of(&sample("organizations.amazonaws.com", "UpdatePolicy", cut));
        assert_eq!(
            facts.get("organizations.guardrail.unknown"),
            Some(&json!(true))
        );
    }
}

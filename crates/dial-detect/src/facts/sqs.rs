//! SQS: who may send to a queue or read from it.

use super::sharing::{self, Shared};
use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;
use crate::normalise::document::Document;
use serde_json::Value;

pub(super) const POLICY: Extractor = Extractor {
    name: "sqs.policy",
    summary: "Whom a queue policy lets in",
    sources: &["sqs.amazonaws.com"],
    names: &["AddPermission", "CreateQueue", "SetQueueAttributes"],
    facts: &[
        "sqs.policy.public",
        "sqs.policy.external",
        "sqs.policy.admin",
        "sqs.policy.writes",
        "sqs.policy.unknown",
        "sqs.policy.any_subject",
        "sqs.policy.accounts",
        "sqs.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    if call.name() == "AddPermission" {
        let values = call.request_all("aWSAccountIds").into_iter();
        let shared: Vec<_> = values.filter_map(Value::as_str).map(Shared::of).collect();
        return sharing::state("sqs.policy", "the queue", &shared, known, facts);
    }
    // Older records say `attribute`.
    let document = match call.policy("attributes.Policy") {
        Document::Absent => call.policy("attribute.Policy"),
        found => found,
    };
    resource_policy::state("sqs.policy", &document, known, facts);
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn open_queues_are_seen() {
        let policy = |condition: Value| {
            let mut policy = json!({"Statement": {"Effect": "Allow", "Principal": "*",
                "Action": "SQS:SendMessage", "Resource": "*"}});
            policy["Statement"]["Condition"] = condition;
            policy.to_string()
        };
        let topic = json!({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-west-1:111122223333:t"}});
        let cases = [
            (
                "open",
                json!({"attributes": {"Policy": policy(Value::Null)}}),
                Some(true),
            ),
            (
                "older spelling",
                json!({"attribute": {"Policy": policy(Value::Null)}}),
                Some(true),
            ),
            (
                "from one topic",
                json!({"attributes": {"Policy": policy(topic)}}),
                Some(false),
            ),
            (
                "policy removed",
                json!({"attributes": {"Policy": ""}}),
                None,
            ),
            (
                "other attribute",
                json!({"attributes": {"DelaySeconds": "5"}}),
                None,
            ),
        ];
        for (name, request, expected) in cases {
            let facts = facts_of(&sample("sqs.amazonaws.com", "SetQueueAttributes", request));
            assert_eq!(
                facts.get("sqs.policy.public").and_then(Value::as_bool),
                expected,
                "{name}"
            );
        }
        let request = json!({"aWSAccountIds": ["777788889999"], "actions": ["*"]});
        let facts = facts_of(&sample("sqs.amazonaws.com", "AddPermission", request));
        assert_eq!(facts.get("sqs.policy.external"), Some(&json!(true)));
    }
}

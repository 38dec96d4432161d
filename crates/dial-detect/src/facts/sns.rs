//! SNS: who may publish to a topic or listen to it.

use super::sharing::{self, Shared, outsiders};
use super::{Extractor, Facts, Known, list, resource_policy};
use crate::normalise::Call;
use crate::text::shown;
use serde_json::Value;

pub(super) const POLICY: Extractor = Extractor {
    name: "sns.policy",
    summary: "Whom a topic policy lets in",
    sources: &["sns.amazonaws.com"],
    names: &["AddPermission", "CreateTopic", "SetTopicAttributes"],
    facts: &[
        "sns.policy.public",
        "sns.policy.external",
        "sns.policy.admin",
        "sns.policy.writes",
        "sns.policy.unknown",
        "sns.policy.any_subject",
        "sns.policy.accounts",
        "sns.policy.statements",
    ],
    run: policy,
};

pub(super) const SUBSCRIPTION: Extractor = Extractor {
    name: "sns.subscription",
    summary: "Whether messages go to a queue, stream or function of another account",
    sources: &["sns.amazonaws.com"],
    names: &["Subscribe"],
    facts: &["sns.subscription.external", "sns.subscription.accounts"],
    run: subscription,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let is_policy = || {
        call.request_text("attributeName")
            .is_some_and(|n| n.eq_ignore_ascii_case("Policy"))
    };
    let document = match call.name() {
        "CreateTopic" => call.policy("attributes.Policy"),
        "SetTopicAttributes" if is_policy() || call.request_omitted() => {
            call.policy("attributeValue")
        }
        "AddPermission" => return added(call, known, facts),
        _ => return,
    };
    resource_policy::state("sns.policy", &document, known, facts);
}

fn added(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let paths = ["aWSAccountId", "aWSAccountIds"];
    let values = paths.into_iter().flat_map(|path| call.request_all(path));
    let shared: Vec<_> = values.filter_map(Value::as_str).map(Shared::of).collect();
    sharing::state("sns.policy", "the topic", &shared, known, facts);
}

/// Addresses that are no ARN, such as those of mail, say nothing about an account.
fn subscription(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let Some(endpoint) = call.request("endpoint") else {
        return;
    };
    let outside = outsiders([endpoint], known);
    facts.set("sns.subscription.external", !outside.is_empty());
    facts.set("sns.subscription.accounts", list(&outside));
    for account in outside {
        let account = shown(account);
        facts.say(format!("sends messages to outside account {account}"));
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn open_topics_are_seen() {
        let open = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"},
            "Action": "SNS:Subscribe", "Resource": "*"}]});
        let mut default = open.clone();
        default["Statement"][0]["Condition"] =
            json!({"StringEquals": {"AWS:SourceOwner": "111122223333"}});
        let set = |policy: &Value| json!({"attributeName": "Policy", "attributeValue": policy.to_string()});
        let cases = [
            ("set", "SetTopicAttributes", set(&open), Some(true)),
            (
                "as made by default",
                "SetTopicAttributes",
                set(&default),
                Some(false),
            ),
            (
                "other attribute",
                "SetTopicAttributes",
                json!({"attributeName": "DisplayName", "attributeValue": "*"}),
                None,
            ),
            (
                "created",
                "CreateTopic",
                json!({"name": "t", "attributes": {"Policy": open.to_string()}}),
                Some(true),
            ),
            ("created without", "CreateTopic", json!({"name": "t"}), None),
        ];
        for (name, call, request, expected) in cases {
            let facts = facts_of(&sample("sns.amazonaws.com", call, request));
            assert_eq!(
                facts.get("sns.policy.public").and_then(Value::as_bool),
                expected,
                "{name}"
            );
        }
        let request = json!({"aWSAccountId": ["777788889999"], "actionName": ["Publish"]});
        let facts = facts_of(&sample("sns.amazonaws.com", "AddPermission", request));
        assert_eq!(facts.get("sns.policy.external"), Some(&json!(true)));
    }

    #[test]
    fn subscribers_of_other_accounts_are_seen() {
        let cases = [
            ("arn:aws:sqs:eu-west-1:777788889999:q", true),
            ("arn:aws:sqs:eu-west-1:444455556666:q", false),
            ("https://example.com/hook", false),
        ];
        for (endpoint, expected) in cases {
            let request =
                json!({"topicArn": "arn:aws:sns:eu-west-1:111122223333:t", "endpoint": endpoint});
            let facts = facts_of(&sample("sns.amazonaws.com", "Subscribe", request));
            let found = facts.get("sns.subscription.external");
            assert_eq!(found, Some(&json!(expected)), "{endpoint}");
        }
    }
}

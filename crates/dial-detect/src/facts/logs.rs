//! `CloudWatch` Logs: who may write or subscribe, and where logs are sent.

use super::sharing::{self, Shared};
use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;
use crate::normalise::document::Document;
use serde_json::Value;

pub(super) const POLICY: Extractor = Extractor {
    name: "logs.policy",
    summary: "Whom a policy of logs or their destination lets in",
    sources: &["logs.amazonaws.com"],
    names: &[
        "PutDeliveryDestinationPolicy",
        "PutDestinationPolicy",
        "PutResourcePolicy",
    ],
    facts: &[
        "logs.policy.public",
        "logs.policy.external",
        "logs.policy.admin",
        "logs.policy.writes",
        "logs.policy.unknown",
        "logs.policy.any_subject",
        "logs.policy.accounts",
        "logs.policy.statements",
    ],
    run: policy,
};

pub(super) const SUBSCRIPTION: Extractor = Extractor {
    name: "logs.subscription",
    summary: "Which account a log is sent to",
    sources: &["logs.amazonaws.com"],
    names: &["PutAccountPolicy", "PutSubscriptionFilter"],
    facts: &[
        "logs.subscription.public",
        "logs.subscription.external",
        "logs.subscription.accounts",
    ],
    run: subscription,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let field = match call.name() {
        "PutDestinationPolicy" => "accessPolicy",
        "PutDeliveryDestinationPolicy" => "deliveryDestinationPolicy",
        _ => "policyDocument",
    };
    resource_policy::state("logs.policy", &call.policy(field), known, facts);
}

/// An account's policy names the destination for all its logs in a document of its own.
fn subscription(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    if call.name() != "PutAccountPolicy" {
        let path = "destinationArn";
        return sharing::state_request("logs.subscription", "the log", path, call, known, facts);
    }
    if let Document::Known(policy) = call.policy("policyDocument") {
        let destination = policy.get("DestinationArn").and_then(Value::as_str);
        let shared: Vec<_> = destination.map(Shared::of).into_iter().collect();
        sharing::state("logs.subscription", "all logs", &shared, known, facts);
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn policies_that_send_all_logs_away_are_seen() {
        let cases = [
            ("SUBSCRIPTION_FILTER_POLICY", "777788889999", Some(true)),
            ("SUBSCRIPTION_FILTER_POLICY", "444455556666", Some(false)),
            ("DATA_PROTECTION_POLICY", "", None),
        ];
        for (kind, account, expected) in cases {
            let destination = format!("arn:aws:logs:eu-west-1:{account}:destination:d");
            let document = match account {
                "" => json!({"Name": "mask"}),
                _ => json!({"DestinationArn": destination}),
            };
            let request = json!({"policyType": kind, "policyDocument": document.to_string()});
            let facts = facts_of(&sample("logs.amazonaws.com", "PutAccountPolicy", request));
            let external = facts.get("logs.subscription.external");
            assert_eq!(external.and_then(Value::as_bool), expected, "{kind}");
        }
    }
}

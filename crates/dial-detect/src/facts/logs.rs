//! `CloudWatch` Logs: who may write or subscribe, and where logs are sent.

use super::{Extractor, Facts, Known, resource_policy, sharing};
use crate::normalise::Call;

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
    names: &["PutSubscriptionFilter"],
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

fn subscription(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    sharing::state_request(
        "logs.subscription",
        "the log",
        "destinationArn",
        call,
        known,
        facts,
    );
}

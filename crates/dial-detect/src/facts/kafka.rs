//! MSK: who may use a cluster of streams.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "kafka.policy",
    summary: "Whom a cluster's policy lets in",
    sources: &["kafka.amazonaws.com"],
    names: &["PutClusterPolicy"],
    facts: &[
        "kafka.policy.public",
        "kafka.policy.external",
        "kafka.policy.admin",
        "kafka.policy.writes",
        "kafka.policy.unknown",
        "kafka.policy.any_subject",
        "kafka.policy.accounts",
        "kafka.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("kafka.policy", &call.policy("policy"), known, facts);
}

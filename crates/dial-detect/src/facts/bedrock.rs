//! Bedrock: who may use a custom model.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "bedrock.policy",
    summary: "Whom a model's policy lets in",
    sources: &["bedrock.amazonaws.com"],
    names: &["PutResourcePolicy"],
    facts: &[
        "bedrock.policy.public",
        "bedrock.policy.external",
        "bedrock.policy.admin",
        "bedrock.policy.writes",
        "bedrock.policy.unknown",
        "bedrock.policy.any_subject",
        "bedrock.policy.accounts",
        "bedrock.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state(
        "bedrock.policy",
        &call.policy("resourcePolicy"),
        known,
        facts,
    );
}

//! DynamoDB: who may use a table.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "dynamodb.policy",
    summary: "Whom a table's policy lets in",
    sources: &["dynamodb.amazonaws.com"],
    names: &["PutResourcePolicy"],
    facts: &[
        "dynamodb.policy.public",
        "dynamodb.policy.external",
        "dynamodb.policy.admin",
        "dynamodb.policy.writes",
        "dynamodb.policy.unknown",
        "dynamodb.policy.any_subject",
        "dynamodb.policy.accounts",
        "dynamodb.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("dynamodb.policy", &call.policy("policy"), known, facts);
}

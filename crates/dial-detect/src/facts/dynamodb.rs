//! DynamoDB: who may use a table, and whose bucket it is exported to.

use super::{Extractor, Facts, Known, resource_policy, sharing};
use crate::normalise::Call;

pub(super) const EXPORT: Extractor = Extractor {
    name: "dynamodb.export",
    summary: "Whose bucket a table is exported to",
    sources: &["dynamodb.amazonaws.com"],
    names: &["ExportTableToPointInTime"],
    facts: &[
        "dynamodb.export.public",
        "dynamodb.export.external",
        "dynamodb.export.accounts",
    ],
    run: export,
};

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

fn export(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    sharing::state_request(
        "dynamodb.export",
        "the table",
        "s3BucketOwner",
        call,
        known,
        facts,
    );
}

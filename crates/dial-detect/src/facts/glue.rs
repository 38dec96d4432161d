//! Glue: who may use the data catalog.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "glue.policy",
    summary: "Whom the catalog's policy lets in",
    sources: &["glue.amazonaws.com"],
    names: &["PutResourcePolicy"],
    facts: &[
        "glue.policy.public",
        "glue.policy.external",
        "glue.policy.admin",
        "glue.policy.writes",
        "glue.policy.unknown",
        "glue.policy.any_subject",
        "glue.policy.accounts",
        "glue.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("glue.policy", &call.policy("policyInJson"), known, facts);
}

//! ECR: who may pull images from a repository, or push them.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "ecr.policy",
    summary: "Whom a repository or registry policy lets in",
    sources: &["ecr.amazonaws.com", "ecr-public.amazonaws.com"],
    names: &["PutRegistryPolicy", "SetRepositoryPolicy"],
    facts: &[
        "ecr.policy.public",
        "ecr.policy.external",
        "ecr.policy.admin",
        "ecr.policy.writes",
        "ecr.policy.unknown",
        "ecr.policy.any_subject",
        "ecr.policy.accounts",
        "ecr.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("ecr.policy", &call.policy("policyText"), known, facts);
}

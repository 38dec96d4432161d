//! EFS: who may mount a file system.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "efs.policy",
    summary: "Whom a file system's policy lets in",
    sources: &["elasticfilesystem.amazonaws.com"],
    names: &["PutFileSystemPolicy"],
    facts: &[
        "efs.policy.public",
        "efs.policy.external",
        "efs.policy.admin",
        "efs.policy.writes",
        "efs.policy.unknown",
        "efs.policy.any_subject",
        "efs.policy.accounts",
        "efs.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("efs.policy", &call.policy("policy"), known, facts);
}

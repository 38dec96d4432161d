//! AWS Backup: who may use a vault.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "backup.policy",
    summary: "Whom a vault's policy lets in",
    sources: &["backup.amazonaws.com"],
    names: &["PutBackupVaultAccessPolicy"],
    facts: &[
        "backup.policy.public",
        "backup.policy.external",
        "backup.policy.admin",
        "backup.policy.writes",
        "backup.policy.unknown",
        "backup.policy.any_subject",
        "backup.policy.accounts",
        "backup.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("backup.policy", &call.policy("policy"), known, facts);
}

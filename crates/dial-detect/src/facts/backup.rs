//! AWS Backup: who may use a vault, and where backups are copied to.

use super::{Extractor, Facts, Known, resource_policy, sharing};
use crate::normalise::Call;

pub(super) const COPY: Extractor = Extractor {
    name: "backup.copy",
    summary: "Which account a backup is copied to",
    sources: &["backup.amazonaws.com"],
    names: &["StartCopyJob"],
    facts: &[
        "backup.copy.public",
        "backup.copy.external",
        "backup.copy.accounts",
    ],
    run: copy,
};

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

fn copy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    sharing::state_request(
        "backup.copy",
        "the backup",
        "destinationBackupVaultArn",
        call,
        known,
        facts,
    );
}

//! Secrets Manager: who may read a secret.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "secretsmanager.policy",
    summary: "Whom a secret's policy lets in",
    sources: &["secretsmanager.amazonaws.com"],
    names: &["PutResourcePolicy"],
    facts: &[
        "secretsmanager.policy.public",
        "secretsmanager.policy.external",
        "secretsmanager.policy.admin",
        "secretsmanager.policy.writes",
        "secretsmanager.policy.unknown",
        "secretsmanager.policy.any_subject",
        "secretsmanager.policy.accounts",
        "secretsmanager.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state(
        "secretsmanager.policy",
        &call.policy("resourcePolicy"),
        known,
        facts,
    );
}

//! Redshift: snapshots, data shares and endpoints that other accounts may use.

use super::{Extractor, Facts, Known, resource_policy, sharing};
use crate::normalise::Call;

pub(super) const POLICY: Extractor = Extractor {
    name: "redshift.policy",
    summary: "Whom a namespace's policy lets in",
    sources: &["redshift.amazonaws.com"],
    names: &["PutResourcePolicy"],
    facts: &[
        "redshift.policy.public",
        "redshift.policy.external",
        "redshift.policy.admin",
        "redshift.policy.writes",
        "redshift.policy.unknown",
        "redshift.policy.any_subject",
        "redshift.policy.accounts",
        "redshift.policy.statements",
    ],
    run: policy,
};

pub(super) const SHARE: Extractor = Extractor {
    name: "redshift.share",
    summary: "Which accounts may use a snapshot, data share or endpoint",
    sources: &["redshift.amazonaws.com"],
    names: &[
        "AuthorizeDataShare",
        "AuthorizeEndpointAccess",
        "AuthorizeSnapshotAccess",
    ],
    facts: &[
        "redshift.share.public",
        "redshift.share.external",
        "redshift.share.accounts",
    ],
    run: share,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    resource_policy::state("redshift.policy", &call.policy("policy"), known, facts);
}

fn share(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let (what, path) = match call.name() {
        "AuthorizeSnapshotAccess" => ("the snapshot", "accountWithRestoreAccess"),
        "AuthorizeEndpointAccess" => ("the cluster", "account"),
        _ => ("the data share", "consumerIdentifier"),
    };
    sharing::state_request("redshift.share", what, path, call, known, facts);
}

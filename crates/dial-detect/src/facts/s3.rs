//! S3: who may use a bucket, by policy, by grant, and what protects its content.

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

const S3: &[&str] = &["s3.amazonaws.com"];

pub(super) const POLICY: Extractor = Extractor {
    name: "s3.policy",
    summary: "Whom the policy of a bucket or access point lets in",
    sources: S3,
    names: &["PutBucketPolicy", "PutAccessPointPolicy"],
    facts: &[
        "s3.policy.public",
        "s3.policy.external",
        "s3.policy.writes",
        "s3.policy.unknown",
        "s3.policy.any_subject",
        "s3.policy.accounts",
        "s3.policy.statements",
    ],
    run: policy,
};

fn policy(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let path = match call.name() {
        "PutAccessPointPolicy" => "PutAccessPointPolicyRequest.Policy",
        _ => "bucketPolicy",
    };
    resource_policy::state("s3.policy", &call.policy(path), known, facts);
}

//! S3: who may use a bucket, and what protects its content.

mod acl;
mod encryption;
mod lifecycle;
mod object;
mod protection;

pub(super) use acl::ACL;
pub(super) use encryption::{ENCRYPTION, NOTIFICATION, REPLICATION};
pub(super) use lifecycle::LIFECYCLE;
pub(super) use object::OBJECT;
pub(super) use protection::{PUBLIC_ACCESS_BLOCK, VERSIONING};

use super::{Extractor, Facts, Known, resource_policy};
use crate::normalise::Call;

const S3: &[&str] = &["s3.amazonaws.com"];
/// Account-wide calls have been seen under both names.
const S3_CONTROL: &[&str] = &["s3-control.amazonaws.com", "s3.amazonaws.com"];
/// All that call themselves S3 and have policies.
const WITH_POLICY: &[&str] = &[
    "s3-control.amazonaws.com",
    "s3-outposts.amazonaws.com",
    "s3.amazonaws.com",
    "s3express.amazonaws.com",
    "s3tables.amazonaws.com",
];

pub(super) const POLICY: Extractor = Extractor {
    name: "s3.policy",
    summary: "Whom the policy of a bucket, access point or table lets in",
    sources: WITH_POLICY,
    names: &[
        "PutAccessGrantsInstanceResourcePolicy",
        "PutAccessPointPolicy",
        "PutAccessPointPolicyForObjectLambda",
        "PutBucketPolicy",
        "PutMultiRegionAccessPointPolicy",
        "PutTableBucketPolicy",
        "PutTablePolicy",
    ],
    facts: &[
        "s3.policy.public",
        "s3.policy.external",
        "s3.policy.admin",
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
        "PutBucketPolicy" if call.request("Policy").is_none_or(|p| p == "") => "bucketPolicy",
        "PutMultiRegionAccessPointPolicy" => "Details.Policy",
        "PutTableBucketPolicy" | "PutTablePolicy" => "resourcePolicy",
        _ => "Policy",
    };
    resource_policy::state("s3.policy", &call.policy(path), known, facts);
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::json;

    #[test]
    fn a_bucket_policy_is_judged_as_object_and_as_text() {
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "Read", "Effect": "Allow", "Principal": "*",
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::site/*"}]});
        for document in [policy.clone(), json!(policy.to_string())] {
            let mut request =
                json!({"bucketName": "site", "policy": "", "Host": "site.s3.amazonaws.com"});
            request["bucketPolicy"] = document;
            let facts = facts_of(&sample("s3.amazonaws.com", "PutBucketPolicy", request));
            assert_eq!(facts.get("s3.policy.public"), Some(&json!(true)));
            assert_eq!(facts.get("s3.policy.writes"), Some(&json!(false)));
            assert_eq!(facts.get("s3.policy.statements.0.index"), None);
            assert_eq!(
                facts.sentences,
                ["Statement[0] (Sid \"Read\") lets anyone do s3:GetObject"]
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_not_private() {
        for policy in [json!({"omitted": true}), json!("{\"Statement\""), json!({})] {
            let request = json!({"bucketName": "site", "bucketPolicy": policy});
            let facts = facts_of(&sample("s3.amazonaws.com", "PutBucketPolicy", request));
            assert_eq!(facts.get("s3.policy.unknown"), Some(&json!(true)));
            assert_eq!(facts.get("s3.policy.public"), None);
        }
    }

    #[test]
    fn access_points_and_tables_have_policies_too() {
        let policy = json!({"Statement": [{"Effect": "Allow", "Action": "s3:*",
            "Principal": {"AWS": "arn:aws:iam::777788889999:root"}, "Resource": "*"}]})
        .to_string();
        let cases = [
            (
                "s3",
                "PutAccessPointPolicy",
                json!({"name": "ap", "PutAccessPointPolicyRequest": {"Policy": policy}}),
            ),
            (
                "s3",
                "PutMultiRegionAccessPointPolicy",
                json!({"PutMultiRegionAccessPointPolicyRequest": {"Details": {"Name": "ap", "Policy": policy}}}),
            ),
            (
                "s3",
                "PutAccessPointPolicyForObjectLambda",
                json!({"PutAccessPointPolicyForObjectLambdaRequest": {"Policy": policy}}),
            ),
            (
                "s3-outposts",
                "PutBucketPolicy",
                json!({"PutBucketPolicyRequest": {"Policy": policy}}),
            ),
            (
                "s3express",
                "PutBucketPolicy",
                json!({"bucketName": "b--euw1-az1--x-s3", "policy": "", "bucketPolicy": policy}),
            ),
            (
                "s3tables",
                "PutTableBucketPolicy",
                json!({"tableBucketARN": "arn:aws:s3tables:eu-west-1:111122223333:bucket/t", "resourcePolicy": policy}),
            ),
        ];
        for (service, name, request) in cases {
            let facts = facts_of(&sample(&format!("{service}.amazonaws.com"), name, request));
            let found = facts.get("s3.policy.accounts");
            assert_eq!(found, Some(&json!(["777788889999"])), "{service} {name}");
        }
    }
}

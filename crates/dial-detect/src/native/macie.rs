//! Macie: sensitive data in S3, and buckets whose policy lets it out.

use super::{Found, Reporter};
use crate::normalise::lookup;
use crate::resources;
use dial_core::finding::{Principal, Resource};
use serde_json::Value;

pub(super) const REPORTER: Reporter = Reporter {
    source: "aws.macie",
    name: "Macie",
    kind: "type",
    message: "description",
    resources: about,
    principal: who,
    addresses: &["policyDetails.actor.ipAddressDetails.ipAddressV4"],
};

fn about(found: Found<'_>) -> Vec<Resource> {
    let bucket = found.text("resourcesAffected.s3Bucket.arn");
    let bucket = bucket.map(|arn| resources::by_arn(arn, Some("AWS::S3::Bucket")));
    let object = found.text("resourcesAffected.s3Object.path");
    let object = object.map(|path| Resource {
        kind: "AWS::S3::Object".to_owned(),
        arn: None,
        name: path.to_owned(),
    });
    bucket.into_iter().chain(object).collect()
}

/// Who changed the policy: one member of `userIdentity`, named after its type.
fn who(found: Found<'_>) -> Principal {
    let identity = lookup::one(&found.event.record, "policyDetails.actor.userIdentity");
    let Some(identity) = identity else {
        return Principal::default();
    };
    let member = |name: &str| lookup::one(identity, name).filter(|it| it.is_object());
    let known = [
        "assumedRole",
        "iamUser",
        "federatedUser",
        "root",
        "awsAccount",
    ];
    let member = known.into_iter().find_map(member).unwrap_or(&Value::Null);
    let text = |name: &str| lookup::text(member, name).map(str::to_owned);
    let user = text("userName");
    Principal {
        kind: lookup::text(identity, "type").map(str::to_owned),
        name: user.or_else(|| {
            lookup::text(member, "sessionContext.sessionIssuer.userName").map(str::to_owned)
        }),
        arn: text("arn"),
        account: text("accountId"),
        access_key_id: text("accessKeyId"),
        ..Principal::default()
    }
}

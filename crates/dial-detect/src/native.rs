//! Native findings: what GuardDuty, Access Analyzer and Health say, read as a finding needs it.

use crate::event::{Event, Kind};
use crate::normalise::lookup;
use dial_core::finding::{Principal, Resource};
use serde_json::Value;

/// Where GuardDuty puts the address of the other side, by kind of action.
const REMOTE_ADDRESSES: [&str; 6] = [
    "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4",
    "service.action.networkConnectionAction.remoteIpDetails.ipAddressV4",
    "service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV4",
    "service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV4",
    "service.action.rdsLoginAttemptAction.remoteIpDetails.ipAddressV4",
    "service.action.awsApiCallAction.remoteIpDetails.ipAddressV6",
];

/// Type, path of the ARN and path of the name, in the order in which a finding is about them.
const RESOURCES: [(&str, &str, &str); 8] = [
    (
        "AWS::S3::Bucket",
        "resource.s3BucketDetails.arn",
        "resource.s3BucketDetails.name",
    ),
    (
        "AWS::EKS::Cluster",
        "resource.eksClusterDetails.arn",
        "resource.eksClusterDetails.name",
    ),
    (
        "AWS::ECS::Cluster",
        "resource.ecsClusterDetails.arn",
        "resource.ecsClusterDetails.name",
    ),
    (
        "AWS::RDS::DBInstance",
        "resource.rdsDbInstanceDetails.dbInstanceArn",
        "resource.rdsDbInstanceDetails.dbInstanceIdentifier",
    ),
    (
        "AWS::Lambda::Function",
        "resource.lambdaDetails.functionArn",
        "resource.lambdaDetails.functionName",
    ),
    (
        "AWS::EC2::Instance",
        "",
        "resource.instanceDetails.instanceId",
    ),
    (
        "AWS::IAM::AccessKey",
        "",
        "resource.accessKeyDetails.accessKeyId",
    ),
    ("AWS::Health::Entity", "", "affectedEntities.entityValue"),
];

/// The `detail` of a native event; `None` for a CloudTrail record.
fn detail(event: &Event) -> Option<&Value> {
    matches!(event.kind, Kind::Native { .. }).then_some(&event.record)
}

/// Name of the event: the finding's own type, else the detail type.
pub(crate) fn name(event: &Event) -> Option<&str> {
    let Kind::Native { detail_type, .. } = &event.kind else {
        return None;
    };
    let stated = ["type", "eventTypeCode"].into_iter();
    let mut stated = stated.filter_map(|path| lookup::text(&event.record, path));
    Some(stated.next().unwrap_or(detail_type))
}

/// What the finding is about; empty for a CloudTrail record.
pub(crate) fn resources(event: &Event) -> Vec<Resource> {
    let Some(detail) = detail(event) else {
        return Vec::new();
    };
    let text = |path: &str| lookup::text(detail, path).filter(|text| !text.is_empty());
    let listed = RESOURCES.into_iter().filter_map(|(kind, arn, name)| {
        Some(Resource {
            kind: kind.to_owned(),
            arn: text(arn).map(str::to_owned),
            name: text(name)?.to_owned(),
        })
    });
    // Access Analyzer names one resource by ARN, with its CloudFormation type beside.
    let analysed = text("resource").map(|arn| Resource {
        kind: text("resourceType").unwrap_or("AWS::Resource").to_owned(),
        arn: Some(arn.to_owned()),
        name: arn.rsplit([':', '/']).next().unwrap_or(arn).to_owned(),
    });
    let owner = text("resource.accessKeyDetails.userName").map(|name| Resource {
        kind: match text("resource.accessKeyDetails.userType") {
            Some("AssumedRole" | "Role") => "AWS::IAM::Role".to_owned(),
            _ => "AWS::IAM::User".to_owned(),
        },
        arn: None,
        name: name.to_owned(),
    });
    analysed.into_iter().chain(listed).chain(owner).collect()
}

/// Whose credentials GuardDuty saw.
pub(crate) fn principal(event: &Event) -> Option<Principal> {
    let detail = detail(event)?;
    let text = |key: &str| {
        let path = format!("resource.accessKeyDetails.{key}");
        lookup::text(detail, &path).map(str::to_owned)
    };
    Some(Principal {
        kind: text("userType"),
        name: text("userName"),
        access_key_id: text("accessKeyId"),
        ..Principal::default()
    })
}

/// Address of the other side.
pub(crate) fn source_ip(event: &Event) -> Option<&str> {
    let detail = detail(event)?;
    let mut found = REMOTE_ADDRESSES
        .iter()
        .filter_map(|path| lookup::text(detail, path));
    found.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn native(source: &str, detail: Value) -> Event {
        Event {
            kind: Kind::Native {
                source: source.into(),
                detail_type: "GuardDuty Finding".into(),
            },
            record: detail,
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            id: "f/2026-05-01T10:00:00Z".into(),
            time: "2026-05-01T10:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn resources_are_read_from_their_own_places() {
        let analysed =
            json!({ "resource": "arn:aws:s3:::logs", "resourceType": "AWS::S3::Bucket" });
        let cases = [
            (
                "instance",
                json!({ "resource": { "instanceDetails": { "instanceId": "i-1" } } }),
                Some("AWS::EC2::Instance/i-1"),
            ),
            (
                "bucket",
                json!({ "resource": { "s3BucketDetails": [{ "arn": "arn:aws:s3:::b", "name": "b" }] } }),
                Some("arn:aws:s3:::b"),
            ),
            (
                "user",
                json!({ "resource": { "accessKeyDetails": { "userName": "alice" } } }),
                Some("AWS::IAM::User/alice"),
            ),
            ("access analyzer", analysed, Some("arn:aws:s3:::logs")),
            (
                "health",
                json!({ "affectedEntities": [{ "entityValue": "AKIA" }] }),
                Some("AWS::Health::Entity/AKIA"),
            ),
            ("nothing", json!({ "resource": 7 }), None),
        ];
        for (name, detail, expected) in cases {
            let found = resources(&native("aws.guardduty", detail));
            assert_eq!(
                found.first().map(Resource::key).as_deref(),
                expected,
                "{name}"
            );
        }
    }
}

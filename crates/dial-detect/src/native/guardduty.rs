//! GuardDuty: findings about every kind of resource, and attack sequences over many.

use super::{Found, Reporter};
use crate::normalise::lookup;
use crate::resources;
use dial_core::finding::{Principal, Resource};
use serde_json::Value;

pub(super) const REPORTER: Reporter = Reporter {
    source: "aws.guardduty",
    name: "GuardDuty",
    kind: "type",
    message: "description",
    resources: about,
    principal: who,
    addresses: &[
        "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4",
        "service.action.networkConnectionAction.remoteIpDetails.ipAddressV4",
        "service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV4",
        "service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV4",
        "service.action.rdsLoginAttemptAction.remoteIpDetails.ipAddressV4",
        "service.action.awsApiCallAction.remoteIpDetails.ipAddressV6",
        "service.action.networkConnectionAction.remoteIpDetails.ipAddressV6",
        "service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV6",
        "service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV6",
        "service.action.rdsLoginAttemptAction.remoteIpDetails.ipAddressV6",
        "service.action.kubernetesApiCallAction.sourceIPs",
        "service.detection.sequence.endpoints.ip",
    ],
};

/// Path of a name or ARN, and the type of what it names, in the order in which a finding is
/// about them.
const NAMES: [(&str, &str); 17] = [
    ("resource.s3BucketDetails.arn", "AWS::S3::Bucket"),
    ("resource.eksClusterDetails.arn", "AWS::EKS::Cluster"),
    ("resource.ecsClusterDetails.arn", "AWS::ECS::Cluster"),
    (
        "resource.rdsDbInstanceDetails.dbInstanceArn",
        "AWS::RDS::DBInstance",
    ),
    (
        "resource.rdsDbInstanceDetails.dbClusterIdentifier",
        "AWS::RDS::DBCluster",
    ),
    (
        "resource.rdsLimitlessDbDetails.dbShardGroupArn",
        "AWS::RDS::DBShardGroup",
    ),
    (
        "resource.rdsLimitlessDbDetails.dbClusterIdentifier",
        "AWS::RDS::DBCluster",
    ),
    (
        "resource.lambdaDetails.functionArn",
        "AWS::Lambda::Function",
    ),
    ("resource.instanceDetails.instanceId", "AWS::EC2::Instance"),
    (
        "resource.ebsVolumeDetails.scannedVolumeDetails.volumeArn",
        "AWS::EC2::Volume",
    ),
    (
        "resource.ebsSnapshotDetails.snapshotArn",
        "AWS::EC2::Snapshot",
    ),
    ("resource.ec2ImageDetails.imageArn", "AWS::EC2::Image"),
    (
        "resource.recoveryPointDetails.recoveryPointArn",
        "AWS::Backup::RecoveryPoint",
    ),
    (
        "resource.recoveryPointDetails.backupVaultName",
        "AWS::Backup::BackupVault",
    ),
    (
        "resource.bedrockGuardrailDetails.guardrailArn",
        "AWS::Bedrock::Guardrail",
    ),
    (
        "resource.ecsClusterDetails.taskDetails.arn",
        "AWS::ECS::Task",
    ),
    (
        "resource.accessKeyDetails.accessKeyId",
        "AWS::IAM::AccessKey",
    ),
];

/// Types of a sequence's resources.
const SEQUENCE: [(&str, &str); 15] = [
    ("ACCESS_KEY", "AWS::IAM::AccessKey"),
    (
        "AUTOSCALING_AUTO_SCALING_GROUP",
        "AWS::AutoScaling::AutoScalingGroup",
    ),
    ("BEDROCK_GUARDRAIL", "AWS::Bedrock::Guardrail"),
    ("CLOUDFORMATION_STACK", "AWS::CloudFormation::Stack"),
    ("EC2_IMAGE", "AWS::EC2::Image"),
    ("EC2_INSTANCE", "AWS::EC2::Instance"),
    ("EC2_LAUNCH_TEMPLATE", "AWS::EC2::LaunchTemplate"),
    ("EC2_NETWORK_INTERFACE", "AWS::EC2::NetworkInterface"),
    ("EC2_VPC", "AWS::EC2::VPC"),
    ("ECS_CLUSTER", "AWS::ECS::Cluster"),
    ("ECS_TASK", "AWS::ECS::Task"),
    ("EKS_CLUSTER", "AWS::EKS::Cluster"),
    ("IAM_INSTANCE_PROFILE", "AWS::IAM::InstanceProfile"),
    ("S3_BUCKET", "AWS::S3::Bucket"),
    ("S3_OBJECT", "AWS::S3::Object"),
];

fn about(found: Found<'_>) -> Vec<Resource> {
    let sequence = lookup::all(&found.event.record, "service.detection.sequence.resources");
    let sequence = sequence.into_iter().filter_map(|it| of_sequence(found, it));
    let named = NAMES.iter().flat_map(|(path, kind)| {
        let texts = found.texts(path);
        texts.map(|text| resource(found, kind, text))
    });
    let is_key = |resource: &Resource| resource.kind == "AWS::IAM::AccessKey";
    let (keys, attacked): (Vec<_>, Vec<_>) = sequence.chain(named).partition(is_key);
    // The credentials come last: what was attacked goes before what it was attacked with.
    let holders = owners(found);
    attacked.into_iter().chain(holders).chain(keys).collect()
}

fn resource(found: Found<'_>, kind: &str, text: &str) -> Resource {
    if text.starts_with("arn:") {
        return resources::by_arn(text, Some(kind));
    }
    found.named(kind, text)
}

/// One member of an attack sequence; `uid` is its ARN, or its id.
fn of_sequence(found: Found<'_>, member: &Value) -> Option<Resource> {
    let uid = lookup::text(member, "uid").filter(|uid| !uid.is_empty())?;
    let stated = lookup::text(member, "resourceType");
    let known = SEQUENCE.iter().find(|(word, _)| Some(*word) == stated);
    match known {
        Some((_, kind)) => Some(resource(found, kind, uid)),
        None => uid
            .starts_with("arn:")
            .then(|| resources::by_arn(uid, None)),
    }
}

/// Users and roles whose credentials were seen. IAM names them without path, so without ARN.
fn owners(found: Found<'_>) -> Vec<Resource> {
    let parents = [
        "resource.accessKeyDetails",
        "service.detection.sequence.resources.data.accessKey",
    ];
    let details = parents.into_iter().flat_map(|path| {
        let details = lookup::all(&found.event.record, path);
        details.into_iter().filter_map(owner)
    });
    details.collect()
}

fn owner(details: &Value) -> Option<Resource> {
    let name = lookup::text(details, "userName").filter(|name| !name.is_empty())?;
    let kind = match lookup::text(details, "userType")? {
        "AssumedRole" | "Role" => "AWS::IAM::Role",
        "IAMUser" => "AWS::IAM::User",
        _ => return None,
    };
    Some(Resource {
        kind: kind.to_owned(),
        arn: None,
        name: name.to_owned(),
    })
}

/// By kind of finding: the holder of the key, of the cluster's, of the database's credentials,
/// the first actor of a sequence.
fn who(found: Found<'_>) -> Principal {
    let actor = "service.detection.sequence.actors.user";
    let user = "resource.kubernetesDetails.kubernetesUserDetails";
    let first = |paths: [&str; 4]| paths.into_iter().find_map(|path| found.owned(path));
    Principal {
        kind: first([
            "resource.accessKeyDetails.userType",
            &format!("{actor}.type"),
            "",
            "",
        ]),
        name: first([
            "resource.accessKeyDetails.userName",
            &format!("{actor}.name"),
            &format!("{user}.username"),
            "resource.rdsDbUserDetails.user",
        ]),
        account: found.owned(&format!("{actor}.account.uid")),
        access_key_id: first([
            "resource.accessKeyDetails.accessKeyId",
            &format!("{actor}.credentialUid"),
            "",
            "",
        ]),
        ..Principal::default()
    }
}

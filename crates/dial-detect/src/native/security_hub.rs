//! Security Hub: findings of any product in one format; each event here holds one of them.

use super::{Found, Reporter, nobody};
use crate::normalise::lookup;
use crate::resources;
use dial_core::finding::Resource;
use serde_json::Value;

pub(super) const REPORTER: Reporter = Reporter {
    source: "aws.securityhub",
    name: "Security Hub",
    kind: "findings.Types",
    message: "findings.Description",
    resources: about,
    principal: nobody,
    addresses: &[
        "findings.Action.AwsApiCallAction.RemoteIpDetails.IpAddressV4",
        "findings.Action.NetworkConnectionAction.RemoteIpDetails.IpAddressV4",
        "findings.Action.PortProbeAction.PortProbeDetails.RemoteIpDetails.IpAddressV4",
        "findings.Network.SourceIpV4",
        "findings.Network.SourceIpV6",
    ],
};

/// Services as Security Hub's types spell them, where CloudFormation spells them otherwise.
const SERVICES: [(&str, &str); 21] = [
    ("AmazonMq", "AmazonMQ"),
    ("ApiGatewayV2", "ApiGatewayV2"),
    ("CodeBuild", "CodeBuild"),
    ("Dms", "DMS"),
    ("DynamoDb", "DynamoDB"),
    ("Ec2", "EC2"),
    ("Ecr", "ECR"),
    ("Ecs", "ECS"),
    ("Efs", "EFS"),
    ("Eks", "EKS"),
    ("ElasticLoadBalancingV2", "ElasticLoadBalancingV2"),
    ("Elbv2", "ElasticLoadBalancingV2"),
    ("Iam", "IAM"),
    ("Kms", "KMS"),
    ("OpenSearchService", "OpenSearchService"),
    ("Rds", "RDS"),
    ("Sns", "SNS"),
    ("Sqs", "SQS"),
    ("Ssm", "SSM"),
    ("Waf", "WAF"),
    ("Wafv2", "WAFv2"),
];
/// Services whose names both spell alike.
const SAME: [&str; 13] = [
    "ApiGateway",
    "AutoScaling",
    "Backup",
    "CloudFormation",
    "CloudFront",
    "CloudTrail",
    "CloudWatch",
    "Lambda",
    "Redshift",
    "Route53",
    "S3",
    "SageMaker",
    "SecretsManager",
];

fn about(found: Found<'_>) -> Vec<Resource> {
    let listed = lookup::all(&found.event.record, "findings.Resources").into_iter();
    listed.filter_map(|it| resource(found, it)).collect()
}

fn resource(found: Found<'_>, listed: &Value) -> Option<Resource> {
    let id = lookup::text(listed, "Id").filter(|id| !id.is_empty())?;
    let kind = lookup::text(listed, "Type").and_then(cloudformation_type);
    if id.starts_with("arn:") {
        return Some(resources::by_arn(id, kind.as_deref()));
    }
    // `AWS::::Account:111122223333` and `AWS::IAM::AccessKey:AKIA…`.
    let name = id.rsplit([':', '/']).next().unwrap_or(id);
    Some(found.named(kind.as_deref().unwrap_or("AWS::Resource"), name))
}

/// `AwsEc2SecurityGroup` → `AWS::EC2::SecurityGroup`; `None` for what CloudFormation lacks.
fn cloudformation_type(word: &str) -> Option<String> {
    let rest = word.strip_prefix("Aws")?;
    let spelt = SERVICES.iter().copied();
    let services = spelt.chain(SAME.iter().map(|name| (*name, *name)));
    // The longest prefix: `ApiGatewayV2` before `ApiGateway`.
    let (theirs, ours) = services
        .filter(|(theirs, _)| rest.starts_with(theirs))
        .max_by_key(|(theirs, _)| theirs.len())?;
    let kind = rest.get(theirs.len()..).filter(|kind| !kind.is_empty())?;
    let kind = match (ours, kind) {
        ("RDS", "DbInstance") => "DBInstance",
        ("RDS", "DbCluster") => "DBCluster",
        ("RDS", "DbSnapshot") => "DBSnapshot",
        ("RDS", "DbClusterSnapshot") => "DBClusterSnapshot",
        ("EC2", "Vpc") => "VPC",
        ("IAM", "Policy") => "ManagedPolicy",
        (_, kind) => kind,
    };
    Some(format!("AWS::{ours}::{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_cloudformation_names_them() {
        let cases = [
            ("AwsEc2SecurityGroup", Some("AWS::EC2::SecurityGroup")),
            ("AwsEc2Vpc", Some("AWS::EC2::VPC")),
            ("AwsS3Bucket", Some("AWS::S3::Bucket")),
            ("AwsIamAccessKey", Some("AWS::IAM::AccessKey")),
            ("AwsIamPolicy", Some("AWS::IAM::ManagedPolicy")),
            (
                "AwsRdsDbClusterSnapshot",
                Some("AWS::RDS::DBClusterSnapshot"),
            ),
            ("AwsApiGatewayV2Stage", Some("AWS::ApiGatewayV2::Stage")),
            ("AwsApiGatewayStage", Some("AWS::ApiGateway::Stage")),
            ("AwsAccount", None),
            ("AwsLambda", None),
            ("Other", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(cloudformation_type(word).as_deref(), expected, "{word}");
        }
    }
}

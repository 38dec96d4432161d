//! Where each service names its resources, and what their ARNs look like.

mod network;

use crate::normalise::Call;

/// One place in the records of a service that names a resource.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// `eventSource`.
    source: &'static str,
    /// Event names, without date suffix, that it applies to; empty for all.
    events: &'static [&'static str],
    /// Path in the request; in the response with `response.` before it, in what a service
    /// tells of its own accord with `details.`.
    pub(super) path: &'static str,
    /// Type as `CloudFormation` names it.
    pub(super) kind: &'static str,
    /// ARN with `{p}`artition, `{r}`egion, `{a}`ccount and `{n}`ame; empty where the record
    /// does not decide it.
    pub(super) arn: &'static str,
}

impl Field {
    pub(super) fn source(&self) -> &'static str {
        self.source
    }

    /// The name in an ARN of this type, whatever its region and account.
    pub(super) fn name_in<'a>(&self, arn: &'a str) -> Option<&'a str> {
        let mut parts = arn.split(':').skip(1);
        let (partition, _service) = (parts.next()?, parts.next()?);
        let (region, account) = (parts.next()?, parts.next()?);
        let prefix = self.arn.strip_suffix("{n}")?;
        let prefix = prefix
            .replace("{p}", partition)
            .replace("{r}", region)
            .replace("{a}", account);
        arn.strip_prefix(prefix.as_str())
    }

    pub(super) fn fits(&self, call: &Call<'_>) -> bool {
        self.source == call.source()
            && (self.events.is_empty() || self.events.contains(&call.name()))
    }
}

const fn field(
    source: &'static str,
    path: &'static str,
    kind: &'static str,
    arn: &'static str,
) -> Field {
    Field {
        source,
        events: &[],
        path,
        kind,
        arn,
    }
}

const fn of(events: &'static [&'static str], field: Field) -> Field {
    Field { events, ..field }
}

const BACKUP: &str = "backup.amazonaws.com";
const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";
const CODEBUILD: &str = "codebuild.amazonaws.com";
const CONFIG: &str = "config.amazonaws.com";
const DYNAMODB: &str = "dynamodb.amazonaws.com";
const ECR: &str = "ecr.amazonaws.com";
const EKS: &str = "eks.amazonaws.com";
const ES: &str = "es.amazonaws.com";
const EVENTS: &str = "events.amazonaws.com";
const GUARDDUTY: &str = "guardduty.amazonaws.com";
const IAM: &str = "iam.amazonaws.com";
const KMS: &str = "kms.amazonaws.com";
const LAMBDA: &str = "lambda.amazonaws.com";
const LOGS: &str = "logs.amazonaws.com";
const MONITORING: &str = "monitoring.amazonaws.com";
const RDS: &str = "rds.amazonaws.com";
const ROUTE53: &str = "route53.amazonaws.com";
const S3: &str = "s3.amazonaws.com";
const S3_EXPRESS: &str = "s3express.amazonaws.com";
const S3_TABLES: &str = "s3tables.amazonaws.com";
const SECRETS: &str = "secretsmanager.amazonaws.com";
const SNS: &str = "sns.amazonaws.com";
const SQS: &str = "sqs.amazonaws.com";
const SSM: &str = "ssm.amazonaws.com";
const STS: &str = "sts.amazonaws.com";

/// All places; within one service, what the call is about comes first.
pub(super) fn fields() -> impl Iterator<Item = &'static Field> {
    network::FIELDS.iter().chain(FIELDS)
}

/// By service; within one, what the call is about comes first.
///
/// IAM names may have a path before them, so their ARN is taken from the response or left out.
static FIELDS: &[Field] = &[
    field(
        BACKUP,
        "backupVaultName",
        "AWS::Backup::BackupVault",
        "arn:{p}:backup:{r}:{a}:backup-vault:{n}",
    ),
    field(
        CLOUDTRAIL,
        "response.trailARN",
        "AWS::CloudTrail::Trail",
        "",
    ),
    field(CLOUDTRAIL, "name", "AWS::CloudTrail::Trail", TRAIL),
    field(CLOUDTRAIL, "trailName", "AWS::CloudTrail::Trail", TRAIL),
    field(CODEBUILD, "projectArn", "AWS::CodeBuild::Project", ""),
    field(CODEBUILD, "projectName", "AWS::CodeBuild::Project", PROJECT),
    field(
        CONFIG,
        "configurationRecorderName",
        "AWS::Config::ConfigurationRecorder",
        "",
    ),
    field(
        CONFIG,
        "configurationRecorder.name",
        "AWS::Config::ConfigurationRecorder",
        "",
    ),
    field(
        CONFIG,
        "deliveryChannelName",
        "AWS::Config::DeliveryChannel",
        "",
    ),
    field(CONFIG, "configRuleName", "AWS::Config::ConfigRule", ""),
    field(
        DYNAMODB,
        "tableName",
        "AWS::DynamoDB::Table",
        "arn:{p}:dynamodb:{r}:{a}:table/{n}",
    ),
    field(DYNAMODB, "tableArn", "AWS::DynamoDB::Table", ""),
    field(
        ECR,
        "repositoryName",
        "AWS::ECR::Repository",
        "arn:{p}:ecr:{r}:{a}:repository/{n}",
    ),
    field(
        EKS,
        "name",
        "AWS::EKS::Cluster",
        "arn:{p}:eks:{r}:{a}:cluster/{n}",
    ),
    field(
        ES,
        "domainName",
        "AWS::OpenSearchService::Domain",
        "arn:{p}:es:{r}:{a}:domain/{n}",
    ),
    of(
        &["DeleteRule", "DisableRule", "EnableRule", "PutRule"],
        field(EVENTS, "name", "AWS::Events::Rule", ""),
    ),
    of(
        &["PutTargets", "RemoveTargets"],
        field(EVENTS, "rule", "AWS::Events::Rule", ""),
    ),
    of(
        &["PutPermission", "RemovePermission"],
        field(
            EVENTS,
            "eventBusName",
            "AWS::Events::EventBus",
            "arn:{p}:events:{r}:{a}:event-bus/{n}",
        ),
    ),
    field(
        GUARDDUTY,
        "detectorId",
        "AWS::GuardDuty::Detector",
        "arn:{p}:guardduty:{r}:{a}:detector/{n}",
    ),
    field(IAM, "response.user.arn", "AWS::IAM::User", ""),
    field(IAM, "userName", "AWS::IAM::User", ""),
    field(IAM, "response.accessKey.userName", "AWS::IAM::User", ""),
    field(IAM, "response.role.arn", "AWS::IAM::Role", ""),
    field(IAM, "roleName", "AWS::IAM::Role", ""),
    field(IAM, "response.group.arn", "AWS::IAM::Group", ""),
    field(IAM, "groupName", "AWS::IAM::Group", ""),
    field(IAM, "response.policy.arn", "AWS::IAM::ManagedPolicy", ""),
    field(IAM, "policyArn", "AWS::IAM::ManagedPolicy", ""),
    field(IAM, "instanceProfileName", "AWS::IAM::InstanceProfile", ""),
    field(IAM, "serialNumber", "AWS::IAM::VirtualMFADevice", ""),
    of(
        &["CreateSAMLProvider"],
        field(
            IAM,
            "name",
            "AWS::IAM::SAMLProvider",
            "arn:{p}:iam::{a}:saml-provider/{n}",
        ),
    ),
    field(IAM, "sAMLProviderArn", "AWS::IAM::SAMLProvider", ""),
    field(
        IAM,
        "response.openIDConnectProviderArn",
        "AWS::IAM::OIDCProvider",
        "",
    ),
    field(KMS, "response.keyMetadata.arn", "AWS::KMS::Key", ""),
    field(KMS, "keyId", "AWS::KMS::Key", "arn:{p}:kms:{r}:{a}:key/{n}"),
    field(
        LAMBDA,
        "functionName",
        "AWS::Lambda::Function",
        "arn:{p}:lambda:{r}:{a}:function:{n}",
    ),
    field(
        LAMBDA,
        "layerName",
        "AWS::Lambda::LayerVersion",
        "arn:{p}:lambda:{r}:{a}:layer:{n}",
    ),
    field(
        LOGS,
        "logGroupName",
        "AWS::Logs::LogGroup",
        "arn:{p}:logs:{r}:{a}:log-group:{n}",
    ),
    field(MONITORING, "alarmName", "AWS::CloudWatch::Alarm", ALARM),
    field(MONITORING, "alarmNames", "AWS::CloudWatch::Alarm", ALARM),
    field(
        RDS,
        "dBInstanceIdentifier",
        "AWS::RDS::DBInstance",
        "arn:{p}:rds:{r}:{a}:db:{n}",
    ),
    field(
        RDS,
        "dBClusterIdentifier",
        "AWS::RDS::DBCluster",
        "arn:{p}:rds:{r}:{a}:cluster:{n}",
    ),
    field(
        RDS,
        "dBSnapshotIdentifier",
        "AWS::RDS::DBSnapshot",
        "arn:{p}:rds:{r}:{a}:snapshot:{n}",
    ),
    field(
        RDS,
        "dBClusterSnapshotIdentifier",
        "AWS::RDS::DBClusterSnapshot",
        "arn:{p}:rds:{r}:{a}:cluster-snapshot:{n}",
    ),
    of(
        &["StartExportTask"],
        field(RDS, "sourceArn", "AWS::RDS::DBSnapshot", ""),
    ),
    field(
        ROUTE53,
        "hostedZoneId",
        "AWS::Route53::HostedZone",
        "arn:{p}:route53:::hostedzone/{n}",
    ),
    field(
        ROUTE53,
        "response.hostedZone.id",
        "AWS::Route53::HostedZone",
        "arn:{p}:route53:::hostedzone/{n}",
    ),
    field(S3, "bucketName", "AWS::S3::Bucket", "arn:{p}:s3:::{n}"),
    of(
        &[
            "CreateAccessPoint",
            "DeleteAccessPoint",
            "DeleteAccessPointPolicy",
            "PutAccessPointPolicy",
        ],
        field(
            S3,
            "name",
            "AWS::S3::AccessPoint",
            "arn:{p}:s3:{r}:{a}:accesspoint/{n}",
        ),
    ),
    field(
        S3_EXPRESS,
        "bucketName",
        "AWS::S3Express::DirectoryBucket",
        "arn:{p}:s3express:{r}:{a}:bucket/{n}",
    ),
    field(
        S3_TABLES,
        "tableBucketARN",
        "AWS::S3Tables::TableBucket",
        "",
    ),
    field(SECRETS, "response.aRN", "AWS::SecretsManager::Secret", ""),
    field(SECRETS, "secretId", "AWS::SecretsManager::Secret", ""),
    field(SNS, "topicArn", "AWS::SNS::Topic", ""),
    field(SNS, "response.topicArn", "AWS::SNS::Topic", ""),
    of(
        &["CreateTopic"],
        field(SNS, "name", "AWS::SNS::Topic", "arn:{p}:sns:{r}:{a}:{n}"),
    ),
    field(SQS, "queueUrl", "AWS::SQS::Queue", QUEUE),
    field(SQS, "queueName", "AWS::SQS::Queue", QUEUE),
    of(
        &[
            "DeleteParameter",
            "GetParameter",
            "GetParameterHistory",
            "PutParameter",
        ],
        field(SSM, "name", "AWS::SSM::Parameter", PARAMETER),
    ),
    of(
        &["DeleteParameters", "GetParameters"],
        field(SSM, "names", "AWS::SSM::Parameter", PARAMETER),
    ),
    of(
        &[
            "ModifyDocumentPermission",
            "DeleteDocument",
            "UpdateDocument",
        ],
        field(SSM, "name", "AWS::SSM::Document", ""),
    ),
    field(SSM, "documentName", "AWS::SSM::Document", ""),
    field(SSM, "instanceIds", "AWS::EC2::Instance", INSTANCE),
    of(
        &["StartSession"],
        field(SSM, "target", "AWS::EC2::Instance", ""),
    ),
    field(STS, "roleArn", "AWS::IAM::Role", ""),
];

const ALARM: &str = "arn:{p}:cloudwatch:{r}:{a}:alarm:{n}";
const INSTANCE: &str = "arn:{p}:ec2:{r}:{a}:instance/{n}";
const PARAMETER: &str = "arn:{p}:ssm:{r}:{a}:parameter/{n}";
const PROJECT: &str = "arn:{p}:codebuild:{r}:{a}:project/{n}";
const QUEUE: &str = "arn:{p}:sqs:{r}:{a}:{n}";
const TRAIL: &str = "arn:{p}:cloudtrail:{r}:{a}:trail/{n}";

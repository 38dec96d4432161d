//! Where each service names its resources, and what their ARNs look like.

mod data;
mod identity;
mod network;
mod watchers;

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

const BEDROCK: &str = "bedrock.amazonaws.com";
const CODEBUILD: &str = "codebuild.amazonaws.com";
const ECS: &str = "ecs.amazonaws.com";
const EKS: &str = "eks.amazonaws.com";
const ES: &str = "es.amazonaws.com";
const LAMBDA: &str = "lambda.amazonaws.com";
const ROUTE53: &str = "route53.amazonaws.com";
const ROUTE53_DOMAINS: &str = "route53domains.amazonaws.com";
const S3: &str = "s3.amazonaws.com";
const S3_EXPRESS: &str = "s3express.amazonaws.com";
const S3_TABLES: &str = "s3tables.amazonaws.com";
const SNS: &str = "sns.amazonaws.com";
const SQS: &str = "sqs.amazonaws.com";

/// All places; within one service, what the call is about comes first.
pub(super) fn fields() -> impl Iterator<Item = &'static Field> {
    let tables = [
        network::FIELDS,
        data::FIELDS,
        identity::FIELDS,
        watchers::FIELDS,
        FIELDS,
    ];
    tables.into_iter().flatten()
}

/// By service; within one, what the call is about comes first.
static FIELDS: &[Field] = &[
    field(BEDROCK, "modelId", "AWS::Bedrock::Model", ""),
    field(
        BEDROCK,
        "response.provisionedModelArn",
        "AWS::Bedrock::ProvisionedModelThroughput",
        "",
    ),
    of(
        &["PutResourcePolicy", "DeleteResourcePolicy"],
        field(BEDROCK, "resourceArn", "AWS::Bedrock::CustomModel", ""),
    ),
    field(
        BEDROCK,
        "guardrailIdentifier",
        "AWS::Bedrock::Guardrail",
        "arn:{p}:bedrock:{r}:{a}:guardrail/{n}",
    ),
    field(CODEBUILD, "projectArn", "AWS::CodeBuild::Project", ""),
    field(CODEBUILD, "projectName", "AWS::CodeBuild::Project", PROJECT),
    field(ECS, "task", "AWS::ECS::Task", ""),
    field(ECS, "service", "AWS::ECS::Service", ""),
    field(ECS, "serviceName", "AWS::ECS::Service", ""),
    field(
        ECS,
        "response.taskDefinition.taskDefinitionArn",
        "AWS::ECS::TaskDefinition",
        "",
    ),
    of(
        &["RegisterTaskDefinition"],
        field(ECS, "family", "AWS::ECS::TaskDefinition", ""),
    ),
    field(
        ECS,
        "clusterName",
        "AWS::ECS::Cluster",
        "arn:{p}:ecs:{r}:{a}:cluster/{n}",
    ),
    field(
        ECS,
        "cluster",
        "AWS::ECS::Cluster",
        "arn:{p}:ecs:{r}:{a}:cluster/{n}",
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
    field(
        LAMBDA,
        "functionName",
        "AWS::Lambda::Function",
        "arn:{p}:lambda:{r}:{a}:function:{n}",
    ),
    of(
        &[
            "CreateEventSourceMapping",
            "DeleteEventSourceMapping",
            "UpdateEventSourceMapping",
        ],
        field(LAMBDA, "response.functionArn", "AWS::Lambda::Function", ""),
    ),
    field(
        LAMBDA,
        "layerName",
        "AWS::Lambda::LayerVersion",
        "arn:{p}:lambda:{r}:{a}:layer:{n}",
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
    of(
        &[
            "DeleteHostedZone",
            "DisableHostedZoneDNSSEC",
            "EnableHostedZoneDNSSEC",
        ],
        field(
            ROUTE53,
            "id",
            "AWS::Route53::HostedZone",
            "arn:{p}:route53:::hostedzone/{n}",
        ),
    ),
    field(
        ROUTE53_DOMAINS,
        "domainName",
        "AWS::Route53Domains::Domain",
        "",
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
    field(SNS, "topicArn", "AWS::SNS::Topic", ""),
    field(SNS, "response.topicArn", "AWS::SNS::Topic", ""),
    of(
        &["Unsubscribe"],
        field(SNS, "subscriptionArn", "AWS::SNS::Topic", ""),
    ),
    of(
        &["CreateTopic"],
        field(SNS, "name", "AWS::SNS::Topic", "arn:{p}:sns:{r}:{a}:{n}"),
    ),
    field(SQS, "queueUrl", "AWS::SQS::Queue", QUEUE),
    field(SQS, "queueName", "AWS::SQS::Queue", QUEUE),
];

const INSTANCE: &str = "arn:{p}:ec2:{r}:{a}:instance/{n}";
const PROJECT: &str = "arn:{p}:codebuild:{r}:{a}:project/{n}";
const QUEUE: &str = "arn:{p}:sqs:{r}:{a}:{n}";

//! Where and when AWS records a service's calls: regions, reads, dated names, data events.

use crate::engine::Delivery;

/// Services whose calls are recorded in us-east-1 whatever region was called.
///
/// Source: CloudTrail user guide, global service events, and records. Regional services are left
/// out when in doubt: patterns for every region exist in us-east-1 too.
const US_EAST_1: [&str; 12] = [
    "account.amazonaws.com",
    "budgets.amazonaws.com",
    "ce.amazonaws.com",
    "cloudfront.amazonaws.com",
    "iam.amazonaws.com",
    "organizations.amazonaws.com",
    "route53.amazonaws.com",
    "route53domains.amazonaws.com",
    "shield.amazonaws.com",
    "support.amazonaws.com",
    "trustedadvisor.amazonaws.com",
    "waf.amazonaws.com",
];

/// Services that add the date of their API to event names: `CreateFunction20150331`.
pub(super) const DATED: [&str; 2] = ["cloudfront.amazonaws.com", "lambda.amazonaws.com"];

/// How names of calls that only read begin.
const READ_VERBS: [&str; 22] = [
    "AdminGet",
    "AdminList",
    "Assume",
    "BatchCheck",
    "BatchDescribe",
    "BatchGet",
    "BatchIs",
    "Check",
    "Describe",
    "Discover",
    "Filter",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Preview",
    "Query",
    "Scan",
    "Search",
    "Select",
    "Simulate",
    "Validate",
];

/// Calls that CloudTrail marks as reading though their names do not say so.
const READ_NAMES: [&str; 14] = [
    "AssumeRole",
    "Decrypt",
    "DownloadDBLogFilePortion",
    "Encrypt",
    "EstimateTemplateCost",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncrypt",
    "StartQuery",
    "TestEventPattern",
    "Verify",
    "VerifyMac",
];

/// Calls that count as writing though their names say otherwise.
const WRITE_NAMES: [&str; 3] = ["GetFederationToken", "GetSessionToken", "GetSigninToken"];

/// Data events of the services that have the most, and the type that a trail has to select.
///
/// Source: CloudTrail user guide, logging data events.
const DATA_EVENTS: [(&str, &[&str], &str); 13] = [
    ("bedrock", &["InvokeAgent"], "AWS::Bedrock::AgentAlias"),
    (
        "bedrock",
        &["InvokeInlineAgent"],
        "AWS::Bedrock::InlineAgent",
    ),
    (
        "bedrock",
        &["Retrieve", "RetrieveAndGenerate"],
        "AWS::Bedrock::KnowledgeBase",
    ),
    (
        "dynamodb",
        &[
            "BatchExecuteStatement",
            "BatchGetItem",
            "BatchWriteItem",
            "DeleteItem",
            "ExecuteStatement",
            "ExecuteTransaction",
            "GetItem",
            "GetRecords",
            "PutItem",
            "Query",
            "Scan",
            "TransactGetItems",
            "TransactWriteItems",
            "UpdateItem",
        ],
        "AWS::DynamoDB::Table",
    ),
    (
        "ebs",
        &[
            "CompleteSnapshot",
            "GetSnapshotBlock",
            "ListChangedBlocks",
            "ListSnapshotBlocks",
            "PutSnapshotBlock",
            "StartSnapshot",
        ],
        "AWS::EC2::Snapshot",
    ),
    (
        "cognito-identity",
        &["GetCredentialsForIdentity", "GetId", "GetOpenIdToken"],
        "AWS::Cognito::IdentityPool",
    ),
    (
        "kinesis",
        &["GetRecords", "PutRecord", "PutRecords"],
        "AWS::Kinesis::Stream",
    ),
    (
        "lambda",
        &["Invoke", "InvokeAsync", "InvokeExecution", "InvokeFunction"],
        "AWS::Lambda::Function",
    ),
    (
        "rdsdata",
        &[
            "BatchExecuteStatement",
            "BeginTransaction",
            "ExecuteStatement",
        ],
        "AWS::RDS::DBCluster",
    ),
    (
        "s3",
        &[
            "AbortMultipartUpload",
            "CompleteMultipartUpload",
            "CopyObject",
            "CreateMultipartUpload",
            "DeleteObject",
            "DeleteObjectTagging",
            "DeleteObjects",
            "GetObject",
            "GetObjectAcl",
            "GetObjectAttributes",
            "GetObjectLegalHold",
            "GetObjectRetention",
            "GetObjectTagging",
            "GetObjectTorrent",
            "HeadBucket",
            "HeadObject",
            "ListMultipartUploads",
            "ListObjectVersions",
            "ListObjects",
            "ListObjectsV2",
            "ListParts",
            "PutObject",
            "PutObjectAcl",
            "PutObjectLegalHold",
            "PutObjectRetention",
            "PutObjectTagging",
            "RestoreObject",
            "SelectObjectContent",
            "UploadPart",
            "UploadPartCopy",
        ],
        "AWS::S3::Object",
    ),
    (
        "ses",
        &[
            "SendBulkEmail",
            "SendEmail",
            "SendRawEmail",
            "SendTemplatedEmail",
        ],
        "AWS::SES::EmailIdentity",
    ),
    ("sns", &["Publish", "PublishBatch"], "AWS::SNS::Topic"),
    (
        "sqs",
        &[
            "ChangeMessageVisibility",
            "DeleteMessage",
            "DeleteMessageBatch",
            "ReceiveMessage",
            "SendMessage",
            "SendMessageBatch",
        ],
        "AWS::SQS::Queue",
    ),
];

/// Whether a service's calls are recorded in us-east-1 only.
pub(super) fn is_us_east_1(event_source: &str) -> bool {
    US_EAST_1.contains(&event_source)
}

/// Whether a service dates its event names.
pub(super) fn dates_names(event_source: &str) -> bool {
    DATED.contains(&event_source)
}

/// Whether a call only reads, so that only rules for all management events get it.
///
/// Wrongly yes costs deliveries, wrongly no loses them: the rule's word and the verb's both count.
pub(super) fn is_read(name: &str, delivery: Option<Delivery>) -> bool {
    let begins = |verb: &&str| {
        let start = name.get(..verb.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(verb))
    };
    let among = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let by_name = READ_VERBS.iter().any(begins) || among(&READ_NAMES);
    delivery == Some(Delivery::Read) || (by_name && !counts_as_write(name))
}

/// Whether `EventBridge` takes a call for writing whatever its name says.
pub(crate) fn counts_as_write(name: &str) -> bool {
    let mut names = WRITE_NAMES.iter();
    names.any(|known| known.eq_ignore_ascii_case(name))
}

/// What a trail has to select for a call to be recorded; `None` for a management event.
pub(crate) fn data_resource(event_source: &str, name: &str) -> Option<&'static str> {
    let service = event_source.strip_suffix(".amazonaws.com")?;
    let mut events = DATA_EVENTS.iter().filter(|(known, ..)| *known == service);
    let found = events.find(|(_, names, _)| {
        let mut names = names.iter();
        names.any(|known| known.eq_ignore_ascii_case(name))
    });
    found.map(|(.., resource)| *resource)
}

//! Payloads as Lambda hands them over, around the records in `tests/fixtures`.

use serde_json::{Value, json};
use std::path::Path;

/// Account of every fixture.
pub const ACCOUNT: &str = "111122223333";
/// Region of every fixture that is not global.
pub const REGION: &str = "eu-west-1";

/// A record, such as `ec2/authorize_ingress_ssh_anyone`.
pub fn record(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let path = folder.join(format!("{name}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The same call once more: another event id gives another finding.
pub fn with_id(mut record: Value, event_id: &str) -> Value {
    record["eventID"] = event_id.into();
    record
}

/// The EventBridge event of an API call.
pub fn eventbridge(record: &Value) -> Value {
    let service = record["eventSource"].as_str().unwrap_or_default();
    let service = service.split('.').next().unwrap_or_default();
    json!({
        "version": "0",
        "id": "7f0b7a52-4f5e-4a34-9f0c-0d8d1b1f6a10",
        "detail-type": "AWS API Call via CloudTrail",
        "source": format!("aws.{service}"),
        "account": record["recipientAccountId"],
        "time": record["eventTime"],
        "region": record["awsRegion"],
        "resources": [],
        "detail": record,
    })
}

/// An SQS batch of messages, each with its id and its body.
pub fn queue<'a>(messages: impl IntoIterator<Item = (&'a str, String)>) -> Value {
    let records = messages.into_iter().map(|(id, body)| {
        json!({
            "messageId": id,
            "receiptHandle": format!("receipt-{id}"),
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1777629600000"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:dial-worker"),
            "awsRegion": REGION,
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// The S3 notification of a new object.
pub fn object_created(bucket: &str, key: &str, size: usize) -> Value {
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": "2026-05-01T10:05:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket, "arn": format!("arn:aws:s3:::{bucket}")},
            "object": {"key": key, "size": size, "sequencer": "0066310B5C1E2D3F40"},
        },
    }]})
}

/// The EventBridge event of a GuardDuty finding.
pub fn guardduty(account: &str) -> Value {
    json!({
        "version": "0",
        "id": "0d6f3c1e-9b3b-4a6e-8a35-2d1b8b2f1c55",
        "detail-type": "GuardDuty Finding",
        "source": "aws.guardduty",
        "account": ACCOUNT,
        "time": "2026-05-01T10:10:00Z",
        "region": REGION,
        "resources": [],
        "detail": {
            "schemaVersion": "2.0",
            "accountId": account,
            "region": REGION,
            "partition": "aws",
            "id": "5ac5b0a1d9e64b7c8f2d3e4f50617283",
            "arn": format!("arn:aws:guardduty:{REGION}:{account}:detector/12abc34d567e8fa901bc2d34e56789f0/finding/5ac5b0a1d9e64b7c8f2d3e4f50617283"),
            "type": "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
            "resource": {
                "resourceType": "AccessKey",
                "accessKeyDetails": {
                    "accessKeyId": "ASIAEXAMPLE000000009",
                    "principalId": "AROAEXAMPLE000000009:i-0123456789abcdef0",
                    "userType": "AssumedRole",
                    "userName": "web",
                },
            },
            "service": {
                "serviceName": "guardduty",
                "detectorId": "12abc34d567e8fa901bc2d34e56789f0",
                "action": {
                    "actionType": "AWS_API_CALL",
                    "awsApiCallAction": {
                        "api": "ListBuckets",
                        "serviceName": "s3.amazonaws.com",
                        "callerType": "Remote IP",
                        "remoteIpDetails": {"ipAddressV4": "203.0.113.50"},
                    },
                },
                "eventFirstSeen": "2026-05-01T10:00:00Z",
                "eventLastSeen": "2026-05-01T10:04:00Z",
                "archived": false,
                "count": 3,
            },
            "severity": 8,
            "createdAt": "2026-05-01T10:05:00.000Z",
            "updatedAt": "2026-05-01T10:05:00.000Z",
            "title": "Credentials of an instance role used from outside AWS.",
            "description": "Credentials created for an EC2 instance were used from an external address.",
        },
    })
}

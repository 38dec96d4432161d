//! Acceptances for the unit tests of this module.

use dial_core::finding::{Account, EventRef, Finding, Principal, Resource, RuleRef, Source};
use dial_core::record::Record;
use dial_core::store::Acceptance;
use dial_core::wire::WorkerInfo;
use dial_core::{FindingId, Severity};
use jiff::Timestamp;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A finding about an event, with a record of about `size` bytes (none for 0).
pub(super) fn acceptance(event: &str, size: usize) -> Acceptance {
    Acceptance {
        finding: finding(event, size),
        sinks: vec!["slack".to_owned(), "thehive".to_owned()],
        received_at: at("2026-05-01T10:00:05Z"),
        expires_at: at("2027-06-05T10:00:05Z"),
        sender: "111122223333/eu-west-1".to_owned(),
    }
}

fn finding(event: &str, size: usize) -> Finding {
    let record = serde_json::json!({ "eventID": event, "filler": "x".repeat(size) });
    let mut finding = Finding {
        id: FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap(),
        rule: RuleRef {
            id: "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11".to_owned(),
            name: "s3_bucket_policy_public".to_owned(),
            title: "S3 bucket policy lets anyone in".to_owned(),
            version: "2026-05-01".to_owned(),
        },
        severity: Severity::High,
        severity_changes: Vec::new(),
        title: "S3 bucket policy lets anyone in".to_owned(),
        explanation: "statement 0 allows s3:GetObject to anyone".to_owned(),
        matched: Vec::new(),
        account: Account {
            id: "111122223333".to_owned(),
            name: Some("production".to_owned()),
        },
        region: "eu-west-1".to_owned(),
        time: at("2026-05-01T10:00:00Z"),
        detected_at: at("2026-05-01T10:00:03Z"),
        event: EventRef {
            id: event.to_owned(),
            source: "s3.amazonaws.com".to_owned(),
            name: "PutBucketPolicy".to_owned(),
            kind: "AwsApiCall".to_owned(),
            read_only: Some(false),
            error_code: None,
        },
        principal: Principal {
            arn: Some("arn:aws:iam::111122223333:user/deploy".to_owned()),
            access_key_id: Some("AKIAIOSFODNN7EXAMPLE".to_owned()),
            ..Principal::default()
        },
        source: Source {
            ip: Some("198.51.100.7".to_owned()),
            ..Source::default()
        },
        resources: vec![Resource {
            kind: "AWS::S3::Bucket".to_owned(),
            arn: Some("arn:aws:s3:::payroll".to_owned()),
            name: "payroll".to_owned(),
        }],
        facts: serde_json::Map::new(),
        attack: vec!["T1530".to_owned()],
        references: Vec::new(),
        incomplete: Vec::new(),
        record: (size > 0).then(|| Record::from_value(&record)),
        record_ref: None,
        suppressed: None,
        worker: WorkerInfo {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            version: "0.1.0".to_owned(),
            rules: "pack".to_owned(),
        },
    };
    finding.id = finding.expected_id();
    finding
}

//! The load: findings that differ in event and resource, as signed batches carry them.

use crate::deployment::worker_id;
use crate::events;
use dial_core::finding::{Account, EventRef, Finding, Principal, Resource, RuleRef, Source};
use dial_core::wire::{Batch, WorkerInfo};
use dial_core::{FindingId, Severity};
use jiff::Timestamp;
use serde_json::Map;

/// Rule of all of them; the master's own findings have others.
pub(super) const RULE: &str = "s3_bucket_policy_public";
/// Sizes of batches, in turn: one alone, some, many.
const SIZES: [usize; 3] = [1, 7, 20];

/// One batch: its bytes before compression, and the findings in it.
#[derive(Debug, Clone)]
pub(super) struct Load {
    /// Body of the request.
    pub(super) json: Vec<u8>,
    /// What it reports.
    pub(super) ids: Vec<FindingId>,
}

/// Batches of so many findings altogether.
pub(super) fn bodies(count: usize) -> Vec<Load> {
    let findings: Vec<Finding> = (0..count).map(finding).collect();
    let mut rest = findings.as_slice();
    let mut loads = Vec::new();
    while !rest.is_empty() {
        let size = SIZES[loads.len() % SIZES.len()].min(rest.len());
        let (batch, further) = rest.split_at(size);
        loads.push(load(batch.to_vec()));
        rest = further;
    }
    loads
}

fn load(findings: Vec<Finding>) -> Load {
    let ids = findings.iter().map(|finding| finding.id.clone()).collect();
    let batch = Batch {
        worker: worker(),
        findings,
    };
    Load {
        json: serde_json::to_vec(&batch).expect("a batch serialises"),
        ids,
    }
}

fn worker() -> WorkerInfo {
    let id = worker_id();
    WorkerInfo {
        account: id.account.to_string(),
        region: id.region.to_string(),
        version: "0.1.0".into(),
        rules: "chaos".into(),
    }
}

/// Each on a resource of its own, so that none is a repeat of another.
fn finding(number: usize) -> Finding {
    let now = Timestamp::now();
    let title = "S3 bucket policy lets anyone in";
    let mut finding = Finding {
        id: FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").expect("is well-formed"),
        rule: RuleRef {
            id: "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11".into(),
            name: RULE.into(),
            title: title.into(),
            version: "1".into(),
        },
        severity: Severity::High,
        severity_changes: Vec::new(),
        title: title.into(),
        explanation: "statement 0 lets anyone do s3:GetObject".into(),
        matched: Vec::new(),
        account: Account {
            id: events::ACCOUNT.into(),
            name: None,
        },
        region: events::REGION.into(),
        time: now,
        detected_at: now,
        event: EventRef {
            id: format!("chaos-{number}"),
            source: "s3.amazonaws.com".into(),
            name: "PutBucketPolicy".into(),
            kind: "AwsApiCall".into(),
            read_only: Some(false),
            error_code: None,
        },
        principal: Principal {
            arn: Some("arn:aws:iam::111122223333:user/deploy".into()),
            ..Principal::default()
        },
        source: Source {
            ip: Some("203.0.113.7".into()),
            ..Source::default()
        },
        resources: vec![Resource {
            kind: "AWS::S3::Bucket".into(),
            arn: Some(format!("arn:aws:s3:::exports-{number}")),
            name: format!("exports-{number}"),
        }],
        facts: Map::new(),
        attack: vec!["T1530".into()],
        references: Vec::new(),
        incomplete: Vec::new(),
        record: None,
        record_ref: None,
        suppressed: None,
        worker: worker(),
    };
    finding.id = finding.expected_id();
    finding
}

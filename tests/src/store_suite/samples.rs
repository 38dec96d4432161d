//! Findings and short words for what the suite does with a store.

use dial_core::finding::{Account, EventRef, Finding, Principal, Resource, RuleRef, Source};
use dial_core::store::triage::Triage;
use dial_core::store::{Acceptance, Cursor, Delivery, Outcome, Page, Query, Store, Summary};
use dial_core::wire::WorkerInfo;
use dial_core::{FindingId, Severity};
use jiff::{SignedDuration, Timestamp};
use serde_json::Map;

/// Rule of findings that do not say otherwise.
pub(super) const RULE: &str = "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11";

/// When everything starts, plus milliseconds.
pub(super) fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_777_629_600_000 + milliseconds).expect("is in range")
}

/// Any time at which nothing of the suite has expired.
pub(super) fn now() -> Timestamp {
    at(60_000)
}

/// A finding of event number `n`; `change` runs before the id is made.
pub(super) fn finding(n: u32, change: impl FnOnce(&mut Finding)) -> Finding {
    let mut finding = Finding {
        id: FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").expect("is well-formed"),
        rule: rule(RULE, "s3_bucket_policy_public"),
        severity: Severity::High,
        severity_changes: Vec::new(),
        title: format!("Bucket {n} lets anyone in"),
        explanation: "Statement 0 allows s3:GetObject to everyone".into(),
        matched: Vec::new(),
        account: Account {
            id: "111122223333".into(),
            name: None,
        },
        region: "eu-west-1".into(),
        time: at(i64::from(n)),
        detected_at: at(i64::from(n) + 1),
        event: EventRef {
            id: format!("event-{n}"),
            source: "s3.amazonaws.com".into(),
            name: "PutBucketPolicy".into(),
            kind: "AwsApiCall".into(),
            read_only: Some(false),
            error_code: None,
        },
        principal: principal("arn:aws:iam::111122223333:user/deploy"),
        source: Source {
            ip: Some("198.51.100.7".into()),
            ..Source::default()
        },
        resources: vec![resource("arn:aws:s3:::exports")],
        facts: Map::new(),
        attack: Vec::new(),
        references: Vec::new(),
        incomplete: Vec::new(),
        record: None,
        record_ref: None,
        suppressed: None,
        worker: WorkerInfo {
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            version: "0.1.0".into(),
            rules: "abc".into(),
        },
    };
    change(&mut finding);
    finding.id = finding.expected_id();
    finding
}

pub(super) fn rule(id: &str, name: &str) -> RuleRef {
    RuleRef {
        id: id.into(),
        name: name.into(),
        title: "S3 bucket policy lets anyone in".into(),
        version: "2026-01-01".into(),
    }
}

pub(super) fn principal(arn: &str) -> Principal {
    Principal {
        arn: Some(arn.into()),
        ..Principal::default()
    }
}

pub(super) fn resource(arn: &str) -> Resource {
    Resource {
        kind: "AWS::S3::Bucket".into(),
        arn: Some(arn.into()),
        name: "exports".into(),
    }
}

/// The finding for two sinks, received at the start, kept for a day.
pub(super) fn acceptance(finding: Finding) -> Acceptance {
    Acceptance {
        finding,
        sinks: vec!["slack".into(), "thehive".into()],
        received_at: at(0),
        expires_at: at(0) + SignedDuration::from_hours(24),
        sender: "111122223333/eu-west-1".into(),
    }
}

/// The line of a finding that nobody touched yet.
pub(super) fn line(finding: &Finding) -> Summary {
    Summary::of(finding, &Triage::default())
}

/// Accepts one, and says what became of it.
pub(super) async fn accept(store: &dyn Store, acceptance: Acceptance) -> Outcome {
    let mut outcomes = accept_all(store, vec![acceptance]).await;
    outcomes.pop().expect("one answer for one finding")
}

/// Accepts a batch in which nothing fails.
pub(super) async fn accept_all(store: &dyn Store, batch: Vec<Acceptance>) -> Vec<Outcome> {
    let count = batch.len();
    let outcomes: Result<Vec<_>, _> = store.accept(batch).await.into_iter().collect();
    let outcomes = outcomes.expect("the store takes everything");
    assert_eq!(outcomes.len(), count, "one answer for each finding");
    outcomes
}

/// Accepts event number `n` and returns its id.
pub(super) async fn accepted(store: &dyn Store, n: u32) -> FindingId {
    let finding = finding(n, |_| {});
    let id = finding.id.clone();
    assert_eq!(accept(store, acceptance(finding)).await, Outcome::New);
    id
}

/// Every line of a list, read in pages of `limit`.
pub(super) async fn list_by(store: &dyn Store, query: &Query, limit: usize) -> Vec<Summary> {
    let mut lines = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = page(store, query, cursor.as_ref(), limit).await;
        assert!(page.items.len() <= limit, "a page holds what was asked for");
        lines.extend(page.items);
        assert!(lines.len() < 10_000, "the list never ends");
        match page.next {
            Some(next) => {
                assert_ne!(Some(&next), cursor.as_ref(), "each page goes on");
                cursor = Some(next);
            }
            None => return lines,
        }
    }
}

pub(super) async fn page(
    store: &dyn Store,
    query: &Query,
    after: Option<&Cursor>,
    limit: usize,
) -> Page {
    let page = store.list(query, after, limit, now()).await;
    page.expect("the store lists")
}

/// The outbox row of a finding for a sink.
pub(super) async fn row(store: &dyn Store, id: &FindingId, sink: &str) -> Delivery {
    let rows = store.deliveries(id).await.expect("the store answers");
    let found = rows.into_iter().find(|row| row.sink == sink);
    found.expect("every sink has a row")
}

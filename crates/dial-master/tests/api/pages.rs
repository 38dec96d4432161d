//! What pages say: rules and what they need, blind spots, what is around a finding, what is not there.

use crate::bed::{Answer, Bed, NOW, Signed, WORKER, finding};
use axum::body::Body;
use dial_core::Severity;
use dial_core::catalogue::{Catalogue, Requirement, RuleCard, Technique};
use dial_core::gzip;
use dial_master::catalogue::Shelf;
use http::{Request, StatusCode};
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;

fn catalogue() -> Catalogue {
    let rule = RuleCard {
        id: "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11".into(),
        name: "s3_bucket_policy_public".into(),
        title: "S3 bucket policy lets anyone in".into(),
        description: "Anyone can read what lies there.\nTake the statement out.".into(),
        level: Severity::High,
        pack: "core".into(),
        version: "2026-01-10".into(),
        attack: vec![Technique {
            id: "T1530".into(),
            name: "Data from Cloud Storage".into(),
            tactics: vec!["collection".into()],
        }],
        falsepositives: vec!["Static websites".into()],
        references: vec![
            "https://example.org/s3".into(),
            "javascript:alert(1)".into(),
        ],
        requires: vec![Requirement::ManagementEvents, Requirement::UsEast1],
        tests: 4,
    };
    Catalogue {
        hash: "0a1b2c3d4e5f".into(),
        version: "0.1.0".into(),
        rules: vec![rule],
    }
}

/// A master whose dashboard is open on loopback and knows one rule.
fn open() -> Bed {
    Bed::with(|parts| {
        parts.dashboard.open = true;
        parts.dashboard.catalogue = Arc::new(Shelf::of(catalogue()));
    })
}

async fn page(bed: &Bed, path: &str) -> Answer {
    let request = Request::get(path).header("host", "127.0.0.1:8600");
    bed.send(request.body(Body::empty()).expect("a request"))
        .await
}

/// A heartbeat of the only worker.
async fn beat(bed: &Bed, rules: &str) {
    let (account, region) = WORKER.split_once('/').expect("account and region");
    let body = json!({
        "worker": {"account": account, "region": region, "version": "0.1.0", "rules": rules},
        "sent_at": Timestamp::from_second(NOW).expect("a time").to_string(),
    });
    let signed = Signed::by(WORKER)
        .body(gzip::deflate(body.to_string().as_bytes()))
        .signed();
    let mut request = signed.request();
    *request.uri_mut() = "/v1/heartbeats".parse().expect("a path");
    assert_eq!(bed.send(request).await.status, StatusCode::OK);
}

fn says(answer: &Answer, texts: &[&str]) {
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    for text in texts {
        assert!(answer.body.contains(text), "{text}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_rule_has_a_page() {
    let bed = open();
    bed.post(&[finding(1)]).await;
    let rule = page(&bed, "/rules/s3_bucket_policy_public").await;
    says(
        &rule,
        &[
            "<title>S3 bucket policy lets anyone in · DIAL</title>",
            "what lies there.\nTake the statement out.</p>",
            "Static websites",
            "a worker in us-east-1",
            "4 events",
            "ATT&amp;CK T1530 Data from Cloud Storage</a>",
            "href=\"https://example.org/s3\"",
        ],
    );
    assert!(!rule.body.contains("javascript:"));
    let listed = page(&bed, "/rules?attack=T1530&level=high").await;
    says(
        &listed,
        &[
            "href=\"/rules/s3_bucket_policy_public\"",
            "ATT&#38;CK: T1530 Data from Cloud Storage ",
        ],
    );
    let none = page(&bed, "/rules?level=low").await;
    says(&none, &["No rule fits."]);
    let unknown = page(&bed, "/rules/no_such_rule").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn rules_of_another_pack_are_told_as_such() {
    let bed = open();
    let told = "The workers run other rules";
    beat(&bed, "0a1b2c3d4e5f").await;
    assert!(!page(&bed, "/rules").await.body.contains(told));
    beat(&bed, "f5e4d3c2b1a0").await;
    says(
        &page(&bed, "/rules").await,
        &[told, "f5e4d3c2b1a0", "0a1b2c3d4e5f"],
    );
    let without = Bed::with(|parts| parts.dashboard.open = true);
    beat(&without, "f5e4d3c2b1a0").await;
    let rules = page(&without, "/rules").await;
    says(&rules, &["no catalogue of rules"]);
    assert!(!rules.body.contains(told));
}

#[tokio::test]
async fn the_overview_says_where_nobody_looks() {
    let bed = open();
    says(&page(&bed, "/").await, &["No worker was heard yet."]);
    bed.post(&[finding(1)]).await;
    let account = "has findings, but no worker was heard there";
    says(&page(&bed, "/?days=90").await, &[account]);
    beat(&bed, "0a1b2c3d4e5f").await;
    let watched = page(&bed, "/?days=90").await;
    says(
        &watched,
        &["No us-east-1", "1 rule for global services", "1 rule</a>"],
    );
    assert!(!watched.body.contains(account));
}

#[tokio::test]
async fn what_is_around_a_finding_is_shown() {
    let bed = open();
    bed.post(&[finding(1), finding(2), finding(3)]).await;
    let listed = bed.get("/v1/findings").await.json();
    let id = listed["findings"][0]["id"].as_str().unwrap();
    let shown = page(&bed, &format!("/findings/{id}")).await;
    says(&shown, &["Around it", "2 more within a week", "same "]);
    let alone = Bed::with(|parts| parts.dashboard.open = true);
    alone.post(&[finding(1)]).await;
    let listed = alone.get("/v1/findings").await.json();
    let id = listed["findings"][0]["id"].as_str().unwrap();
    let shown = page(&alone, &format!("/findings/{id}")).await;
    says(&shown, &["Nothing else with the same"]);
}

#[tokio::test]
async fn what_is_not_there_is_a_page_for_browsers_only() {
    let bed = open();
    for (path, accept, media) in [
        ("/nowhere", "text/html,*/*;q=0.8", "text/html"),
        ("/nowhere", "*/*", "application/problem+json"),
        ("/v1/nowhere", "text/html", "application/problem+json"),
    ] {
        let request = Request::get(path).header("accept", accept);
        let answer = bed.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let told = answer.header("content-type").unwrap();
        assert!(told.starts_with(media), "{path} {accept}: {told}");
    }
}

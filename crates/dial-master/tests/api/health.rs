//! Health, readiness, metrics.

use crate::bed::{Bed, NOW, Signed, WORKER, finding};
use axum::body::Body;
use dial_core::store::StoreError;
use http::{Request, StatusCode};
use serde_json::json;

fn bare(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn readiness_follows_the_store_and_asks_it_now_and_then() {
    let bed = Bed::new();
    assert_eq!(bed.send(bare("/healthz")).await.status, StatusCode::OK);
    assert_eq!(bed.calls(), 0);
    for _ in 0..50 {
        assert_eq!(bed.send(bare("/readyz")).await.status, StatusCode::OK);
    }
    assert_eq!(bed.calls(), 1, "strangers cannot load the store");
    bed.store
        .break_with(Some(StoreError::Unavailable("gone".into())));
    bed.set_seconds(NOW + 5);
    insta::assert_snapshot!("not_ready", bed.send(bare("/readyz")).await);
    bed.store.break_with(None);
    bed.set_seconds(NOW + 10);
    insta::assert_snapshot!("ready", bed.send(bare("/readyz")).await);
    bed.state.drain();
    let draining = bed.send(bare("/readyz")).await;
    assert_eq!(draining.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bed.send(bare("/healthz")).await.status, StatusCode::OK);
}

/// The value of a line of `/metrics`; other tests of this process may count too.
async fn metric(bed: &Bed, line: &str) -> f64 {
    let text = bed.get("/metrics").await.body;
    let found = text.lines().find_map(|l| l.strip_prefix(line));
    found.map_or(0.0, |value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn what_is_received_is_stored_duplicate_or_rejected() {
    let bed = Bed::new();
    let mut silent = finding(2);
    silent["suppressed"] =
        json!({"id": "s-1", "owner": "o", "reason": "r", "expires": "2030-06-30"});
    let names = [
        "dial_findings_suppressed_total",
        "dial_findings_received_total",
        "dial_findings_total{outcome=\"stored\"}",
        "dial_findings_total{outcome=\"duplicate\"}",
        "dial_findings_total{outcome=\"rejected\"}",
        "dial_refusals_total{reason=\"stale\"}",
        "dial_refusals_total{reason=\"mismatch\"}",
        "dial_time_to_detect_seconds_count{stage=\"event_to_judged\"}",
        "dial_time_to_detect_seconds_sum{stage=\"event_to_judged\"}",
        "dial_time_to_detect_seconds_count{stage=\"judged_to_accepted\"}",
        "dial_time_to_detect_seconds_sum{stage=\"judged_to_accepted\"}",
    ];
    let mut before = Vec::new();
    for name in names {
        before.push(metric(&bed, name).await);
    }
    bed.post(&[finding(1), silent, finding(1), json!({})]).await;
    let mut stale = Signed::by(WORKER).batch(&[finding(1)]);
    stale.timestamp = (NOW - 400).to_string();
    bed.send(stale.request()).await;
    let mut forged = Signed::by(WORKER).batch(&[finding(1)]).signed();
    forged.body.push(0);
    bed.send(forged.request()).await;
    // Events 1 and 2 were made 59 and 58 s ago and judged 1 s ago.
    let expected = [
        1.0,
        4.0,
        2.0,
        1.0,
        1.0,
        1.0,
        1.0,
        2.0,
        58.0 + 57.0,
        2.0,
        2.0,
    ];
    for ((name, before), added) in names.into_iter().zip(before).zip(expected) {
        let after = metric(&bed, name).await;
        assert!(
            (after - before - added).abs() < 1e-6,
            "{name}: {before} → {after}"
        );
    }
}

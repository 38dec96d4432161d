//! Health, readiness, metrics.

use crate::bed::{Bed, NOW, Signed, WORKER, finding};
use async_trait::async_trait;
use axum::body::Body;
use dial_aws::{AwsSecrets, Clients};
use dial_core::store::StoreError;
use dial_master::deliver::Deliverer;
use dial_master::deliver::transport::{Transport, TransportError};
use dial_master::message::links::Links;
use dial_master::sinks::guard::Guard;
use dial_master::sinks::{Call, Reply, SinkSettings, Sinks};
use dial_master::system_clock;
use http::{Request, StatusCode};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

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

/// Whoever is asked refuses.
struct Refusing;

#[async_trait]
impl Transport for Refusing {
    async fn perform(&self, call: Call, _: Duration) -> Result<Reply, TransportError> {
        Ok(Reply {
            step: call.step,
            status: 401,
            retry_after: None,
            body: b"who are you?".to_vec(),
        })
    }
}

#[tokio::test]
async fn readers_alone_learn_which_sink_refuses_us() {
    let bed = Bed::new();
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "secret").unwrap();
    let text = format!(
        "[cases]\ntype = 'thehive'\nurl = 'https://hive.example.org'\napi_key = 'file:{key}'\n\
         [pages]\ntype = 'webhook'\nurl = 'https://in.example.org'\nsecret = 'file:{hook}'\n",
        key = key.display(),
        hook = folder.path().join("hook").display(),
    );
    let hook = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    std::fs::write(folder.path().join("hook"), hook).unwrap();
    let settings: BTreeMap<String, SinkSettings> = toml::from_str(&text).unwrap();
    let secrets = AwsSecrets::new(Clients::new());
    let sinks = Sinks::build(&settings, &secrets, Guard::Public).await;
    let deliverer = Deliverer::with(
        bed.store.clone(),
        sinks.unwrap(),
        Links::default(),
        Arc::new(Refusing),
        system_clock(),
        7,
    );
    let before = bed.get("/readyz").await;
    assert!(before.body.contains(r#""status":"ready""#), "{before}");
    bed.state.watch().look(&deliverer).await;
    insta::assert_snapshot!("ready_but_degraded", bed.get("/readyz").await);
    for stranger in [bare("/readyz"), forged()] {
        let seen = bed.send(stranger).await;
        assert_eq!(
            seen.status,
            StatusCode::OK,
            "a sink never turns workers away"
        );
        assert_eq!(seen.body, r#"{"status":"ready"}"#);
    }
    let refused = metric(&bed, "dial_sink_refused{sink=\"cases\"}").await;
    assert!((refused - 1.0).abs() < f64::EPSILON, "{refused}");
}

#[tokio::test]
async fn readers_alone_learn_what_broke_off_and_ten_minutes_later_it_is_past() {
    let bed = Bed::new();
    bed.state.defects().learn("cases of the health test");
    let told = bed.get("/readyz").await.body;
    assert!(told.contains(r#""status":"degraded""#), "{told}");
    let defect = r#""defects":[{"task":"cases of the health test","times":1,"last":"#;
    assert!(told.contains(defect), "{told}");
    let stranger = bed.send(bare("/readyz")).await;
    assert_eq!(stranger.status, StatusCode::OK);
    assert_eq!(stranger.body, r#"{"status":"ready"}"#);
    let counted = "dial_defects_total{task=\"cases of the health test\"}";
    assert!((metric(&bed, counted).await - 1.0).abs() < f64::EPSILON);
    bed.set_seconds(NOW + 600);
    let told = bed.get("/readyz").await.body;
    assert!(
        told.contains(r#""status":"ready""#) && told.contains(defect),
        "{told}"
    );
}

fn forged() -> Request<Body> {
    let token = "Bearer 0123456789abcdef0123456789abcdef0123";
    let request = Request::get("/readyz").header("authorization", token);
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn rows_add_up_to_what_was_stored_for_each_sink() {
    use dial_core::store::{Settlement, Store};
    let bed = Bed::with(|parts| parts.sinks = vec!["sums-a".into(), "sums-b".into()]);
    let findings: Vec<_> = (1..=5).map(crate::bed::finding).collect();
    assert_eq!(bed.post(&findings).await.json()["accepted"], 5);
    let now = jiff::Timestamp::from_second(crate::bed::NOW).unwrap();
    let later = jiff::Timestamp::from_second(crate::bed::NOW + 45).unwrap();
    let sent = Settlement::Sent {
        receipt: None,
        wanted: 0,
        at: now,
    };
    let failed = Settlement::Failed { error: "x".into() };
    let due = bed.store.due("sums-a", now, 10).await.unwrap();
    for (row, how) in due.iter().zip([sent, failed]) {
        let (id, sink) = (&row.finding, &row.sink);
        bed.store.claim(id, sink, now, later).await.unwrap();
        assert!(bed.store.settle(id, sink, 1, how).await.unwrap());
    }
    let shown = bed.get("/metrics").await.body;
    let rows: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("dial_outbox_rows{sink=\"sums-"))
        .collect();
    let mut rows = rows;
    rows.sort_unstable();
    assert_eq!(
        rows,
        [
            "dial_outbox_rows{sink=\"sums-a\",state=\"failed\"} 1",
            "dial_outbox_rows{sink=\"sums-a\",state=\"pending\"} 3",
            "dial_outbox_rows{sink=\"sums-a\",state=\"sending\"} 0",
            "dial_outbox_rows{sink=\"sums-a\",state=\"sent\"} 1",
            "dial_outbox_rows{sink=\"sums-a\",state=\"suppressed\"} 0",
            "dial_outbox_rows{sink=\"sums-b\",state=\"failed\"} 0",
            "dial_outbox_rows{sink=\"sums-b\",state=\"pending\"} 5",
            "dial_outbox_rows{sink=\"sums-b\",state=\"sending\"} 0",
            "dial_outbox_rows{sink=\"sums-b\",state=\"sent\"} 0",
            "dial_outbox_rows{sink=\"sums-b\",state=\"suppressed\"} 0",
        ]
    );
}

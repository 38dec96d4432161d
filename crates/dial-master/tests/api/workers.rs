//! Heartbeats and the list of workers.

use crate::bed::{Answer, Bed, NOW, Signed, TOKEN, WORKER, ask};
use dial_core::gzip;
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

fn heartbeat(worker: &str, rules: &str) -> Value {
    let (account, region) = worker.split_once('/').unwrap();
    json!({
        "worker": {"account": account, "region": region, "version": "0.1.0", "rules": rules},
        "patterns": "0b1f6d1f4b0c9c55",
        "sent_at": Timestamp::from_second(NOW).unwrap().to_string(),
        "counters": {"invocations": 2, "events": 7, "findings": 1},
    })
}

fn signed(worker: &str, body: impl Into<Vec<u8>>) -> Signed {
    Signed::by(worker).body(body).signed()
}

async fn beat(bed: &Bed, signed: Signed) -> Answer {
    let mut request = signed.request();
    *request.uri_mut() = "/v1/heartbeats".parse().unwrap();
    bed.send(request).await
}

fn packed(body: &Value) -> Vec<u8> {
    gzip::deflate(body.to_string().as_bytes())
}

#[tokio::test]
async fn a_worker_is_listed_from_its_first_heartbeat() {
    let bed = Bed::new();
    let body = packed(&heartbeat(WORKER, "abc"));
    let answer = beat(&bed, signed(WORKER, body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let list = bed.get("/v1/workers").await.json();
    insta::assert_json_snapshot!(list);
}

#[tokio::test]
async fn silent_workers_come_first() {
    let bed = Bed::new();
    let other = "111122223333/us-east-1";
    let early = signed(other, packed(&heartbeat(other, "abc")));
    assert_eq!(beat(&bed, early).await.status, StatusCode::OK);
    let later = NOW + 31 * 60;
    bed.set_seconds(later);
    let mut late = Signed::by(WORKER).body(packed(&heartbeat(WORKER, "abc")));
    late.timestamp = later.to_string();
    assert_eq!(beat(&bed, late.signed()).await.status, StatusCode::OK);
    let list = bed.get("/v1/workers").await.json();
    let lines: Vec<_> = list["workers"].as_array().unwrap().iter().collect();
    assert_eq!(lines[0]["worker"], other);
    assert_eq!(lines[0]["health"], "silent");
    assert_eq!(lines[0]["silent_seconds"], 31 * 60);
    assert_eq!(
        lines[1]["health"], "clock_off",
        "sent_at is half an hour old"
    );
}

#[tokio::test]
async fn only_a_heartbeat_of_ones_own_is_recorded() {
    let bed = Bed::new();
    let good = packed(&heartbeat(WORKER, "abc"));
    let foreign = packed(&heartbeat("444455556666/eu-west-1", "abc"));
    let long = packed(&json!({"worker": {"account": "x".repeat(20_000)}}));
    let mut plain = signed(WORKER, b"{}".to_vec());
    plain.extra = vec![("content-encoding", HeaderValue::from_static("identity"))];
    let mut forged = signed(WORKER, good.clone());
    forged.worker = "444455556666/eu-west-1".into();
    let cases = [
        ("forged", forged, 401),
        ("foreign", signed(WORKER, foreign), 403),
        ("plain", plain, 415),
        ("no gzip", signed(WORKER, b"{}".to_vec()), 400),
        ("no heartbeat", signed(WORKER, packed(&json!({}))), 400),
        ("too long", signed(WORKER, long), 413),
    ];
    for (name, request, status) in cases {
        let answer = beat(&bed, request).await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {answer}");
        assert_eq!(bed.calls(), 0, "{name}");
    }
    let answer = bed.send(ask("GET", "/v1/workers", TOKEN, None)).await;
    assert_eq!(answer.json()["workers"], json!([]));
    let mut long = heartbeat(WORKER, &"x".repeat(5_000));
    long["patterns"] = json!("é".repeat(5_000));
    assert_eq!(beat(&bed, signed(WORKER, packed(&long))).await.status, 200);
    let kept = bed.get("/v1/workers").await.json();
    let said = &kept["workers"][0]["heartbeat"];
    assert_eq!(said["worker"]["rules"].as_str().unwrap().len(), 300);
    assert_eq!(said["patterns"].as_str().unwrap().chars().count(), 300);
}

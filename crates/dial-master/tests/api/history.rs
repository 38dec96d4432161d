//! Statistics and exports.

use crate::bed::{Bed, NOW, finding, get};
use axum::body::Body;
use dial_core::ocsf;
use http::{HeaderValue, Request, StatusCode};
use serde_json::{Value, json};

async fn filled() -> Bed {
    let bed = Bed::new();
    let mut formula = finding(1);
    formula["title"] = json!("=HYPERLINK(\"http://x\")\u{1b}[31m");
    formula["severity"] = json!("low");
    let sent = bed.post(&[formula, finding(2), finding(3)]).await;
    assert_eq!(sent.json()["accepted"], 3);
    bed
}

fn accepting(path: &str, media: &'static str) -> Request<Body> {
    let mut request = get(path);
    request
        .headers_mut()
        .insert("accept", HeaderValue::from_static(media));
    request
}

#[tokio::test]
async fn numbers_come_from_counters() {
    let bed = filled().await;
    assert_eq!(bed.post(&[finding(2)]).await.json()["duplicates"], 1);
    let stats = bed.get("/v1/stats").await.json();
    assert_eq!(stats["findings"], 3);
    assert_eq!(stats["by_severity"], json!({ "high": 2, "low": 1 }));
    assert_eq!(stats["by_status"], json!({ "open": 3 }));
    assert_eq!(stats["by_service"], json!({ "s3": 3 }));
    assert_eq!(stats["time_to_detect"]["of"], 3);
    assert_eq!(stats["time_to_acknowledge"], json!({ "of": 0 }));
    assert_eq!(stats["by"], "day");
    assert_eq!(stats["series"].as_array().unwrap().len(), 7);
    let day = jiff::Timestamp::from_second(NOW)
        .unwrap()
        .strftime("%Y-%m-%d");
    let hourly = bed
        .get(&format!("/v1/stats?since={day}&by=hour"))
        .await
        .json();
    assert_eq!(hourly["series"].as_array().unwrap().len(), 24);
    let elsewhere = bed
        .get("/v1/stats?since=2029-01-01&until=2029-01-31")
        .await
        .json();
    assert_eq!(elsewhere["findings"], 0);
    let wrong = [
        "since=x",
        "by=week",
        "until=2029-01-01&since=2029-01-02",
        "colour=red",
        "since=2020-01-01",
        "since=2030-01-01&by=hour",
        "by=day&by=day",
    ];
    for query in wrong {
        let answer = bed.get(&format!("/v1/stats?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn exports_page_by_a_header() {
    let bed = filled().await;
    let mut path = "/v1/findings?limit=2".to_owned();
    let mut lines = Vec::new();
    loop {
        let answer = bed.send(accepting(&path, "application/x-ndjson")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        lines.extend(
            answer
                .body
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
        let Some(next) = answer.header("dial-next-cursor") else {
            break;
        };
        path = format!("/v1/findings?limit=2&cursor={next}");
    }
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0]["finding"]["record"]["eventName"], "PutBucketPolicy",
        "whole findings"
    );
    assert_eq!(lines[0]["status"], "open");
}

#[tokio::test]
async fn ocsf_is_one_event_a_line() {
    let bed = filled().await;
    let answer = bed
        .send(accepting(
            "/v1/findings?severity=high",
            "application/vnd.ocsf+x-ndjson",
        ))
        .await;
    let events: Vec<Value> = answer
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event["class_uid"] == 2004));
    assert_eq!(events[0]["metadata"]["version"], ocsf::VERSION);
}

#[tokio::test]
async fn no_cell_of_a_sheet_is_a_formula() {
    let bed = filled().await;
    let answer = bed.send(accepting("/v1/findings", "text/csv")).await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    assert_eq!(answer.header("dial-next-cursor"), None);
    insta::assert_snapshot!(answer.body);
    let answer = bed.send(accepting("/v1/findings", "image/png")).await;
    assert_eq!(answer.status, StatusCode::NOT_ACCEPTABLE);
    assert!(
        answer.body.contains("application/vnd.ocsf+x-ndjson"),
        "{}",
        answer.body
    );
}

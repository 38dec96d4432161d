//! What was stored stays: no request deletes or rewrites a finding or its history, whoever asks.

use crate::bed::{Bed, TOKEN, ask, finding, get};
use http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn nothing_of_a_finding_can_be_deleted_or_rewritten() {
    let bed = Bed::new();
    bed.post(&[finding(1)]).await;
    let listed = bed.get("/v1/findings").await.json();
    let id = listed["findings"][0]["id"].as_str().unwrap();
    let path = format!("/v1/findings/{id}");
    let change = json!({"action": "acknowledge"});
    let made = ask("POST", &format!("{path}/transitions"), TOKEN, Some(&change));
    assert_eq!(bed.send(made).await.status, StatusCode::OK);
    let before = bed.get(&path).await.body;
    let below = [
        "",
        "/audit",
        "/audit/0",
        "/transitions",
        "/comments",
        "/deliveries",
        "/deliveries/slack",
    ];
    for method in ["DELETE", "PUT", "PATCH"] {
        for part in below {
            let path = format!("{path}{part}");
            let answer = bed.send(ask(method, &path, TOKEN, Some(&change))).await;
            let refused = [StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_FOUND];
            assert!(
                refused.contains(&answer.status),
                "{method} {path}: {answer}"
            );
        }
    }
    assert_eq!(bed.get(&path).await.body, before, "nothing changed");
}

#[tokio::test]
async fn no_answer_is_more_than_data_to_a_browser() {
    let bed = Bed::new();
    bed.post(&[finding(1)]).await;
    let paths = [
        "/v1/findings",
        "/v1/findings/f-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "/v1/stats",
        "/v1/workers",
        "/v1/nothing",
    ];
    for path in paths {
        let answer = bed.send(get(path)).await;
        let expected = [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
        ];
        for (name, value) in expected {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
    }
}

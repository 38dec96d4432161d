//! Triage over the API: changes, who was first, and deliveries that are tried again.

use crate::bed::{Answer, Bed, NOW, TOKEN, finding};
use axum::body::Body;
use dial_core::FindingId;
use dial_core::Secret;
use dial_core::store::token::Scope;
use dial_core::store::{DeliveryState, Settlement, Store};
use dial_master::api::Caller;
use dial_master::readers::{Readers, Token};
use http::{Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Name, path, headers, body; status and words of the answer.
type Case<'a> = (
    &'a str,
    &'a str,
    &'a [(&'a str, &'a str)],
    Value,
    u16,
    &'a str,
);

const LOOKER: &str = "looker-token-0123456789-abcdef";

async fn post(bed: &Bed, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = Request::builder()
        .method("POST")
        .uri(path)
        .header("authorization", format!("Bearer {TOKEN}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    bed.send(request.body(Body::from(body.to_string())).unwrap())
        .await
}

/// A bed with one finding, and its path.
async fn filled() -> (Bed, FindingId, String) {
    let bed = Bed::new();
    assert_eq!(bed.post(&[finding(1)]).await.json()["accepted"], 1);
    let listed = bed.get("/v1/findings").await.json();
    let id = listed["findings"][0]["id"].as_str().unwrap();
    (
        bed,
        FindingId::parse(id).unwrap(),
        format!("/v1/findings/{id}"),
    )
}

#[tokio::test]
async fn changes_are_made_shown_and_told_to_the_deliverer() {
    let (bed, _, path) = filled().await;
    let transitions = format!("{path}/transitions");
    let shown = bed.get(&path).await;
    let tag = shown.header("etag").unwrap();
    assert!(tag.starts_with("\"0-"), "{tag}");
    let body = json!({"action": "acknowledge", "comment": "looking"});
    let made = post(&bed, &transitions, &[("if-match", tag)], &body).await;
    assert_eq!(made.status, StatusCode::OK);
    assert_eq!(made.header("etag"), Some("\"1\""));
    insta::assert_json_snapshot!("change_made", made.json(), { ".id" => "[id]" });

    let door = [("dial-door", "cli")];
    let body = json!({"action": "assign", "to": "storage team"});
    let made = post(&bed, &transitions, &door, &body).await.json();
    assert_eq!(made["audit"][0]["door"], "cli");
    let words = json!({"text": "asked the owner"});
    let made = post(
        &bed,
        &format!("{path}/comments"),
        &[("dial-door", "root")],
        &words,
    )
    .await;
    assert_eq!(made.json()["audit"][0]["comment"], "asked the owner");
    assert_eq!(
        made.json()["audit"][0]["door"],
        "api",
        "only doors that there are"
    );

    let shown = bed.get(&path).await.json();
    assert_eq!(shown["status"], "acknowledged");
    assert_eq!(shown["assignee"], "storage team");
    assert_eq!(shown["revision"], 3);
    let actions: Vec<&str> = shown["audit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["accepted", "acknowledged", "assigned", "commented"]
    );
    let mine = bed.get("/v1/findings?status=acknowledged").await.json();
    assert_eq!(mine["findings"][0]["assignee"], "storage team");
    let open = bed.get("/v1/findings?status=open").await.json();
    assert_eq!(open["findings"], json!([]));
}

#[tokio::test]
async fn who_comes_second_learns_who_was_first() {
    let (bed, _, path) = filled().await;
    let transitions = format!("{path}/transitions");
    let resolve = json!({"action": "resolve"});
    let first = post(&bed, &transitions, &[("if-match", "\"0\"")], &resolve).await;
    assert_eq!(first.status, StatusCode::OK);
    bed.set_seconds(NOW + 60);
    let second = post(&bed, &transitions, &[("if-match", "\"0\"")], &resolve).await;
    assert_eq!(second.status, StatusCode::PRECONDITION_FAILED);
    insta::assert_json_snapshot!("change_conflict", second.json());
    let again = post(&bed, &transitions, &[], &resolve).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    insta::assert_json_snapshot!("change_refused", again.json());
}

#[tokio::test]
async fn odd_changes_are_refused_with_the_fix() {
    let (bed, _, path) = filled().await;
    let transitions = format!("{path}/transitions");
    let unknown = "/v1/findings/f-zzzzzzzzzzzzzzzzzzzzzzzzzz/transitions";
    let resolve = json!({"action": "resolve"});
    let cases: [Case<'_>; 9] = [
        (
            "unknown",
            unknown,
            &[],
            resolve.clone(),
            404,
            "there is no finding",
        ),
        (
            "no id",
            "/v1/findings/x/transitions",
            &[],
            resolve.clone(),
            400,
            "finding id",
        ),
        (
            "no body",
            &transitions,
            &[],
            json!(null),
            400,
            "body is not",
        ),
        ("list", &transitions, &[], json!([]), 400, "body is not"),
        (
            "no action",
            &transitions,
            &[],
            json!({}),
            400,
            "acknowledge",
        ),
        (
            "the clock's",
            &transitions,
            &[],
            json!({"action": "wake"}),
            400,
            "unknown variant",
        ),
        (
            "past",
            &transitions,
            &[],
            json!({"action": "snooze", "until": "2026-05-01T10:00:00Z"}),
            409,
            "snooze must end after now",
        ),
        (
            "no tag",
            &transitions,
            &[("if-match", "0")],
            resolve.clone(),
            400,
            "if-match",
        ),
        (
            "long",
            &transitions,
            &[],
            json!({"action": "resolve", "comment": "x".repeat(40_000)}),
            413,
            "32768",
        ),
    ];
    for (name, path, headers, body, status, detail) in cases {
        let answer = post(&bed, path, headers, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{name}");
        let said = answer.json()["detail"].to_string();
        assert!(said.contains(detail), "{name}: {said}");
    }
    let shown = bed.get(&path).await.json();
    assert_eq!(
        (&shown["status"], &shown["revision"]),
        (&json!("open"), &json!(0))
    );
}

#[tokio::test]
async fn a_viewer_changes_nothing_and_strangers_reach_no_store() {
    let looker = Caller {
        name: "screen".into(),
        scope: Scope::Viewer,
    };
    let bed = Bed::with(|parts| {
        let token = Token::new(looker, &Secret::new(LOOKER), None).unwrap();
        parts.readers = Readers::Tokens(vec![token]);
    });
    let id = "f-zzzzzzzzzzzzzzzzzzzzzzzzzz";
    for path in [
        format!("/v1/findings/{id}/transitions"),
        format!("/v1/findings/{id}/comments"),
        format!("/v1/findings/{id}/deliveries/slack/retry"),
    ] {
        for (token, status) in [(LOOKER, 403), (TOKEN, 401)] {
            let request = Request::builder()
                .method("POST")
                .uri(&path)
                .header("authorization", format!("Bearer {token}"));
            let answer = bed.send(request.body(Body::from("{}")).unwrap()).await;
            assert_eq!(answer.status.as_u16(), status, "{path}");
        }
    }
    assert_eq!(bed.calls(), 0);
}

#[tokio::test]
async fn what_failed_is_listed_and_tried_again() {
    let (bed, id, path) = filled().await;
    let now = jiff::Timestamp::from_second(NOW).unwrap();
    let later = jiff::Timestamp::from_second(NOW + 45).unwrap();
    bed.store.claim(&id, "slack", now, later).await.unwrap();
    let error = "answered 404: no_such_channel".to_owned();
    let failed = Settlement::Failed { error };
    bed.store.settle(&id, "slack", 1, failed).await.unwrap();

    let listed = bed.get("/v1/deliveries").await.json();
    assert_eq!(listed["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(listed["deliveries"][0]["sink"], "slack");
    let other = bed.get("/v1/deliveries?sink=thehive").await.json();
    assert_eq!(other, json!({"deliveries": [], "more": false}));
    let waiting = bed.get("/v1/deliveries?state=pending").await.json();
    assert_eq!(waiting["deliveries"][0]["sink"], "thehive");
    let wrong = bed.get("/v1/deliveries?state=sent").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let all = bed.get(&format!("{path}/deliveries")).await.json();
    assert_eq!(all["deliveries"].as_array().unwrap().len(), 2);

    let retry = format!("{path}/deliveries/slack/retry");
    let retried = post(&bed, &retry, &[], &json!({})).await;
    assert_eq!(retried.status, StatusCode::OK);
    assert_eq!(retried.json()["state"], "pending");
    let row = &bed.store.deliveries(&id).await.unwrap()[0];
    assert_eq!((row.state, row.attempt()), (DeliveryState::Pending, 0));
    let again = post(&bed, &retry, &[], &json!({})).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let gone = post(
        &bed,
        &format!("{path}/deliveries/gone/retry"),
        &[],
        &json!({}),
    )
    .await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_the_client_has_already_is_not_sent_again() {
    let (bed, id, path) = filled().await;
    let known = |tag: &str| {
        let request = Request::get(&path).header("authorization", format!("Bearer {TOKEN}"));
        let request = request.header("if-none-match", tag);
        request.body(Body::empty()).unwrap()
    };
    let first = bed.get(&path).await;
    let tag = first.header("etag").unwrap();
    let again = bed.send(known(tag)).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert_eq!((again.body.as_str(), again.header("etag")), ("", Some(tag)));
    assert_eq!(again.header("cache-control"), Some("no-store"));

    // A delivery moves without a revision, and is seen all the same.
    let (now, lease) = (at(NOW), at(NOW + 60));
    let claimed = bed.store.claim(&id, "slack", now, lease).await.unwrap();
    assert!(claimed.is_some());
    let moved = bed.send(known(tag)).await;
    assert_eq!(moved.status, StatusCode::OK);
    let body = json!({"action": "resolve"});
    let transitions = format!("{path}/transitions");
    let made = post(&bed, &transitions, &[("if-match", tag)], &body).await;
    assert_eq!(made.status, StatusCode::OK, "which makes no change fail");

    let changed = bed.send(known(moved.header("etag").unwrap())).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(changed.json()["status"], "resolved");
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

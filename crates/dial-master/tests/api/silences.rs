//! Silences over the API: made, previewed, listed, ended, and refused with the fix.

use crate::bed::{Answer, Bed, NOW, TOKEN, finding};
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

fn request(method: &str, path: &str, body: Option<&Value>) -> Request<Body> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json");
    let body = body.map(Value::to_string).unwrap_or_default();
    request.body(Body::from(body)).unwrap()
}

async fn make(bed: &Bed, change: impl FnOnce(&mut Value)) -> Answer {
    let mut wanted = json!({
        "matchers": ["rule=s3_bucket_policy_public"],
        "owner": "storage team",
        "reason": "migration of the invoices",
        "ends_at": jiff::Timestamp::from_second(NOW + 3_600).unwrap(),
    });
    change(&mut wanted);
    bed.send(request("POST", "/v1/silences", Some(&wanted)))
        .await
}

async fn filled() -> Bed {
    let bed = Bed::new();
    let findings: Vec<Value> = (1..=3).map(finding).collect();
    assert_eq!(bed.post(&findings).await.json()["accepted"], 3);
    bed
}

#[tokio::test]
async fn a_silence_is_made_listed_and_ended() {
    let bed = filled().await;
    let made = make(&bed, |_| {}).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let made = made.json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["created_by"], "soc (api)");
    let listed = bed.get("/v1/silences").await.json();
    assert_eq!(listed, json!({"silences": [made]}));

    bed.set_seconds(NOW + 60);
    let path = format!("/v1/silences/{id}");
    let ended = bed.send(request("DELETE", &path, None)).await;
    assert_eq!(ended.status, StatusCode::OK);
    assert_eq!(ended.json()["ended_by"], "soc (api)");
    assert_eq!(
        bed.get("/v1/silences").await.json(),
        json!({"silences": []})
    );
    let kept = bed.get("/v1/silences?ended=true").await.json();
    assert_eq!(kept, json!({"silences": [ended.json()]}));

    bed.set_seconds(NOW + 120);
    let again = bed.send(request("DELETE", &path, None)).await;
    assert_eq!(again.json(), ended.json(), "who ended it first stays");
}

#[tokio::test]
async fn a_silence_ends_by_itself() {
    let bed = filled().await;
    make(&bed, |_| {}).await;
    bed.set_seconds(NOW + 3_599);
    let listed = bed.get("/v1/silences").await.json();
    assert_eq!(listed["silences"].as_array().unwrap().len(), 1);
    bed.set_seconds(NOW + 3_600);
    assert_eq!(
        bed.get("/v1/silences").await.json(),
        json!({"silences": []})
    );
}

#[tokio::test]
async fn a_preview_shows_what_would_be_muted_and_changes_nothing() {
    let bed = filled().await;
    let asked = json!({"matchers": ["rule=~\"s3_.*\"", "attack=T1530"]});
    let seen = bed
        .send(request("POST", "/v1/silences/preview", Some(&asked)))
        .await;
    let seen = seen.json();
    assert_eq!((&seen["looked_at"], &seen["fit"]), (&json!(3), &json!(3)));
    assert_eq!(seen["by_rule"], json!({"s3_bucket_policy_public": 3}));
    assert_eq!(seen["examples"].as_array().unwrap().len(), 3);
    assert_eq!(seen.get("refusal"), None);
    let asked = json!({"matchers": ["severity=low"]});
    let seen = bed
        .send(request("POST", "/v1/silences/preview", Some(&asked)))
        .await;
    assert!(
        seen.json()["refusal"]
            .as_str()
            .unwrap()
            .contains("everything"),
        "{}",
        seen.json()
    );
    assert_eq!(
        bed.get("/v1/silences").await.json(),
        json!({"silences": []})
    );
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_fix() {
    let bed = filled().await;
    let cases: [(&str, Value, u16, &str); 9] = [
        (
            "matchers",
            json!(["severity>=low"]),
            422,
            "almost everything",
        ),
        ("matchers", json!([]), 422, "1 to 20"),
        ("matchers", json!(["rule=another"]), 422, "ahead"),
        (
            "matchers",
            json!(["rul=another"]),
            400,
            "did you mean `rule`",
        ),
        ("owner", json!(""), 422, "owner"),
        ("reason", json!("a\u{7}"), 422, "reason"),
        (
            "ends_at",
            json!("2030-03-01T00:00:00Z"),
            422,
            "ends after now",
        ),
        ("ends_at", json!("never"), 400, "body"),
        ("forever", json!(true), 400, "unknown field `forever`"),
    ];
    for (key, value, status, expected) in cases {
        let refused = make(&bed, |wanted| wanted[key] = value).await;
        assert_eq!(refused.status.as_u16(), status, "{key}: {}", refused.json());
        let detail = refused.json()["detail"].to_string();
        assert!(detail.contains(expected), "{detail}");
    }
    let ahead = make(&bed, |wanted| {
        wanted["matchers"] = json!(["rule=another"]);
        wanted["ahead"] = json!(true);
    });
    assert_eq!(ahead.await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn most_of_what_came_of_late_cannot_be_muted() {
    let bed = Bed::new();
    let findings: Vec<Value> = (1..=20).map(finding).collect();
    assert_eq!(bed.post(&findings).await.json()["accepted"], 20);
    let refused = make(&bed, |_| {}).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let detail = refused.json()["detail"].to_string();
    assert!(detail.contains("20 of the last 20"), "{detail}");
}

#[tokio::test]
async fn strangers_pages_and_other_media_are_refused() {
    let bed = filled().await;
    for (method, path) in [
        ("GET", "/v1/silences"),
        ("POST", "/v1/silences"),
        ("POST", "/v1/silences/preview"),
        ("DELETE", "/v1/silences/s-a"),
    ] {
        let mut request = request(method, path, None);
        request.headers_mut().remove("authorization");
        let calls = bed.calls();
        assert_eq!(bed.send(request).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(bed.calls(), calls, "no store was asked");
    }
    let mut simple = request("POST", "/v1/silences", Some(&json!({})));
    simple
        .headers_mut()
        .insert("content-type", "text/plain".parse().unwrap());
    let refused = bed.send(simple).await;
    assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut large = request("POST", "/v1/silences", None);
    *large.body_mut() = Body::from(vec![b' '; 16 * 1024 + 1]);
    assert_eq!(bed.send(large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    for id in ["s-unknown", "%00", "a%2Fb"] {
        let path = format!("/v1/silences/{id}");
        let unknown = bed.send(request("DELETE", &path, None)).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{id}");
    }
}

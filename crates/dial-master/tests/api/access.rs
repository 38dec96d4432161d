//! Tokens: made, used, limited, revoked, and never more than their scope.

use crate::bed::{Answer, Bed, NOW, TOKEN, ask, roots};
use dial_core::api_token::ApiToken;
use dial_core::key::{RootKey, RootKeys};
use dial_core::store::token::Scope;
use dial_master::Rate;
use dial_master::readers::Readers;
use http::StatusCode;
use serde_json::{Value, json};

/// Makes a token through the API; its answer.
async fn made(bed: &Bed, name: &str, scope: &str, days: u32) -> Value {
    let wanted = json!({"name": name, "scope": scope, "days": days});
    let answer = bed
        .send(ask("POST", "/v1/tokens", TOKEN, Some(&wanted)))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    answer.json()
}

async fn list_with(bed: &Bed, token: &str) -> Answer {
    bed.send(ask("GET", "/v1/findings", token, None)).await
}

/// The one answer to whoever is not known.
fn assert_bare(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer}");
    assert_eq!(answer.body, "");
}

#[tokio::test]
async fn a_token_is_shown_once_opens_what_it_may_and_ends() {
    let bed = Bed::new();
    let new = made(&bed, "siem", "viewer", 30).await;
    let token = new["token"].as_str().unwrap();
    assert!(ApiToken::parse(token).unwrap().is_proven(&roots()));
    assert_eq!(list_with(&bed, token).await.status, StatusCode::OK);

    let listed = bed.send(ask("GET", "/v1/tokens", TOKEN, None)).await;
    assert!(!listed.body.contains(token), "the token itself is not kept");
    let line = &listed.json()["tokens"][0];
    assert_eq!(line["id"], new["id"]);
    assert_eq!(line["created_by"], "soc");
    assert_eq!(line["hint"], token[..11]);
    assert_eq!(line["last_used"], json!("2030-03-17T17:46:40Z"));

    let day = 24 * 3_600;
    bed.set_seconds(NOW + 30 * day - 1);
    assert_eq!(list_with(&bed, token).await.status, StatusCode::OK);
    bed.set_seconds(NOW + 30 * day);
    assert_bare(&list_with(&bed, token).await);
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_from_that_moment() {
    let bed = Bed::new();
    let new = made(&bed, "siem", "admin", 400).await;
    let token = new["token"].as_str().unwrap();
    let path = format!("/v1/tokens/{}", new["id"].as_str().unwrap());
    let answer = bed.send(ask("DELETE", &path, token, None)).await;
    assert_eq!(answer.status, StatusCode::OK, "one may revoke oneself");
    assert_eq!(answer.json()["revoked_by"], "siem");
    assert_bare(&list_with(&bed, token).await);
    let again = bed.send(ask("DELETE", &path, TOKEN, None)).await;
    assert_eq!(again.json(), answer.json(), "and it stays as it was");
    let unknown = bed.send(ask("DELETE", "/v1/tokens/t-x", TOKEN, None)).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_token_that_no_root_key_proves_reaches_no_store() {
    let bed = Bed::new();
    let foreign = RootKeys::default().with(1, RootKey::from_bytes([7; 32]));
    let forged = ApiToken::mint([3; 32], &foreign).unwrap();
    let unknown = ApiToken::mint([3; 32], &roots()).unwrap();
    let text = forged.secret().expose();
    for token in [text, &text[..80], "dial_", "", "x"] {
        assert_bare(&list_with(&bed, token).await);
        assert_eq!(bed.calls(), 0, "{token}");
    }
    assert_bare(&list_with(&bed, unknown.secret().expose()).await);
    assert_eq!(bed.calls(), 1, "a proven one is looked up");
}

#[tokio::test]
async fn requests_for_tokens_are_checked() {
    let bed = Bed::new();
    made(&bed, "siem", "viewer", 1).await;
    let cases = [
        (
            json!({"name": "a", "scope": "root"}),
            400,
            "unknown variant",
        ),
        (
            json!({"name": "", "scope": "viewer"}),
            400,
            "name is 1 to 64",
        ),
        (json!({"name": "a\nb", "scope": "viewer"}), 400, "printable"),
        (
            json!({"name": "x".repeat(65), "scope": "viewer"}),
            400,
            "name is",
        ),
        (
            json!({"name": "a", "scope": "viewer", "days": 0}),
            400,
            "days is",
        ),
        (
            json!({"name": "a", "scope": "viewer", "days": 401}),
            400,
            "days is",
        ),
        (json!({"name": "a"}), 400, "missing field `scope`"),
        (
            json!({"name": "a", "scope": "viewer", "for": 1}),
            400,
            "unknown field",
        ),
        (
            json!({"name": "x".repeat(5_000), "scope": "viewer"}),
            413,
            "4096",
        ),
        (
            json!({"name": "siem", "scope": "viewer"}),
            409,
            "has this name",
        ),
    ];
    for (body, status, said) in cases {
        let answer = bed
            .send(ask("POST", "/v1/tokens", TOKEN, Some(&body)))
            .await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {answer}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(said), "{body}: {detail}");
    }
}

#[tokio::test]
async fn each_token_has_a_rate_of_its_own() {
    let slow = Rate {
        per_second: 1,
        burst: 3,
    };
    let bed = Bed::with(|parts| parts.token_rate = slow);
    let new = made(&bed, "siem", "viewer", 30).await;
    let token = new["token"].as_str().unwrap();
    for _ in 0..3 {
        assert_eq!(list_with(&bed, token).await.status, StatusCode::OK);
    }
    let before = bed.calls();
    let answer = list_with(&bed, token).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(bed.calls(), before, "not even looked up");
    assert_eq!(
        list_with(&bed, TOKEN).await.status,
        StatusCode::OK,
        "another"
    );
    bed.set_seconds(NOW + 1);
    assert_eq!(list_with(&bed, token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn whoever_reaches_a_master_without_tokens_is_admin() {
    let bed = Bed::with(|parts| parts.readers = Readers::Loopback);
    let answer = bed.send(ask("GET", "/v1/tokens", "", None)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

/// Every operation of the document: method, a path with ids in it, and the least scope (`None`: no
/// token is asked for).
fn operations() -> Vec<(String, String, Option<Scope>)> {
    let document = dial_master::api::document();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let id = if path.starts_with("/v1/findings") || path.starts_with("/v1/routes") {
            "f-aaaaaaaaaaaaaaaaaaaaaaaaaa"
        } else {
            "x-aaaaaaaaaaaaaaaaaaaaaaaaaa"
        };
        let asked = path.replace("{id}", id).replace("{sink}", "slack");
        assert!(!asked.contains('{'), "{path} has another parameter");
        for (method, operation) in methods.as_object().unwrap() {
            let alternatives = operation["security"].as_array().unwrap();
            let scope = match alternatives.as_slice() {
                [one] => one["token"][0].as_str().map(|word| word.parse().unwrap()),
                _ => None,
            };
            operations.push((method.to_uppercase(), asked.clone(), scope));
        }
    }
    operations
}

#[tokio::test]
async fn every_operation_asks_for_its_scope() {
    let bed = Bed::new();
    let mut tokens = Vec::new();
    for scope in Scope::ALL {
        let new = made(&bed, scope.as_str(), scope.as_str(), 1).await;
        tokens.push((scope, new["token"].as_str().unwrap().to_owned()));
    }
    let mut asked_for = Vec::new();
    for (method, path, needs) in operations() {
        let signed = ["/v1/findings", "/v1/heartbeats"].contains(&path.as_str());
        let signed = (signed || path.starts_with("/slack/")) && method == "POST";
        asked_for.push(needs);
        let before = bed.calls();
        let answer = bed.send(ask(&method, &path, "", None)).await;
        if needs.is_some() {
            assert_bare(&answer);
            assert_eq!(bed.calls(), before, "{method} {path}");
        } else if !signed {
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        }
        for (has, token) in &tokens {
            let answer = bed.send(ask(&method, &path, token, None)).await;
            let refused = answer.status == StatusCode::FORBIDDEN;
            let expected = needs.is_some_and(|needs| *has < needs);
            assert_eq!(refused, expected, "{method} {path} as {has}: {answer}");
            let known = answer.status != StatusCode::UNAUTHORIZED;
            assert_eq!(
                known,
                !(signed && path.starts_with("/v1")),
                "{path} as {has}"
            );
        }
    }
    for scope in Scope::ALL {
        let some = asked_for.iter().filter(|needs| **needs == Some(scope));
        assert!(some.count() >= 3, "the document names no {scope}");
    }
}

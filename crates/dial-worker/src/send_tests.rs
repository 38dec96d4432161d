//! The sender against servers that answer, refuse, hang and hang up.

use crate::batch::Limits;
use crate::keyring::{Derived, KeyList, KeyringError, OwnKey, Signer};
use crate::retry::Policy;
use crate::samples::{finding, info};
use crate::send::{Custody, Report, SendError, Sender, Settings};
use dial_core::gzip::inflate;
use dial_core::key::{KEY_BYTES, KeyId, RootKey, RootKeys};
use dial_core::ports::Secrets;
use dial_core::secret::{Secret, SecretError, SecretRef};
use dial_core::signature::{Signed, verify};
use dial_core::wire::{Accepted, Batch, header};
use dial_core::{Finding, WorkerId};
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const KEY_ID: KeyId = KeyId {
    root: 1,
    not_after: 0,
};

fn root() -> RootKey {
    RootKey::from_bytes([7; KEY_BYTES])
}

fn sender(url: &str) -> Sender {
    let settings = Settings {
        timeout: Duration::from_millis(200),
        retry: Policy {
            attempts: 3,
            base: Duration::from_millis(1),
            cap: Duration::from_millis(2),
        },
        ..Settings::to(url.parse().unwrap())
    };
    Sender::new(settings, Arc::new(Derived::new(root(), KEY_ID)))
}

async fn send(url: &str, findings: &[Finding]) -> Report {
    let deadline = Instant::now() + Duration::from_secs(30);
    sender(url).send(&info(), findings, deadline).await
}

fn one() -> Vec<Finding> {
    vec![finding("111122223333", "eu-west-1", "e-1", "")]
}

fn took(accepted: u32) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(Accepted {
        accepted,
        ..Accepted::default()
    })
}

/// Answers in turn, the last answer for ever.
async fn server(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    let last = answers.len() - 1;
    for (index, answer) in answers.into_iter().enumerate() {
        let mock = Mock::given(method("POST")).respond_with(answer);
        let mock = if index == last {
            mock
        } else {
            mock.up_to_n_times(1)
        };
        mock.mount(&server).await;
    }
    server
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap().to_str().unwrap()
}

/// What the master's own verifier says of a request.
fn verified(request: &Request) -> WorkerId {
    let signed = Signed {
        id: header(request, header::ID),
        timestamp: header(request, header::TIMESTAMP),
        signature: header(request, header::SIGNATURE),
        worker: header(request, header::WORKER),
        key: header(request, header::KEY),
    };
    let roots = RootKeys::default().with(1, root());
    verify(&signed, &request.body, &roots, Timestamp::now()).unwrap()
}

fn batch(request: &Request) -> Batch {
    serde_json::from_slice(&inflate(&request.body, 1 << 20).unwrap()).unwrap()
}

#[tokio::test]
async fn a_request_is_signed_compressed_and_complete() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/stage/v1/findings"))
        .respond_with(took(1))
        .mount(&server)
        .await;
    let report = send(&format!("{}/stage/", server.uri()), &one()).await;
    assert_eq!((report.accepted, report.is_complete()), (1, true));
    let requests = server.received_requests().await.unwrap();
    let request = &requests[0];
    assert_eq!(verified(request).to_string(), "111122223333/eu-west-1");
    assert_eq!(header(request, "content-type"), "application/octet-stream");
    assert_eq!(header(request, "content-encoding"), "gzip");
    assert_eq!(batch(request).findings, one());
}

#[tokio::test]
async fn transient_answers_are_tried_again_under_one_id() {
    let cases = [
        ("503", ResponseTemplate::new(503)),
        (
            "503 with Retry-After",
            ResponseTemplate::new(503).insert_header("retry-after", "0"),
        ),
        ("429", ResponseTemplate::new(429)),
        ("500", ResponseTemplate::new(500)),
        ("202", ResponseTemplate::new(202)),
        ("408", ResponseTemplate::new(408)),
        (
            "200 of somebody else",
            ResponseTemplate::new(200).set_body_string("<html>sign in</html>"),
        ),
        ("200 that does not add up", took(7)),
        ("hang", took(1).set_delay(Duration::from_mins(1))),
    ];
    for (name, first) in cases {
        let server = server(vec![first, took(1)]).await;
        let report = send(&server.uri(), &one()).await;
        assert_eq!((report.accepted, report.failed.len()), (1, 0), "{name}");
        let requests = server.received_requests().await.unwrap();
        let ids: BTreeSet<&str> = requests.iter().map(|r| header(r, header::ID)).collect();
        assert_eq!((requests.len(), ids.len()), (2, 1), "{name}");
        for request in &requests {
            verified(request);
        }
    }
}

#[tokio::test]
async fn permanent_answers_are_not_tried_again() {
    for status in [400, 401, 403, 404, 410, 413, 415, 422] {
        let server = server(vec![ResponseTemplate::new(status)]).await;
        let report = send(&server.uri(), &one()).await;
        let failed = &report.failed[0];
        assert_eq!(
            failed.error,
            SendError::Refused(format!("HTTP status {status}"))
        );
        assert_eq!(
            (failed.members.as_slice(), failed.error.custody()),
            ([0].as_slice(), Custody::Both)
        );
        assert_eq!(
            server.received_requests().await.unwrap().len(),
            1,
            "{status}"
        );
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = server(vec![took(1)]).await;
    for status in [301, 302, 307, 308] {
        let answer = ResponseTemplate::new(status).insert_header("location", elsewhere.uri());
        let server = server(vec![answer]).await;
        let report = send(&server.uri(), &one()).await;
        assert_eq!(
            report.failed[0].error,
            SendError::Refused(format!("HTTP status {status}"))
        );
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn attempts_end_and_the_rest_is_not_tried() {
    let server = server(vec![ResponseTemplate::new(503)]).await;
    let findings = [
        finding("111122223333", "eu-west-1", "e-1", ""),
        finding("444455556666", "eu-west-1", "e-2", ""),
    ];
    let report = send(&server.uri(), &findings).await;
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
    let attempts = report.failed.iter().map(|failed| match &failed.error {
        SendError::Unreachable { attempts, .. } => *attempts,
        other => panic!("{other}"),
    });
    assert_eq!(attempts.collect::<Vec<_>>(), [3, 0]);
    assert!(
        report
            .failed
            .iter()
            .all(|f| f.error.custody() == Custody::Source)
    );
}

#[tokio::test]
async fn a_retry_after_beyond_the_deadline_ends_at_once() {
    let answer = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    let server = server(vec![answer]).await;
    let report = send(&server.uri(), &one()).await;
    assert!(matches!(
        report.failed[0].error,
        SendError::Unreachable { attempts: 1, .. }
    ));
}

#[tokio::test]
async fn a_reset_and_a_closed_port_are_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hang_up = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let report = send(&format!("http://{address}"), &one()).await;
    assert!(matches!(
        report.failed[0].error,
        SendError::Unreachable { attempts: 3, .. }
    ));
    hang_up.abort();
    let _ = hang_up.await;
    let report = send(&format!("http://{address}"), &one()).await;
    let error = report.failed[0].error.to_string();
    assert!(error.contains("refused"), "the cause is named: {error}");
}

#[tokio::test]
async fn places_do_not_share_requests_and_a_wrong_place_harms_no_other() {
    let server = server(vec![took(1)]).await;
    let findings = [
        finding("111122223333", "eu-west-1", "e-1", ""),
        finding("not an account", "eu-west-1", "e-2", ""),
        finding("111122223333", "us-east-1", "e-3", ""),
    ];
    let report = send(&server.uri(), &findings).await;
    assert_eq!(report.accepted, 2);
    assert_eq!(report.failed[0].members, [1]);
    assert_eq!(report.failed[0].error.custody(), Custody::Letter);
    let requests = server.received_requests().await.unwrap();
    let signers: Vec<String> = requests.iter().map(|r| verified(r).to_string()).collect();
    assert_eq!(
        signers,
        ["111122223333/eu-west-1", "111122223333/us-east-1"]
    );
}

#[tokio::test]
async fn many_findings_make_several_requests() {
    let server = MockServer::start().await;
    let count = |request: &Request| took(u32::try_from(batch(request).findings.len()).unwrap());
    Mock::given(method("POST"))
        .respond_with(count)
        .mount(&server)
        .await;
    let findings: Vec<Finding> = (0..250)
        .map(|i| finding("111122223333", "eu-west-1", &i.to_string(), ""))
        .collect();
    let report = send(&server.uri(), &findings).await;
    assert_eq!((report.accepted, Limits::default().findings), (250, 100));
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn rejected_findings_are_reported() {
    let body =
        json!({"accepted": 0, "duplicates": 0, "rejected": [{"id": one()[0].id, "reason": "x"}]});
    let server = server(vec![ResponseTemplate::new(200).set_body_json(body)]).await;
    let report = send(&server.uri(), &one()).await;
    assert_eq!((report.rejected.len(), report.is_complete()), (1, false));
}

struct NoSecrets;

#[async_trait::async_trait]
impl Secrets for NoSecrets {
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        match reference {
            SecretRef::File(_) => Ok(Secret::new("no key at all")),
            _ => Err(SecretError::Env("X".into())),
        }
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_sent() {
    let server = server(vec![took(1)]).await;
    let worker: WorkerId = "111122223333/eu-west-1".parse().unwrap();
    let own = |reference: &str| {
        let reference = SecretRef::try_from(reference.to_owned()).unwrap();
        OwnKey::new(worker.clone(), KEY_ID, reference, Arc::new(NoSecrets))
    };
    let other = Signer {
        worker: "444455556666/eu-west-1".parse().unwrap(),
        key: root().worker_key(&worker, 0),
        key_id: KEY_ID,
    };
    let settings = || Settings::to(server.uri().parse().unwrap());
    let cases = [
        (
            "not fetched",
            Sender::new(settings(), Arc::new(own("env:X"))),
            Custody::Source,
        ),
        (
            "no key",
            Sender::new(settings(), Arc::new(own("file:/x"))),
            Custody::Both,
        ),
        (
            "not listed",
            Sender::new(settings(), Arc::new(KeyList::from_iter([other]))),
            Custody::Both,
        ),
    ];
    for (name, sender, custody) in cases {
        let report = sender
            .send(&info(), &one(), Instant::now() + Duration::from_secs(5))
            .await;
        let error = &report.failed[0].error;
        assert!(matches!(error, SendError::Key(_)), "{name}");
        assert_eq!(error.custody(), custody, "{name}");
        assert!(!error.to_string().contains("no key at all"), "{name}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
    let missing = KeyringError::Missing(worker);
    insta::assert_snapshot!(missing, @"no key for 111122223333/eu-west-1; give the root key, or this worker's key");
}

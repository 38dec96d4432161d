//! A worker that enrols, against a master that answers as the test says.

use super::*;
use crate::samples::{finding, info};
use crate::send::{Custody, SendError, Sender, Settings as SendSettings};
use dial_core::dead_letter::hex;
use dial_core::key::{KEY_BYTES, RootKey};
use dial_core::ports::SignError;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, Ordering};
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const NOW: i64 = 1_777_629_600;
const DAY: i64 = 86_400;

/// Signs with the text of what it was given.
struct Transparent;

#[async_trait]
impl RequestSigner for Transparent {
    async fn sign(
        &self,
        signing: &Signing,
        request: Unsigned<'_>,
    ) -> Result<Vec<(String, String)>, SignError> {
        assert_eq!((signing.service, request.body), (SERVICE, QUESTION));
        let seen = format!("{} {:?}", request.url, request.headers);
        let seen = hex(seen.as_bytes());
        let credential = "Credential=ASIAEXAMPLEEXAMPLE00/20260501/eu-west-1/sts/aws4_request";
        let authorization =
            format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=x, Signature={seen}");
        Ok([
            ("authorization", authorization.as_str()),
            ("x-amz-date", "20260501T100000Z"),
            ("x-amz-security-token", "FQoGZXIvYXdzEBYaDexample"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec())
    }
}

struct Bed {
    master: MockServer,
    clock: Arc<AtomicI64>,
    key: EnrolledKey,
}

fn worker() -> WorkerId {
    "111122223333/eu-west-1".parse().unwrap()
}

impl Bed {
    async fn new() -> Self {
        let master = MockServer::start().await;
        let clock = Arc::new(AtomicI64::new(NOW));
        let shown = Arc::clone(&clock);
        let settings = Settings {
            master: master.uri().parse().unwrap(),
            worker: worker(),
            timeout: Duration::from_secs(30),
        };
        let now = move || Timestamp::from_second(shown.load(Ordering::SeqCst)).unwrap();
        let client = SharedClient::default();
        let key = EnrolledKey::new(settings, Arc::new(Transparent), client, Arc::new(now));
        Self {
            master,
            clock,
            key: key.unwrap(),
        }
    }

    /// The next enrolment is answered so; earlier answers are over.
    async fn answers(&self, answer: ResponseTemplate) {
        self.master.reset().await;
        let enrolment = Mock::given(path(ENROL_PATH)).respond_with(answer);
        enrolment.mount(&self.master).await;
    }

    async fn gives(&self, not_after: i64) {
        self.answers(ResponseTemplate::new(200).set_body_json(given(not_after)))
            .await;
    }

    fn at(&self, seconds: i64) {
        self.clock.store(NOW + seconds, Ordering::SeqCst);
    }

    async fn ends(&self) -> Result<i64, String> {
        let signer = self.key.signer(&worker()).await;
        let signer = signer.map_err(|error| error.to_string())?;
        Ok(i64::try_from(signer.key_id.not_after).unwrap() - NOW)
    }

    async fn asked(&self) -> usize {
        self.master.received_requests().await.unwrap().len()
    }
}

/// What a master answers, with the key that it would derive.
fn given(not_after: i64) -> Value {
    let root = RootKey::from_bytes([7; KEY_BYTES]);
    let key = root.worker_key(&worker(), not_after.unsigned_abs());
    json!({
        "worker": worker().to_string(),
        "key": key.to_secret().expose(),
        "key_id": format!("1/{not_after}"),
    })
}

#[tokio::test]
async fn a_key_is_asked_for_once_by_a_question_for_this_master() {
    let bed = Bed::new().await;
    bed.gives(NOW + DAY).await;
    for _ in 0..3 {
        assert_eq!(bed.ends().await, Ok(DAY));
    }
    let requests = bed.master.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    let sent: Value = requests[0].body_json().unwrap();
    assert_eq!(sent["worker"], "111122223333/eu-west-1");
    let hex = sent["signature"].as_str().unwrap().as_bytes();
    let seen: Vec<u8> = hex
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect();
    let seen = String::from_utf8(seen).unwrap();
    let master = bed.master.uri();
    for part in [
        "https://sts.eu-west-1.amazonaws.com/".to_owned(),
        format!("(\"dial-audience\", {master:?})"),
        "(\"dial-worker\", \"111122223333/eu-west-1\")".to_owned(),
    ] {
        assert!(seen.contains(&part), "{part}: {seen}");
    }
}

#[tokio::test]
async fn a_key_is_renewed_from_half_its_life_on() {
    let bed = Bed::new().await;
    bed.gives(NOW + DAY).await;
    assert_eq!(bed.ends().await, Ok(DAY));
    bed.gives(NOW + 2 * DAY).await;
    bed.at(DAY / 2 - 1);
    assert_eq!(bed.ends().await, Ok(DAY));
    bed.at(DAY * 6 / 10 + 1);
    assert_eq!(bed.ends().await, Ok(2 * DAY));
}

#[tokio::test]
async fn an_old_key_bears_a_master_that_is_away_until_it_ends() {
    let mut bed = Bed::new().await;
    bed.gives(NOW + DAY).await;
    bed.ends().await.unwrap();
    bed.key.settings.timeout = Duration::ZERO;
    // No time is left for a second try, but a first may be faster than that.
    bed.answers(ResponseTemplate::new(503)).await;
    for seconds in [DAY * 7 / 10, DAY * 8 / 10, DAY - MARGIN - 1] {
        bed.at(seconds);
        assert_eq!(bed.ends().await, Ok(DAY), "{seconds}");
    }
    bed.at(DAY - MARGIN);
    let error = bed.key.signer(&worker()).await.unwrap_err();
    assert!(matches!(error, KeyringError::Enrol { .. }), "{error}");
    assert_eq!(SendError::from(error).custody(), Custody::Source);
    bed.key.settings.timeout = Duration::from_secs(30);
    bed.gives(NOW + 3 * DAY).await;
    assert_eq!(bed.ends().await, Ok(3 * DAY), "it comes back by itself");
}

#[tokio::test]
async fn a_renewal_that_failed_is_not_tried_at_every_event() {
    let bed = Bed::new().await;
    bed.gives(NOW + DAY).await;
    bed.ends().await.unwrap();
    bed.answers(ResponseTemplate::new(403)).await;
    bed.at(DAY * 7 / 10);
    for _ in 0..3 {
        bed.ends().await.unwrap();
    }
    assert_eq!(bed.asked().await, 1);
    bed.at(DAY * 7 / 10 + 2 * PAUSE);
    bed.ends().await.unwrap();
    assert_eq!(bed.asked().await, 2);
}

#[tokio::test]
async fn what_is_no_key_is_named_and_not_taken() {
    let detail = json!({ "detail": "account 111122223333 is not allowed" });
    let ok = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    let with = |field: &str, value: &str| {
        let mut body = given(NOW + DAY);
        body[field] = value.into();
        ok(body)
    };
    let cases = [
        (
            ResponseTemplate::new(403).set_body_json(detail),
            "HTTP status 403: account 111122223333 is not allowed",
        ),
        (ResponseTemplate::new(401), "HTTP status 401"),
        (ResponseTemplate::new(404), "no [master.enrolment]"),
        (ok(json!({})), "something else than a key"),
        (
            with("worker", "444455556666/eu-west-1"),
            "another worker's key",
        ),
        (with("key", "whsec_AAAA"), "a broken key"),
        (with("key_id", "1"), "a broken key id"),
        (ok(given(0)), "or never ends"),
        (ok(given(NOW)), "has ended"),
    ];
    let mut bed = Bed::new().await;
    // Answers that another try might better are not waited for.
    bed.key.settings.timeout = Duration::from_millis(100);
    for (answer, expected) in cases {
        bed.answers(answer).await;
        let error = bed.ends().await.unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(error.starts_with("worker 111122223333/eu-west-1 cannot enrol"));
    }
}

#[tokio::test]
async fn a_key_that_the_master_no_longer_knows_is_replaced_at_once() {
    let bed = Bed::new().await;
    bed.gives(NOW + DAY).await;
    let old = bed.key.signer(&worker()).await.unwrap();
    assert!(!bed.key.forget(&old).await, "it has only just come");
    bed.at(YOUNG);
    bed.gives(NOW + 2 * DAY).await;
    let accepted = json!({ "accepted": 1, "duplicates": 0, "rejected": [] });
    let taken = ResponseTemplate::new(200).set_body_json(accepted);
    let findings = || Mock::given(path("/v1/findings"));
    let new = format!("1/{}", NOW + 2 * DAY);
    let known = findings().and(header("dial-key", new.as_str()));
    known.respond_with(taken).mount(&bed.master).await;
    let unknown = findings().respond_with(ResponseTemplate::new(401));
    unknown.with_priority(9).mount(&bed.master).await;
    let settings = SendSettings::to(bed.master.uri().parse().unwrap());
    let sender = Sender::new(settings, Arc::new(bed.key));
    let sent = [finding("111122223333", "eu-west-1", "e", "")];
    let deadline = Instant::now() + Duration::from_secs(30);
    let report = sender.send(&info(), &sent, deadline).await;
    assert_eq!(report.accepted, 1, "{report:?}");
    let requests = bed.master.received_requests().await.unwrap();
    let paths: Vec<&str> = requests.iter().map(|r| r.url.path()).collect();
    assert_eq!(paths, ["/v1/findings", ENROL_PATH, "/v1/findings"]);
}

#[test]
fn renewals_are_spread_over_a_tenth_of_the_life() {
    let now = Timestamp::from_second(NOW).unwrap();
    let end = Timestamp::from_second(NOW + 1_000).unwrap();
    for (jitter, expected) in [(0.0, 500), (0.5, 550), (1.0, 600), (9.0, 600)] {
        let at = renewal(now, end, jitter).as_second() - NOW;
        assert_eq!(at, expected, "{jitter}");
    }
}

#[test]
fn a_key_does_not_travel_in_the_clear() {
    let cases = [
        ("https://dial.example.com/prod", "eu-west-1", true),
        ("http://127.0.0.1:8600", "eu-west-1", true),
        ("http://dial.example.com", "eu-west-1", false),
        ("https://dial.example.com", "mars", false),
    ];
    for (master, region, good) in cases {
        let settings = Settings {
            master: master.parse().unwrap(),
            worker: format!("111122223333/{region}").parse().unwrap(),
            timeout: Duration::ZERO,
        };
        let client = SharedClient::default();
        let clock: Clock = Arc::new(Timestamp::now);
        let key = EnrolledKey::new(settings, Arc::new(Transparent), client, clock);
        assert_eq!(key.is_ok(), good, "{master} {region}");
    }
}

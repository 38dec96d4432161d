//! Enrolment: who gets a key, who does not, and who is asked about it.

use crate::bed::{Answer, Bed, NOW, WORKER, roots};
use async_trait::async_trait;
use axum::body::Body;
use dial_core::WorkerId;
use dial_core::enrolment::{Audience, Identity, MAX_ENROLMENT, StsQuestion};
use dial_core::key::KeyId;
use dial_core::ports::{CallerIdentity, IdentityError, Organization};
use dial_master::api::Peer;
use dial_master::enrolment::{Enroller, EnrolmentSettings};
use http::Request;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const ROLE: &str = "arn:aws:sts::111122223333:assumed-role/dial-worker-eu-west-1/dial-worker";

/// Both sides that a master asks, with what they were asked.
struct Aws {
    identity: Mutex<Result<Identity, IdentityError>>,
    member: Mutex<Result<bool, String>>,
    urls: Mutex<Vec<String>>,
    looked_up: Mutex<usize>,
}

#[async_trait]
impl CallerIdentity for Aws {
    async fn caller(&self, question: &StsQuestion) -> Result<Identity, IdentityError> {
        self.urls.lock().unwrap().push(question.url());
        self.identity.lock().unwrap().clone()
    }
}

#[async_trait]
impl Organization for Aws {
    async fn has(&self, _: &WorkerId) -> Result<bool, String> {
        *self.looked_up.lock().unwrap() += 1;
        self.member.lock().unwrap().clone()
    }
}

struct Gate {
    bed: Bed,
    aws: Arc<Aws>,
}

impl Gate {
    fn new(settings: &str) -> Self {
        let identity = Identity {
            arn: ROLE.to_owned(),
            account: "111122223333".to_owned(),
        };
        let aws = Arc::new(Aws {
            identity: Mutex::new(Ok(identity)),
            member: Mutex::new(Ok(true)),
            urls: Mutex::default(),
            looked_up: Mutex::default(),
        });
        let settings: EnrolmentSettings = toml::from_str(settings).unwrap();
        let organization = settings
            .organization
            .then(|| Arc::clone(&aws) as Arc<dyn Organization>);
        let audience = Audience::parse("https://dial.example.com").unwrap();
        let sts = Arc::clone(&aws) as Arc<dyn CallerIdentity>;
        let enroller = Enroller::over(&settings, audience, sts, organization);
        let bed = Bed::with(|parts| parts.enrolment = Some(enroller));
        Self { bed, aws }
    }

    fn open() -> Self {
        Self::new("organization = true")
    }

    fn says(&self, arn: &str) {
        let account = arn.split(':').nth(4).unwrap_or_default().to_owned();
        let arn = arn.to_owned();
        *self.aws.identity.lock().unwrap() = Ok(Identity { arn, account });
    }

    fn asked(&self) -> usize {
        self.aws.urls.lock().unwrap().len()
    }

    async fn post(&self, body: impl Into<Body>) -> Answer {
        self.bed.send(request(body, "192.0.2.1:5")).await
    }

    async fn enrol(&self) -> Answer {
        self.post(good().to_string()).await
    }
}

fn request(body: impl Into<Body>, peer: &str) -> Request<Body> {
    let peer: SocketAddr = peer.parse().unwrap();
    let request = Request::post("/v1/enrol").extension(Peer(peer));
    request.body(body.into()).unwrap()
}

fn good() -> Value {
    at(NOW)
}

fn at(seconds: i64) -> Value {
    let time = Timestamp::from_second(seconds).unwrap();
    json!({
        "worker": WORKER,
        "access_key": "ASIAEXAMPLEEXAMPLE00",
        "date": time.strftime("%Y%m%dT%H%M%SZ").to_string(),
        "token": "FQoGZXIvYXdzEBYaDexample",
        "signature": "0123456789abcdef".repeat(4),
    })
}

#[tokio::test]
async fn a_proven_worker_gets_its_own_key_for_a_day() {
    let gate = Gate::open();
    let answer = gate.enrol().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let given = answer.json();
    assert_eq!(given["worker"], WORKER);
    let id: KeyId = given["key_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.not_after, u64::try_from(NOW).unwrap() + 86_400);
    let roots = roots();
    let (newest, root) = roots.newest_first().next().unwrap();
    assert_eq!(id.root, newest);
    let worker = WORKER.parse().unwrap();
    let key = root.worker_key(&worker, id.not_after).to_secret();
    assert_eq!(given["key"], key.expose());
    let urls = gate.aws.urls.lock().unwrap().clone();
    assert_eq!(urls, ["https://sts.eu-west-1.amazonaws.com/"]);
    assert_eq!(gate.bed.calls(), 0, "no store, no bucket");
}

#[tokio::test]
async fn what_proves_nothing_gets_the_bare_401_and_nobody_is_asked() {
    let gate = Gate::open();
    let with = |field: &str, value: &str| {
        let mut body = good();
        body[field] = value.into();
        body.to_string()
    };
    let cases = [
        ("nothing", String::new()),
        ("no JSON", "{".into()),
        ("another field", with("url", "https://evil.example/")),
        ("no worker", with("worker", "x")),
        (
            "bucket for a region",
            with("worker", "111122223333/s3-eu-west-1"),
        ),
        (
            "host for a region",
            with("worker", "111122223333/evil.example"),
        ),
        ("key of a user", with("access_key", "AKIAEXAMPLEEXAMPLE00")),
        (
            "header in the token",
            with("token", "aaaaaaaaaaaaaaaa\r\nhost: x"),
        ),
        ("no signature", with("signature", "")),
        ("old", at(NOW - 301).to_string()),
        ("new", at(NOW + 301).to_string()),
    ];
    let nothing = gate.post("").await;
    for (name, body) in cases {
        let answer = gate.post(body).await;
        assert_eq!(answer.status, 401, "{name}");
        assert_eq!(answer.body, nothing.body, "{name}");
        assert_eq!(answer.body.len(), 0, "{name}");
    }
    let large = gate.post("x".repeat(MAX_ENROLMENT + 1)).await;
    assert_eq!((large.status.as_u16(), large.body.len()), (413, 0));
    assert_eq!((gate.asked(), gate.bed.calls()), (0, 0));
}

#[tokio::test]
async fn who_is_somebody_else_learns_what_is_missing_and_gets_no_key() {
    let gate = Gate::open();
    let cases = [
        (
            "arn:aws:sts::444455556666:assumed-role/dial-worker-eu-west-1/s",
            "444455556666 is not the account of worker 111122223333/eu-west-1",
        ),
        (
            "arn:aws:sts::111122223333:assumed-role/dial-worker-us-east-1/s",
            "may not enrol worker 111122223333/eu-west-1",
        ),
        (
            "arn:aws:sts::111122223333:assumed-role/admin/dial-worker-eu-west-1",
            "may not enrol",
        ),
        (
            "arn:aws:iam::111122223333:user/dial-worker-eu-west-1",
            "may not enrol",
        ),
        ("arn:aws:iam::111122223333:root", "may not enrol"),
    ];
    for (arn, expected) in cases {
        gate.says(arn);
        let answer = gate.enrol().await;
        assert_eq!(answer.status, 403, "{arn}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(expected), "{detail}");
        assert!(!answer.body.contains("whsec_"));
    }
    assert_eq!(*gate.aws.looked_up.lock().unwrap(), 0);
}

#[tokio::test]
async fn accounts_that_are_not_allowed_are_refused_and_soon_asked_about_again() {
    let listed = Gate::new("accounts = [\"444455556666\"]");
    let answer = listed.enrol().await;
    assert_eq!(answer.status, 403);
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("neither")
    );
    let own = Gate::new("accounts = [\"111122223333\"]\nkey_hours = 1");
    assert_eq!(own.enrol().await.status, 200);

    let gate = Gate::open();
    *gate.aws.member.lock().unwrap() = Ok(false);
    for _ in 0..3 {
        assert_eq!(gate.enrol().await.status, 403);
    }
    assert_eq!(*gate.aws.looked_up.lock().unwrap(), 1, "a no is remembered");
    *gate.aws.member.lock().unwrap() = Ok(true);
    gate.bed.set_seconds(NOW + 31);
    for _ in 0..3 {
        assert_eq!(gate.enrol().await.status, 200);
    }
    assert_eq!(
        *gate.aws.looked_up.lock().unwrap(),
        2,
        "a yes is remembered"
    );
    *gate.aws.member.lock().unwrap() = Err("busy".into());
    gate.bed.set_seconds(NOW + 31 + 600);
    let later = gate.post(at(NOW + 631).to_string()).await;
    assert_eq!(later.status, 503, "what nobody knows is not allowed");
}

#[tokio::test]
async fn an_sts_that_refuses_is_a_401_and_one_that_is_away_a_503() {
    let gate = Gate::open();
    let refused = IdentityError::Refused("SignatureDoesNotMatch".into());
    *gate.aws.identity.lock().unwrap() = Err(refused);
    let answer = gate.enrol().await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (401, 0));
    *gate.aws.identity.lock().unwrap() = Err(IdentityError::Unavailable("timeout".into()));
    let answer = gate.enrol().await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn a_flood_is_cut_off_before_anybody_is_asked() {
    let gate = Gate::open();
    let mut refused = 0;
    for n in 0..80 {
        let answer = gate.enrol().await;
        if answer.status == 429 {
            refused += 1;
            assert!(answer.header("retry-after").is_some(), "{n}");
        }
    }
    assert_eq!((gate.asked(), refused), (50, 30), "one source");
    let other = request(good().to_string(), "192.0.2.2:5");
    assert_eq!(gate.bed.send(other).await.status, 200, "another source");
    for n in 0..1_000 {
        let peer = format!("192.0.{}.{}:5", 3 + n / 250, n % 250);
        gate.bed.send(request(good().to_string(), &peer)).await;
    }
    assert_eq!(gate.asked(), 250, "all sources together");
}

#[tokio::test]
async fn a_master_without_enrolment_has_no_such_path() {
    let bed = Bed::new();
    let answer = bed.send(request(good().to_string(), "192.0.2.1:5")).await;
    assert_eq!(answer.status, 404);
}

/// A body that is nearly an enrolment.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let field = prop::sample::select(vec![
        "worker",
        "access_key",
        "date",
        "token",
        "signature",
        "url",
        "host",
        "region",
    ]);
    let value = prop_oneof![
        ".{0,60}",
        "111122223333/[a-z0-9./@:-]{0,40}",
        "111122223333/[a-z]{2}-(west|east|central)-[0-9]",
        "https?://[a-z.]{1,20}/.{0,10}",
    ];
    let changed = prop::collection::vec((field, value), 0..3).prop_map(|changes| {
        let mut body = good();
        for (field, value) in changes {
            body[field] = value.into();
        }
        body.to_string().into_bytes()
    });
    prop_oneof![changed, prop::collection::vec(any::<u8>(), 0..200)]
}

/// Whatever is posted: nobody but an STS of AWS is asked, and only about what is then refused or
/// given for its own account.
#[test]
fn no_enrolment_makes_the_master_ask_anybody_but_sts() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // Fewer than a flood is, each from a source of its own.
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let (gate, number) = (Gate::open(), AtomicUsize::new(0));
    let held = runner.run(&bodies(), |body| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let request = request(body, &format!("192.0.2.{number}:5"));
        let answer = runtime.block_on(gate.bed.send(request));
        let urls = std::mem::take(&mut *gate.aws.urls.lock().unwrap());
        for url in &urls {
            let region = url.strip_prefix("https://sts.").and_then(|rest| {
                rest.strip_suffix(".amazonaws.com/")
                    .or(rest.strip_suffix(".amazonaws.com.cn/"))
            });
            let plain = region.is_some_and(|r| {
                r.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            });
            prop_assert!(plain, "{}", url);
        }
        prop_assert!(urls.len() <= 1);
        let status = answer.status.as_u16();
        prop_assert!([200, 401, 403].contains(&status), "{}", status);
        prop_assert!(status == 401 || urls.len() == 1);
        Ok(())
    });
    held.unwrap();
}

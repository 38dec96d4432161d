//! A master on a temporary folder that counts what reaches its store and bucket.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use dial_core::finding::Finding;
use dial_core::folder::Folder;
use dial_core::key::{RootKey, RootKeys};
use dial_core::ports::{Bucket, BucketError};
use dial_core::store::archive::Archiving;
use dial_core::store::document::{Documents, Put};
use dial_core::store::group::{Grouping, Join, Joined};
use dial_core::store::outbox::{Backlog, Count, Outbox, Place};
use dial_core::store::silence::{Ended, Silence, Silences};
use dial_core::store::stats::{Cells, Statistics};
use dial_core::store::token::Scope;
use dial_core::store::triage::{ChangeError, Changed, Request as ChangeRequest, Triaging};
use dial_core::store::{
    Acceptance, Audit, Cursor, Delivery, Outcome, Page, Query, Settlement, Status, Store,
    StoreError, Stored, Summary,
};
use dial_core::wire::header;
use dial_core::{FindingId, Secret, gzip, signature};
use dial_master::api::Caller;
use dial_master::config::Master;
use dial_master::readers::{Readers, Token};
use dial_master::routes::Desk;
use dial_master::store::Sqlite;
use dial_master::web::Dashboard;
use dial_master::{Parts, Rate, State, app};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

/// Seconds at which the clock of every bed starts.
pub(crate) const NOW: i64 = 1_900_000_000;
pub(crate) const WORKER: &str = "111122223333/eu-west-1";
pub(crate) const AGGREGATOR: &str = "444455556666/eu-west-1";
pub(crate) const TOKEN: &str = "reader-token-0123456789-abcdef";

pub(crate) struct Bed {
    pub(crate) app: Router,
    pub(crate) state: Arc<State>,
    pub(crate) store: Arc<Counted>,
    pub(crate) bucket: Arc<CountedFolder>,
    clock: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

/// Counts every call; answers with an error when told to.
pub(crate) struct Counted {
    inner: Sqlite,
    calls: AtomicUsize,
    broken: Mutex<Option<StoreError>>,
}

/// Counts every write; fails when told to.
pub(crate) struct CountedFolder {
    inner: Folder,
    calls: AtomicUsize,
    broken: AtomicBool,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Parts)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Counted {
            inner: Sqlite::open(&folder.path().join("dial.db")).unwrap(),
            calls: AtomicUsize::new(0),
            broken: Mutex::new(None),
        });
        let bucket = Arc::new(CountedFolder {
            inner: Folder::new(folder.path().join("bucket")),
            calls: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        });
        let clock = Arc::new(AtomicI64::new(NOW * 1_000));
        let shown = Arc::clone(&clock);
        let caller = Caller {
            name: "soc".into(),
            scope: Scope::Admin,
        };
        let token = Token::new(caller, &Secret::new(TOKEN), None).unwrap();
        let mut parts = Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            bucket: Arc::clone(&bucket) as Arc<dyn Bucket>,
            roots: roots(),
            readers: Readers::Tokens(vec![token]),
            aggregators: [AGGREGATOR.parse().unwrap()].into(),
            sinks: vec!["slack".into(), "thehive".into()],
            desk: Arc::new(Desk::new(&config())),
            retention: SignedDuration::from_hours(24 * 400),
            rate: Rate {
                per_second: 100,
                burst: 2_000,
            },
            token_rate: Rate {
                per_second: 100,
                burst: 1_000,
            },
            silent_after: SignedDuration::from_mins(30),
            dashboard: Dashboard::default(),
            slack: None,
            enrolment: None,
            clock: Arc::new(move || {
                Timestamp::from_millisecond(shown.load(Ordering::SeqCst)).unwrap()
            }),
        };
        change(&mut parts);
        let state = Arc::new(State::new(parts));
        Self {
            app: app(Arc::clone(&state)),
            state,
            store,
            bucket,
            clock,
            _folder: folder,
        }
    }

    pub(crate) fn set_seconds(&self, seconds: i64) {
        self.clock.store(seconds * 1_000, Ordering::SeqCst);
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = Answer::of(self.app.clone().oneshot(request).await.unwrap()).await;
        crate::documented::check(&method, &path, &answer);
        answer
    }

    pub(crate) async fn post(&self, findings: &[Value]) -> Answer {
        self.send(Signed::by(WORKER).batch(findings).request())
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(get(path)).await
    }

    /// Calls that reached store and bucket so far.
    pub(crate) fn calls(&self) -> usize {
        self.store.calls.load(Ordering::SeqCst) + self.bucket.calls.load(Ordering::SeqCst)
    }
}

/// A tree in which nobody is told of what is low, and chat of what is muted by a critical one.
fn config() -> Master {
    let text = "[sinks.slack]\ntype = 'slack'\nwebhook_url = 'env:A'\n\
         [sinks.thehive]\ntype = 'splunk'\nurl = 'https://a.example'\ntoken = 'env:B'\n\
         [route]\nsinks = ['slack', 'thehive']\n\
         [[route.routes]]\nname = 'noise'\nmatchers = ['severity<=low']\nsinks = []\n\
         [[inhibit]]\nsource = ['severity>=critical']\ntarget = ['severity<=high']\n\
         equal = ['account', 'resource']\n";
    toml::from_str(text).unwrap()
}

pub(crate) fn roots() -> RootKeys {
    RootKeys::default()
        .with(1, RootKey::from_bytes([1; 32]))
        .with(2, RootKey::from_bytes([2; 32]))
}

/// A request with a token and perhaps a JSON body.
pub(crate) fn ask(method: &str, path: &str, token: &str, body: Option<&Value>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {token}"));
    let body = body.map(Value::to_string).unwrap_or_default();
    request.body(Body::from(body)).unwrap()
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path)
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Body::empty())
        .unwrap()
}

/// A request as a worker makes it; every part can be spoilt before or after signing.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) worker: String,
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) body: Vec<u8>,
    pub(crate) signature: Option<String>,
    pub(crate) extra: Vec<(&'static str, HeaderValue)>,
    pub(crate) without: Option<&'static str>,
}

impl Signed {
    pub(crate) fn by(worker: &str) -> Self {
        Self {
            worker: worker.into(),
            key: "1/0".into(),
            id: "msg_1".into(),
            timestamp: NOW.to_string(),
            body: Vec::new(),
            signature: None,
            extra: vec![("content-encoding", HeaderValue::from_static("gzip"))],
            without: None,
        }
    }

    pub(crate) fn batch(self, findings: &[Value]) -> Self {
        let (account, region) = self.worker.split_once('/').unwrap();
        let worker =
            json!({"account": account, "region": region, "version": "0.1.0", "rules": "abc"});
        let body = json!({"worker": worker, "findings": findings}).to_string();
        self.body(gzip::deflate(body.as_bytes()))
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    /// The signature of the parts as they are now.
    pub(crate) fn signed(self) -> Self {
        let (root, not_after) = self.key.split_once('/').unwrap();
        let (root, not_after) = (root.parse().unwrap(), not_after.parse().unwrap());
        let worker = self.worker.parse().unwrap();
        let key = roots().get(root).unwrap().worker_key(&worker, not_after);
        let timestamp = self.timestamp.parse().unwrap();
        let signature = signature::sign(&key, &self.id, timestamp, &self.body);
        Self {
            signature: Some(signature),
            ..self
        }
    }

    pub(crate) fn request(self) -> Request<Body> {
        let this = if self.signature.is_none() {
            self.signed()
        } else {
            self
        };
        let body = this.body.clone();
        this.request_with(Body::from(body))
    }

    pub(crate) fn request_with(self, body: Body) -> Request<Body> {
        let mut request = Request::post("/v1/findings").body(body).unwrap();
        let headers = request.headers_mut();
        let standard = [
            (header::ID, self.id),
            (header::TIMESTAMP, self.timestamp),
            (header::SIGNATURE, self.signature.unwrap_or_default()),
            (header::WORKER, self.worker),
            (header::KEY, self.key),
        ];
        for (name, value) in standard {
            if self.without != Some(name) {
                headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
        }
        for (name, value) in self.extra {
            headers.append(name, value);
        }
        request
    }
}

/// A whole answer, as text that can be compared to the byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let headers = parts.headers.iter();
        Self {
            status: parts.status,
            headers: headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            body: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", self.body)
    }
}

/// A valid finding as JSON; `n` makes it another event.
pub(crate) fn finding(n: u32) -> Value {
    place(n, "111122223333", "eu-west-1", "AwsApiCall")
}

pub(crate) fn place(n: u32, account: &str, region: &str, kind: &str) -> Value {
    let mut finding = json!({
        "id": "f-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "rule": {
            "id": "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11",
            "name": "s3_bucket_policy_public",
            "title": "S3 bucket policy lets anyone in",
            "version": "2026-01-01",
        },
        "severity": "high",
        "title": "Bucket policy of exports lets anyone in",
        "explanation": "Statement 0 allows s3:GetObject to everyone",
        "account": {"id": account, "name": "production"},
        "region": region,
        "time": Timestamp::from_second(NOW - 60 + i64::from(n)).unwrap().to_string(),
        "detected_at": Timestamp::from_second(NOW - 1).unwrap().to_string(),
        "event": {
            "id": format!("00000000-0000-4000-8000-{n:012}"),
            "source": "s3.amazonaws.com",
            "name": "PutBucketPolicy",
            "kind": kind,
            "read_only": false,
        },
        "principal": {
            "type": "IAMUser",
            "arn": format!("arn:aws:iam::{account}:user/deploy"),
            "name": "deploy",
            "account": account,
        },
        "source": {"ip": "198.51.100.7", "user_agent": "aws-cli/2.15"},
        "resources": [{"type": "AWS::S3::Bucket", "arn": "arn:aws:s3:::exports", "name": "exports"}],
        "facts": {"s3.policy.public": true},
        "attack": ["T1530"],
        "references": [],
        "record": {"eventVersion": "1.11", "eventName": "PutBucketPolicy"},
        "worker": {"account": account, "region": region, "version": "0.1.0", "rules": "abc"},
    });
    let read: Finding = serde_json::from_value(finding.clone()).unwrap();
    finding["id"] = json!(read.expected_id());
    finding
}

#[async_trait::async_trait]
impl Documents for Counted {
    async fn document(&self, kind: &'static str, id: &str) -> Result<Option<String>, StoreError> {
        self.count()?;
        self.inner.document(kind, id).await
    }
    async fn documents(&self, kind: &'static str) -> Result<Vec<String>, StoreError> {
        self.count()?;
        self.inner.documents(kind).await
    }
    async fn put_document(&self, put: &Put) -> Result<bool, StoreError> {
        self.count()?;
        self.inner.put_document(put).await
    }
}

#[async_trait::async_trait]
impl Statistics for Counted {
    async fn cells(&self, low: &str, high: &str) -> Result<Cells, StoreError> {
        self.count()?;
        self.inner.cells(low, high).await
    }
    async fn oldest(&self, status: Status, now: Timestamp) -> Result<Option<Summary>, StoreError> {
        self.count()?;
        self.inner.oldest(status, now).await
    }
    async fn fold(&self) -> Result<usize, StoreError> {
        self.count()?;
        self.inner.fold().await
    }
}

#[async_trait::async_trait]
impl Archiving for Counted {
    async fn next_expiry(&self, from: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.count()?;
        self.inner.next_expiry(from).await
    }
    async fn expiring(
        &self,
        shard: u8,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<FindingId>, StoreError> {
        self.count()?;
        self.inner.expiring(shard, from, to).await
    }
}

#[async_trait::async_trait]
impl Silences for Counted {
    async fn add_silence(&self, silence: &Silence) -> Result<bool, StoreError> {
        self.count()?;
        self.inner.add_silence(silence).await
    }
    async fn silences(&self, since: Timestamp) -> Result<Vec<Silence>, StoreError> {
        self.count()?;
        self.inner.silences(since).await
    }
    async fn end_silence(&self, id: &str, by: &str, now: Timestamp) -> Result<Ended, StoreError> {
        self.count()?;
        self.inner.end_silence(id, by, now).await
    }
}

#[async_trait::async_trait]
impl Triaging for Counted {
    async fn change(
        &self,
        id: &FindingId,
        expected: Option<u64>,
        request: &ChangeRequest,
    ) -> Result<Changed, ChangeError> {
        self.count()?;
        self.inner.change(id, expected, request).await
    }
    async fn to_wake(&self, now: Timestamp, limit: usize) -> Result<Vec<FindingId>, StoreError> {
        self.count()?;
        self.inner.to_wake(now, limit).await
    }
}

#[async_trait::async_trait]
impl Outbox for Counted {
    async fn retry(&self, id: &FindingId, sink: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.count()?;
        self.inner.retry(id, sink, now).await
    }
    async fn backlog(
        &self,
        sink: &str,
        which: Backlog,
        from: Option<&Place>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.count()?;
        self.inner.backlog(sink, which, from, now, limit).await
    }
    async fn counts(&self, sinks: &[String], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        self.count()?;
        self.inner.counts(sinks, now).await
    }
    async fn known_sinks(&self, configured: &[String]) -> Result<Vec<String>, StoreError> {
        self.count()?;
        self.inner.known_sinks(configured).await
    }
}

#[async_trait::async_trait]
impl Grouping for Counted {
    async fn join(&self, join: &Join) -> Result<Joined, StoreError> {
        self.count()?;
        self.inner.join(join).await
    }
    async fn gather(
        &self,
        sink: &str,
        carrier: (&FindingId, u32),
        digest: &Value,
        members: &[(FindingId, u32)],
    ) -> Result<bool, StoreError> {
        self.count()?;
        self.inner.gather(sink, carrier, digest, members).await
    }
}

#[async_trait::async_trait]
impl Store for Counted {
    async fn accept(&self, batch: Vec<Acceptance>) -> Vec<Result<Outcome, StoreError>> {
        match self.count() {
            Ok(()) => self.inner.accept(batch).await,
            Err(error) => vec![Err(error); batch.len()],
        }
    }
    async fn finding(&self, id: &FindingId, now: Timestamp) -> Result<Option<Stored>, StoreError> {
        self.count()?;
        self.inner.finding(id, now).await
    }
    async fn audit(&self, id: &FindingId) -> Result<Vec<Audit>, StoreError> {
        self.count()?;
        self.inner.audit(id).await
    }
    async fn list(
        &self,
        query: &Query,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        self.count()?;
        self.inner.list(query, after, limit, now).await
    }
    async fn deliveries(&self, id: &FindingId) -> Result<Vec<Delivery>, StoreError> {
        self.count()?;
        self.inner.deliveries(id).await
    }
    async fn due(
        &self,
        sink: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.count()?;
        self.inner.due(sink, now, limit).await
    }
    async fn claim(
        &self,
        id: &FindingId,
        sink: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        self.count()?;
        self.inner.claim(id, sink, now, lease_until).await
    }
    async fn settle(
        &self,
        id: &FindingId,
        sink: &str,
        attempt: u32,
        settlement: Settlement,
    ) -> Result<bool, StoreError> {
        self.count()?;
        self.inner.settle(id, sink, attempt, settlement).await
    }
    async fn ready(&self) -> Result<(), StoreError> {
        self.count()?;
        self.inner.ready().await
    }
}

impl Counted {
    fn count(&self) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.broken.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    /// From now on every call fails so; `None` mends it.
    pub(crate) fn break_with(&self, error: Option<StoreError>) {
        *self.broken.lock().unwrap() = error;
    }
}

#[async_trait::async_trait]
impl Bucket for CountedFolder {
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<(), BucketError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(BucketError {
                operation: "put",
                key: key.into(),
                reason: "broken".into(),
                transient: true,
            });
        }
        self.inner.put(key, body).await
    }
    async fn get(&self, key: &str, limit: usize) -> Result<Option<Vec<u8>>, BucketError> {
        self.inner.get(key, limit).await
    }
    async fn list(&self, prefix: &str) -> Result<Vec<String>, BucketError> {
        self.inner.list(prefix).await
    }
}

impl CountedFolder {
    pub(crate) fn break_down(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    pub(crate) async fn keys(&self) -> Vec<String> {
        self.inner.list("").await.unwrap()
    }
}

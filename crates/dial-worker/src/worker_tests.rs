//! Whole invocations: what is sent, what is kept, what has to come again.

mod objects;

use crate::drift::DriftReport;
use crate::heartbeat::Pulse;
use crate::keyring::Derived;
use crate::letters::Letters;
use crate::retry::Policy;
use crate::samples::info;
use crate::send::{Sender, Settings};
use crate::worker::{Buckets, Counts, HandleError, Reply, Worker};
use async_trait::async_trait;
use dial_core::dead_letter::{DeadLetter, PREFIX, Stage};
use dial_core::folder::Folder;
use dial_core::gzip::{deflate, inflate};
use dial_core::key::{KEY_BYTES, KeyId, RootKey};
use dial_core::ports::{Bucket, BucketError};
use dial_core::wire::{Accepted, Batch, Heartbeat};
use dial_detect::Pipeline;
use dial_detect::envelope::trail;
use dial_detect::patterns::{Options, derive};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// A worker with a folder for everything that would be S3.
struct Bed {
    folder: TempDir,
    master: MockServer,
    worker: Worker,
}

struct Folders(PathBuf);

#[async_trait]
impl Buckets for Folders {
    async fn named(&self, name: &str) -> Arc<dyn Bucket> {
        match name {
            "broken" => Arc::new(Broken { transient: true }),
            "denied" => Arc::new(Broken { transient: false }),
            _ => Arc::new(Folder::new(self.0.join(name))),
        }
    }
}

/// A bucket that nothing can be done with.
struct Broken {
    transient: bool,
}

impl Broken {
    fn error(&self, operation: &'static str, key: &str) -> BucketError {
        BucketError {
            operation,
            key: key.into(),
            reason: "out of order".into(),
            transient: self.transient,
        }
    }
}

#[async_trait]
impl Bucket for Broken {
    async fn put(&self, key: &str, _: Vec<u8>) -> Result<(), BucketError> {
        Err(self.error("put", key))
    }
    async fn get(&self, key: &str, _: usize) -> Result<Option<Vec<u8>>, BucketError> {
        Err(self.error("get", key))
    }
    async fn list(&self, prefix: &str) -> Result<Vec<String>, BucketError> {
        Err(self.error("list", prefix))
    }
}

fn batch(request: &Request) -> Batch {
    serde_json::from_slice(&inflate(&request.body, 8 << 20).unwrap()).unwrap()
}

impl Bed {
    /// Over a master that takes everything.
    async fn new() -> Self {
        Self::over(MockServer::start().await).taking_all().await
    }

    async fn taking_all(self) -> Self {
        let bed = self;
        let all = |request: &Request| {
            ResponseTemplate::new(200).set_body_json(Accepted {
                accepted: u32::try_from(batch(request).findings.len()).unwrap(),
                ..Accepted::default()
            })
        };
        Mock::given(method("POST"))
            .respond_with(all)
            .mount(&bed.master)
            .await;
        bed
    }

    /// Over a master that answers every request with this status.
    async fn refusing(status: u16) -> Self {
        let bed = Self::over(MockServer::start().await);
        let answer = ResponseTemplate::new(status);
        Mock::given(method("POST"))
            .respond_with(answer)
            .mount(&bed.master)
            .await;
        bed
    }

    fn over(master: MockServer) -> Self {
        Self::tuned(master, &dial_detect::Settings::default())
    }

    fn tuned(master: MockServer, settings: &dial_detect::Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pipeline = Pipeline::new(settings, info()).unwrap();
        let key_id = KeyId {
            root: 1,
            not_after: 0,
        };
        let keyring = Derived::new(RootKey::from_bytes([7; KEY_BYTES]), key_id);
        let settings = Settings {
            retry: Policy {
                attempts: 2,
                base: Duration::from_millis(1),
                cap: Duration::from_millis(1),
            },
            ..Settings::to(master.uri().parse().unwrap())
        };
        let letters: Arc<dyn Bucket> = Arc::new(Folder::new(folder.path().join("letters")));
        let worker = Worker {
            info: pipeline.worker().clone(),
            letters: Letters::new(letters, pipeline.worker().clone()),
            pipeline: Arc::new(pipeline),
            sender: Sender::new(settings, Arc::new(keyring)),
            reputation: None,
            buckets: Arc::new(Folders(folder.path().to_owned())),
            limits: trail::Limits::default(),
            drift: DriftReport::default(),
            pulse: Pulse::new(None),
            metrics: None,
        };
        Self {
            folder,
            master,
            worker,
        }
    }

    async fn handle(&self, payload: impl ToString) -> Result<Reply, HandleError> {
        let deadline = Instant::now() + Duration::from_secs(30);
        self.worker
            .handle(payload.to_string().as_bytes(), deadline)
            .await
    }

    async fn sent(&self) -> Vec<Batch> {
        let requests = self.master.received_requests().await.unwrap();
        requests.iter().map(batch).collect()
    }

    async fn letters(&self) -> Vec<DeadLetter> {
        let bucket = Folder::new(self.folder.path().join("letters"));
        let mut letters = Vec::new();
        for key in bucket.list(PREFIX).await.unwrap() {
            let body = bucket.get(&key, 1 << 24).await.unwrap().unwrap();
            letters.push(serde_json::from_slice(&body).unwrap());
        }
        letters
    }

    async fn put(&self, key: &str, body: &[u8]) {
        let bucket = Folder::new(self.folder.path().join("trail"));
        bucket.put(key, body.to_vec()).await.unwrap();
    }
}

fn fixture(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let text = std::fs::read(folder.join(name)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn open_port(event_id: &str) -> Value {
    let mut record = fixture("ec2/authorize_ingress_ssh_anyone.json");
    record["eventID"] = event_id.into();
    eventbridge(&record)
}

fn closed_port() -> Value {
    eventbridge(&fixture("ec2/authorize_ingress_ssh_private.json"))
}

fn eventbridge(record: &Value) -> Value {
    json!({
        "version": "0",
        "id": "7f0b7a52-4f5e-4a34-9f0c-0d8d1b1f6a10",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2",
        "account": "111122223333",
        "time": "2026-05-01T10:00:00Z",
        "region": "eu-west-1",
        "detail": record,
    })
}

fn queue(messages: &[(&str, String)]) -> Value {
    let record = |(id, body): &(&str, String)| json!({"messageId": id, "body": body, "eventSource": "aws:sqs"});
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
}

fn created(bucket: &str, key: &str) -> Value {
    json!({"Records": [{
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 100}},
    }]})
}

fn failed(reply: &Reply) -> Vec<String> {
    match reply {
        Reply::Queue {
            batch_item_failures,
        } => batch_item_failures
            .iter()
            .map(|f| f.item_identifier.clone())
            .collect(),
        Reply::Done(counts) => panic!("no queue: {counts:?}"),
    }
}

#[tokio::test]
async fn a_match_is_sent_and_a_miss_is_not() {
    let bed = Bed::new().await;
    let expected = Counts {
        events: 1,
        findings: 1,
        accepted: 1,
        ..Counts::default()
    };
    assert_eq!(
        bed.handle(open_port("e-1")).await,
        Ok(Reply::Done(expected))
    );
    let sent = bed.sent().await;
    assert_eq!(sent[0].worker, bed.worker.info);
    assert_eq!(
        sent[0].findings[0].rule.name,
        "ec2_security_group_open_sensitive_port"
    );
    sent[0].findings[0].validate().unwrap();
    let missed = Counts {
        events: 1,
        ..Counts::default()
    };
    assert_eq!(bed.handle(closed_port()).await, Ok(Reply::Done(missed)));
    assert_eq!(bed.sent().await.len(), 1);
    assert!(bed.letters().await.is_empty());
}

#[tokio::test]
async fn a_suppressed_finding_is_sent_as_such_and_counted() {
    let today = jiff::Timestamp::now().to_string();
    let settings = json!({ "suppressions": [{
        "rule": "ec2_security_group_open_sensitive_port",
        "owner": "team-net", "reason": "known", "expires": &today[..10],
    }]});
    let settings: dial_detect::Settings = serde_json::from_value(settings).unwrap();
    let bed = Bed::tuned(MockServer::start().await, &settings);
    let bed = bed.taking_all().await;
    let plain = Bed::new().await;
    let expected = Counts {
        events: 1,
        findings: 1,
        suppressed: 1,
        accepted: 1,
        ..Counts::default()
    };
    let event = open_port("e-1");
    assert_eq!(bed.handle(event.clone()).await, Ok(Reply::Done(expected)));
    plain.handle(event).await.unwrap();
    let (silent, told) = (bed.sent().await, plain.sent().await);
    let (silent, told) = (&silent[0].findings[0], &told[0].findings[0]);
    assert_eq!(silent.id, told.id);
    assert_eq!(silent.suppressed.as_ref().unwrap().owner, "team-net");
    assert_eq!(told.suppressed, None);
}

#[tokio::test]
async fn what_is_no_event_becomes_a_dead_letter() {
    let bed = Bed::new().await;
    let deep = format!(
        "{{\"detail-type\":\"AWS API Call via CloudTrail\",\"detail\":{}{}}}",
        "[".repeat(200),
        "]".repeat(200)
    );
    for payload in [
        "{}",
        "[]]",
        "{\"detail-type\":\"AWS API Call via CloudTrail\"}",
        "null",
        deep.as_str(),
    ] {
        let reply = bed.handle(payload).await.unwrap();
        assert!(
            matches!(
                reply,
                Reply::Done(Counts {
                    dead_letters: 1,
                    ..
                })
            ),
            "{payload}: {reply:?}"
        );
        let letters = bed.letters().await;
        let letter = letters
            .iter()
            .find(|l| l.original().unwrap() == payload.as_bytes());
        assert_eq!(letter.unwrap().stage, Stage::Parse, "{payload}");
    }
}

#[tokio::test]
async fn one_bad_message_of_a_queue_harms_no_other() {
    let bed = Bed::new().await;
    let messages = [
        ("m-1", open_port("e-1").to_string()),
        ("m-2", "{\"detail\":".to_owned()),
        ("m-3", open_port("e-3").to_string()),
        ("m-4", closed_port().to_string()),
    ];
    let reply = bed.handle(queue(&messages)).await.unwrap();
    assert_eq!(failed(&reply), Vec::<String>::new());
    let sent = bed.sent().await;
    assert_eq!((sent.len(), sent[0].findings.len()), (1, 2));
    let letters = bed.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].original().unwrap(), messages[1].1.as_bytes());
    let json = serde_json::to_value(reply).unwrap();
    assert_eq!(json, json!({"batchItemFailures": []}));
}

#[tokio::test]
async fn an_unreachable_master_sends_back_only_what_had_findings() {
    let bed = Bed::refusing(503).await;
    let messages = [
        ("m-1", closed_port().to_string()),
        ("m-2", open_port("e-2").to_string()),
    ];
    let reply = bed.handle(queue(&messages)).await.unwrap();
    assert_eq!(failed(&reply), ["m-2"]);
    let error = bed.handle(open_port("e-1")).await.unwrap_err();
    assert!(error.to_string().contains("HTTP status 503"), "{error}");
    assert!(bed.letters().await.is_empty(), "the source keeps the event");
}

#[tokio::test]
async fn a_refusing_master_leaves_a_letter_and_a_failure() {
    let bed = Bed::refusing(401).await;
    let error = bed.handle(open_port("e-1")).await.unwrap_err();
    assert!(error.to_string().contains("HTTP status 401"), "{error}");
    let letters = bed.letters().await;
    assert_eq!((letters.len(), letters[0].stage), (1, Stage::Send));
    let kept: Batch = serde_json::from_slice(&letters[0].original().unwrap()).unwrap();
    assert_eq!(kept.findings, bed.sent().await[0].findings);
    let reply = bed
        .handle(queue(&[("m-1", open_port("e-1").to_string())]))
        .await
        .unwrap();
    assert_eq!(failed(&reply), ["m-1"]);
}

#[tokio::test]
async fn what_can_be_kept_nowhere_comes_again() {
    let mut bed = Bed::new().await;
    let broken = Arc::new(Broken { transient: true });
    bed.worker.letters = Letters::new(broken, info());
    let error = bed.handle("{}").await.unwrap_err();
    assert!(
        error.to_string().contains("dead letter not written"),
        "{error}"
    );
    let messages = [
        ("m-1", "{}".to_owned()),
        ("m-2", open_port("e-2").to_string()),
    ];
    let reply = bed.handle(queue(&messages)).await.unwrap();
    assert_eq!(failed(&reply), ["m-1"]);
    assert_eq!(
        bed.sent().await.len(),
        1,
        "the good message was sent all the same"
    );
}

/// An event with a few bytes changed, or cut off.
fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (edits, prop::option::of(any::<prop::sample::Index>())).prop_map(|(edits, cut)| {
        let mut bytes = open_port("e-1").to_string().into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    })
}

/// Whatever comes: judged, or kept, or an error; never neither, never a panic.
#[test]
fn whatever_comes_is_judged_or_kept() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bed = runtime.block_on(Bed::new());
    let config = ProptestConfig::with_cases(200);
    let mut runner = TestRunner::new(config);
    let handled = runner.run(&mangled(), |payload| {
        let deadline = Instant::now() + Duration::from_secs(30);
        let reply = runtime.block_on(bed.worker.handle(&payload, deadline));
        let reply = reply.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let Reply::Done(counts) = reply else {
            return Err(TestCaseError::fail("a queue out of nowhere"));
        };
        prop_assert_eq!(counts.events.max(counts.dead_letters), 1, "{:?}", counts);
        let unsent = counts.findings - counts.accepted;
        prop_assert!(unsent <= counts.dead_letters, "{:?}", counts);
        Ok(())
    });
    handled.unwrap();
}

#[tokio::test]
async fn rules_that_lack_patterns_are_reported_once() {
    let mut bed = Bed::new().await;
    let mut deployed = derive(&bed.worker.pipeline, Options::default()).unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let fed = DriftReport::of(&bed.worker.pipeline, &deployed, now);
    bed.worker.drift = fed;
    let quiet = fixture("iam/create_group.json");
    bed.handle(&quiet).await.unwrap();
    let names = |sent: &[Batch]| -> Vec<String> {
        let findings = sent.iter().flat_map(|batch| &batch.findings);
        findings.map(|finding| finding.rule.name.clone()).collect()
    };
    assert!(!names(&bed.sent().await).contains(&"worker_pattern_drift".to_owned()));

    deployed
        .patterns
        .retain(|pattern| pattern.name != "native-guardduty");
    bed.worker.drift = DriftReport::of(&bed.worker.pipeline, &deployed, now);
    for _ in 0..3 {
        bed.handle(&quiet).await.unwrap();
    }
    let drift = names(&bed.sent().await)
        .into_iter()
        .filter(|name| name == "worker_pattern_drift");
    assert_eq!(drift.count(), 1);
}

#[tokio::test]
async fn a_master_that_is_away_is_told_later_and_loses_no_event_by_it() {
    let mut bed = Bed::refusing(503).await;
    let mut deployed = derive(&bed.worker.pipeline, Options::default()).unwrap();
    deployed.patterns.clear();
    bed.worker.drift =
        DriftReport::of(&bed.worker.pipeline, &deployed, jiff::Timestamp::UNIX_EPOCH);
    let harmless = json!({
        "eventSource": "ec2.amazonaws.com", "eventName": "DescribeRegions", "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333", "eventTime": "2026-05-04T10:00:00Z", "eventID": "e-1",
    });
    for _ in 0..2 {
        bed.handle(&harmless).await.unwrap();
    }
    let tries = bed.sent().await;
    assert!(tries.len() >= 4, "{}", tries.len());
    assert_eq!(bed.letters().await.len(), 0);
}

#[tokio::test]
async fn a_schedule_tells_the_master_what_was_done_until_it_has_heard() {
    let bed = Bed::over(MockServer::start().await);
    let path = || wiremock::matchers::path("/v1/heartbeats");
    let busy = Mock::given(path()).respond_with(ResponseTemplate::new(503));
    busy.up_to_n_times(1).mount(&bed.master).await;
    let taken = Mock::given(path()).respond_with(ResponseTemplate::new(200));
    taken.mount(&bed.master).await;
    let schedule = json!({
        "version": "0",
        "id": "7f0b7a52-4f5e-4a34-9f0c-0d8d1b1f6a11",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "111122223333",
        "time": "2026-05-01T10:05:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:events:eu-west-1:111122223333:rule/dial-heartbeat"],
        "detail": {},
    });
    bed.handle(closed_port()).await.unwrap();
    assert!(bed.master.received_requests().await.unwrap().is_empty());
    let mut events = Vec::new();
    for _ in 0..3 {
        let reply = bed.handle(&schedule).await;
        assert_eq!(reply, Ok(Reply::Done(Counts::default())));
        let requests = bed.master.received_requests().await.unwrap();
        let body = inflate(&requests.last().unwrap().body, 8 << 20).unwrap();
        let heartbeat: Heartbeat = serde_json::from_slice(&body).unwrap();
        assert_eq!(heartbeat.worker, *bed.worker.pipeline.worker());
        events.push(heartbeat.counters.events);
    }
    assert_eq!(
        events,
        [1, 1, 0],
        "told again after a refusal, then no more"
    );
    assert!(
        bed.letters().await.is_empty(),
        "a schedule is no event to judge"
    );
}

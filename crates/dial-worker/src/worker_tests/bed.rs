//! A worker with a folder for everything that would be S3, and what it is fed.

use crate::drift::DriftReport;
use crate::heartbeat::Pulse;
use crate::keyring::Derived;
use crate::letters::Letters;
use crate::retry::Policy;
use crate::samples::info;
use crate::send::{Sender, Settings};
use crate::worker::{Buckets, HandleError, Reply, Worker};
use async_trait::async_trait;
use dial_core::dead_letter::{DeadLetter, PREFIX};
use dial_core::folder::Folder;
use dial_core::gzip::inflate;
use dial_core::key::{KEY_BYTES, KeyId, RootKey};
use dial_core::ports::{Bucket, BucketError};
use dial_core::wire::{Accepted, Batch};
use dial_detect::Pipeline;
use dial_detect::envelope::trail;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// A worker with a folder for everything that would be S3.
pub(super) struct Bed {
    pub(super) folder: TempDir,
    pub(super) master: MockServer,
    pub(super) worker: Worker,
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
pub(super) struct Broken {
    pub(super) transient: bool,
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
    pub(super) async fn new() -> Self {
        Self::over(MockServer::start().await).taking_all().await
    }

    pub(super) async fn taking_all(self) -> Self {
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
    pub(super) async fn refusing(status: u16) -> Self {
        let bed = Self::over(MockServer::start().await);
        let answer = ResponseTemplate::new(status);
        Mock::given(method("POST"))
            .respond_with(answer)
            .mount(&bed.master)
            .await;
        bed
    }

    pub(super) fn over(master: MockServer) -> Self {
        Self::tuned(master, &dial_detect::Settings::default())
    }

    pub(super) fn tuned(master: MockServer, settings: &dial_detect::Settings) -> Self {
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

    pub(super) async fn handle(&self, payload: impl ToString) -> Result<Reply, HandleError> {
        let deadline = Instant::now() + Duration::from_secs(30);
        self.worker
            .handle(payload.to_string().as_bytes(), deadline)
            .await
    }

    pub(super) async fn sent(&self) -> Vec<Batch> {
        let requests = self.master.received_requests().await.unwrap();
        requests.iter().map(batch).collect()
    }

    pub(super) async fn letters(&self) -> Vec<DeadLetter> {
        let bucket = Folder::new(self.folder.path().join("letters"));
        let mut letters = Vec::new();
        for key in bucket.list(PREFIX).await.unwrap() {
            let body = bucket.get(&key, 1 << 24).await.unwrap().unwrap();
            letters.push(serde_json::from_slice(&body).unwrap());
        }
        letters
    }

    pub(super) async fn put(&self, key: &str, body: &[u8]) {
        let bucket = Folder::new(self.folder.path().join("trail"));
        bucket.put(key, body.to_vec()).await.unwrap();
    }
}

pub(super) fn fixture(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let text = std::fs::read(folder.join(name)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

pub(super) fn open_port(event_id: &str) -> Value {
    let mut record = fixture("ec2/authorize_ingress_ssh_anyone.json");
    record["eventID"] = event_id.into();
    eventbridge(&record)
}

pub(super) fn closed_port() -> Value {
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

pub(super) fn queue(messages: &[(&str, String)]) -> Value {
    let record = |(id, body): &(&str, String)| json!({"messageId": id, "body": body, "eventSource": "aws:sqs"});
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
}

pub(super) fn created(bucket: &str, key: &str) -> Value {
    json!({"Records": [{
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 100}},
    }]})
}

pub(super) fn failed(reply: &Reply) -> Vec<String> {
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

//! The whole way on AWS: worker, API, stream and sweep as Lambda functions, DynamoDB and S3 emulated.

use crate::hook::verified;
use dial_core::dead_letter::Stage;
use dial_core::gzip::deflate;
use dial_core::ports::Bucket;
use dial_tests::attacker::Forgery;
use dial_tests::deployment::{
    MasterSetup, Receivers, Worker, WorkerSetup, key_id, lambda, letters, master_config, worker_id,
    worker_key,
};
use dial_tests::emulators::Emulated;
use dial_tests::events::{eventbridge, guardduty, object_created, queue, record, with_id};
use dial_tests::gateway;
use dial_tests::processes::{Process, binary};
use dial_tests::reader::Reader;
use dial_tests::runtime_api::RuntimeApi;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A master of three functions over one table and one bucket.
pub(crate) struct Cloud {
    emulated: Emulated,
    name: String,
    pub(crate) url: String,
    pub(crate) deliver: Arc<RuntimeApi>,
    sweep: Arc<RuntimeApi>,
    _processes: Vec<Process>,
    _folder: TempDir,
}

impl Cloud {
    /// `None` without emulators.
    pub(crate) async fn start(name: &str, setup: &MasterSetup) -> Option<Self> {
        let emulated = Emulated::find()?;
        let name = format!("{name}-{}", std::process::id());
        emulated.table(&name).await;
        emulated.bucket(&name).await;
        let store = format!("dynamodb:{name}");
        let (config, mut env) = master_config(&store, &format!("s3://{name}/master"), setup);
        let folder = tempfile::tempdir().expect("a folder for the configuration");
        let path = folder.path().join("dial.toml");
        std::fs::write(&path, config).expect("the configuration is written");
        env.extend(emulated.env());
        let (api, api_process) = function("api", &path, &env).await;
        let (deliver, deliver_process) = function("deliver", &path, &env).await;
        let (sweep, sweep_process) = function("sweep", &path, &env).await;
        Some(Self {
            url: gateway::serve(api).await,
            emulated,
            name,
            deliver,
            sweep,
            _processes: vec![api_process, deliver_process, sweep_process],
            _folder: folder,
        })
    }

    /// A worker whose dead letters and trail objects lie in S3.
    pub(crate) async fn worker(&self) -> Worker {
        let mut setup = WorkerSetup::to(&self.url);
        setup.bucket = Some(format!("s3://{}/worker", self.name));
        setup.env = self.emulated.env();
        Worker::start(setup).await
    }

    /// What the table's stream hands to the deliver function for these findings.
    pub(crate) fn stream_event(findings: &[Value], sinks: &[&str]) -> Value {
        let rows = findings.iter().flat_map(|finding| {
            let keys = ["META"].into_iter().map(str::to_owned);
            let keys = keys.chain(sinks.iter().map(|sink| format!("OUT#{sink}")));
            keys.map(move |sk| {
                (
                    format!("F#{}", finding["id"].as_str().unwrap_or_default()),
                    sk,
                )
            })
        });
        let records = rows.enumerate().map(|(number, (pk, sk))| {
            json!({
                "eventID": format!("{number:032x}"),
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "us-east-1",
                "dynamodb": {
                    "Keys": {"pk": {"S": pk}, "sk": {"S": sk}},
                    "SequenceNumber": format!("{number}"),
                    "SizeBytes": 100,
                    "StreamViewType": "NEW_IMAGE",
                },
            })
        });
        json!({ "Records": records.collect::<Vec<_>>() })
    }
}

async fn function(
    role: &str,
    config: &Path,
    env: &[(String, String)],
) -> (Arc<RuntimeApi>, Process) {
    let api = Arc::new(RuntimeApi::start().await);
    let mut all = lambda(&api);
    all.extend(env.iter().cloned());
    all.push(("DIAL_FUNCTION".into(), role.into()));
    all.push(("DIAL_CONFIG".into(), config.display().to_string()));
    let process = Process::start(role, &binary("dial-master"), &[], all);
    (api, process)
}

fn event(id: &str) -> String {
    eventbridge(&with_id(record("ec2/authorize_ingress_ssh_anyone"), id)).to_string()
}

#[tokio::test]
async fn the_way_over_four_functions() {
    let receivers = Receivers::start().await;
    let Some(cloud) = Cloud::start("way", &receivers.setup()).await else {
        return;
    };
    let worker = cloud.worker().await;
    let reply = worker.api.invoke(event("e-1")).await.json();
    assert_eq!(reply["accepted"], 1, "{reply}");
    assert!(
        receivers.webhook.received().is_empty(),
        "nothing runs on after an answer"
    );

    let reader = Reader::of(&cloud.url);
    let stored = reader.findings("").await;
    let id = stored[0]["id"].as_str().expect("an id");
    let stream = Cloud::stream_event(&stored, &["slack", "hive", "hook"]).to_string();
    let reply = cloud.deliver.invoke(stream.clone()).await.json();
    assert_eq!(reply, json!({"batchItemFailures": []}));
    assert!(receivers.slack.delivered()[0].text().contains(id));
    assert_eq!(receivers.thehive.delivered()[0].json()["sourceRef"], id);
    assert_eq!(verified(&receivers.webhook.delivered()[0])["id"], id);
    cloud.deliver.invoke(stream).await.json();
    cloud.sweep.invoke("{}").await.json();
    assert_eq!(
        receivers.webhook.received().len(),
        1,
        "a repeated stream tells nobody twice"
    );

    let reply = worker.api.invoke(event("e-1")).await.json();
    assert_eq!(reply["duplicates"], 1, "{reply}");
    worker.api.invoke(event("e-2")).await.json();
    cloud
        .sweep
        .invoke("{\"source\": \"aws.scheduler\"}")
        .await
        .json();
    assert_eq!(
        receivers.webhook.delivered().len(),
        2,
        "the sweep finds what no stream brought"
    );
    assert_eq!(receivers.thehive.delivered().len(), 2);

    let (status, detail) = reader.get(&format!("/v1/findings/{id}")).await;
    assert_eq!((status, &detail["finding"]["id"]), (200, &json!(id)));
    assert_eq!(
        reader
            .findings("?rule=ec2_security_group_open_sensitive_port")
            .await
            .len(),
        2
    );
    assert_eq!(reader.findings("?severity=informational").await.len(), 0);
}

#[tokio::test]
async fn queues_trail_objects_and_native_findings_come_in() {
    let receivers = Receivers::start().await;
    let Some(cloud) = Cloud::start("inputs", &receivers.webhook_only()).await else {
        return;
    };
    let worker = cloud.worker().await;
    let bucket = dial_aws::S3Bucket::new(cloud.emulated.clients.clone(), &cloud.name, "");

    let malformed = "{\"detail-type\": \"AWS API Call via CloudTrail\"}".to_owned();
    let batch = queue([("m-1", event("e-1")), ("m-2", malformed.clone())]);
    let reply = worker.api.invoke(batch.to_string()).await.json();
    assert_eq!(reply, json!({"batchItemFailures": []}));
    let of_worker = dial_aws::S3Bucket::new(cloud.emulated.clients.clone(), &cloud.name, "worker");
    let kept = letters(&of_worker).await;
    assert_eq!((kept.len(), kept[0].stage), (1, Stage::Parse));
    assert_eq!(
        kept[0].original().expect("the bytes come back"),
        malformed.as_bytes()
    );

    let records: Vec<Value> = (0..120)
        .map(|n| {
            with_id(
                record("ec2/authorize_ingress_ssh_anyone"),
                &format!("trail-{n}"),
            )
        })
        .chain([record("ec2/authorize_ingress_ssh_private")])
        .collect();
    let file = deflate(json!({ "Records": records }).to_string().as_bytes());
    let key = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/01/trail.json.gz";
    let size = file.len();
    bucket.put(key, file).await.expect("the object is written");
    let notice = object_created(&cloud.name, key, size);
    let reply = worker.api.invoke(notice.to_string()).await.json();
    assert_eq!(reply["accepted"], 120, "{reply}");
    let reply = worker
        .api
        .invoke(queue([("m-1", notice.to_string())]).to_string())
        .await
        .json();
    assert_eq!(reply, json!({"batchItemFailures": []}));

    let reply = worker
        .api
        .invoke(guardduty(dial_tests::events::ACCOUNT).to_string())
        .await
        .json();
    assert_eq!(reply["accepted"], 1, "{reply}");
    let reader = Reader::of(&cloud.url);
    assert_eq!(reader.findings("?limit=200").await.len(), 122);
}

#[tokio::test]
async fn forgeries_are_refused_behind_the_gateway_too() {
    let receivers = Receivers::start().await;
    let Some(cloud) = Cloud::start("attacks", &receivers.webhook_only()).await else {
        return;
    };
    let address = cloud.url.strip_prefix("http://").expect("a plain URL");
    let now = Timestamp::now().as_second();
    let genuine = |at| Forgery::genuine(&worker_id(), &worker_key(), key_id(), at, b"{}");
    let forgeries = [
        ("tampered", genuine(now).carrying(deflate(b"{ }"))),
        ("stale", genuine(now - 310)),
        ("extreme", genuine(i64::MIN)),
        (
            "cross-account",
            genuine(now).with("dial-worker", "444455556666/eu-west-1"),
        ),
        ("no signature", genuine(now).without("webhook-signature")),
        ("empty", genuine(now).carrying(vec![])),
    ];
    let mut first = None;
    for (name, forgery) in forgeries {
        let answer = forgery.send(address).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{name}: {answer}");
        assert_eq!(
            &answer,
            first.get_or_insert_with(|| answer.clone()),
            "{name}"
        );
    }
    let large = genuine(now).carrying(vec![b'x'; dial_core::wire::MAX_BODY + 1]);
    let answer = large.send(address).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    assert!(Reader::of(&cloud.url).findings("").await.is_empty());
}

#[tokio::test]
async fn a_worker_reads_its_configuration_from_s3() {
    let receivers = Receivers::start().await;
    let Some(cloud) = Cloud::start("config", &receivers.webhook_only()).await else {
        return;
    };
    let bucket = dial_aws::S3Bucket::new(cloud.emulated.clients.clone(), &cloud.name, "");
    let config = format!(
        "[worker]\nmaster_url = {:?}\nkey = \"env:WORKER_KEY\"\naccount = \"111122223333\"\nregion = \"eu-west-1\"\nbucket = \"s3://{}/worker\"\n",
        cloud.url, cloud.name,
    );
    bucket
        .put("dial.toml", config.into())
        .await
        .expect("the configuration is written");
    let mut setup = WorkerSetup::to("https://not-used.example.com");
    setup.env = cloud.emulated.env();
    setup.env.push((
        "DIAL_CONFIG".into(),
        format!("s3://{}/dial.toml", cloud.name),
    ));
    let worker = Worker::start(setup).await;
    let reply = worker.api.invoke(event("e-1")).await.json();
    assert_eq!(reply["accepted"], 1, "{reply}");
}

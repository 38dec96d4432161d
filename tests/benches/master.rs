//! Accept rate of the master over SQLite, durable before 200, as a share of an axum + HMAC floor.
//!
//! Both servers get the same signed requests over the same number of connections; what counts is
//! requests per CPU-second of the server.

use dial_core::finding::{Account, EventRef, Finding, Principal, Resource, RuleRef, Source};
use dial_core::key::{RootKey, WorkerKey};
use dial_core::record::Record;
use dial_core::signature::sign;
use dial_core::wire::{Batch, CONTENT_TYPE, FINDINGS_PATH, WorkerInfo, header};
use dial_core::{FindingId, Severity, WorkerId, gzip};
use dial_tests::poll;
use dial_tests::processes::{Process, binary};
use jiff::Timestamp;
use serde_json::{Map, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const REQUESTS: usize = 20_000;
const CONNECTIONS: usize = 32;
const WORKER: &str = "111122223333/eu-west-1";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(bench());
}

async fn bench() {
    let root = RootKey::from_bytes([7; 32]);
    let worker: WorkerId = WORKER.parse().expect("a worker");
    let key = root.worker_key(&worker, 0);
    let bodies: Arc<Vec<Vec<u8>>> = Arc::new((0..REQUESTS).map(body).collect());
    let floor = binary("dial-worker")
        .with_file_name("examples")
        .join("hmac_server");
    let none: [(&str, String); 0] = [];
    let floor = Process::start("floor", &floor, &[], none);
    let address = address_of(&floor).await;
    let base = load(&floor, &address, &key, &bodies).await;

    let folder = tempfile::tempdir().expect("a folder");
    let (master, address) = master(folder.path(), &root).await;
    let ours = load(&master, &address, &key, &bodies).await;
    println!(
        "master: {REQUESTS} requests of one finding, {CONNECTIONS} connections, {} bytes each",
        bodies[0].len()
    );
    println!("{:<34} {:>14} {:>10}", "server", "req/CPU-s", "req/s");
    for (name, load) in [
        ("axum + HMAC, nothing stored", &base),
        ("dial-master on SQLite, durable", &ours),
    ] {
        println!(
            "{name:<34} {:>14.0} {:>10.0}",
            load.per_cpu, load.per_second
        );
    }
    println!(
        "dial-master reaches {:.0} % of the floor",
        100.0 * ours.per_cpu / base.per_cpu
    );
}

struct Load {
    per_cpu: f64,
    per_second: f64,
}

#[expect(clippy::cast_precision_loss, reason = "thousands of requests fit")]
async fn load(
    server: &Process,
    address: &str,
    key: &WorkerKey,
    bodies: &Arc<Vec<Vec<u8>>>,
) -> Load {
    let client = reqwest::Client::builder().build().expect("a client");
    let url = format!("http://{address}{FINDINGS_PATH}");
    let next = Arc::new(AtomicUsize::new(0));
    let (cpu, started) = (server.cpu(), Instant::now());
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (client, url, next) = (client.clone(), url.clone(), Arc::clone(&next));
            let (bodies, key) = (Arc::clone(bodies), key.clone());
            tokio::spawn(async move {
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    post(&client, &url, &key, body).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("every request is accepted");
    }
    Load {
        per_cpu: REQUESTS as f64 / server.cpu().saturating_sub(cpu).as_secs_f64(),
        per_second: REQUESTS as f64 / started.elapsed().as_secs_f64(),
    }
}

async fn post(client: &reqwest::Client, url: &str, key: &WorkerKey, body: &[u8]) {
    let now = Timestamp::now().as_second();
    let reply = client
        .post(url)
        .header(header::ID, "msg_bench")
        .header(header::TIMESTAMP, now.to_string())
        .header(header::SIGNATURE, sign(key, "msg_bench", now, body))
        .header(header::WORKER, WORKER)
        .header(header::KEY, "1/0")
        .header("content-type", CONTENT_TYPE)
        .header("content-encoding", "gzip")
        .body(body.to_vec())
        .send()
        .await
        .expect("an answer");
    assert_eq!(reply.status(), 200);
    reply.bytes().await.expect("a body");
}

async fn address_of(floor: &Process) -> String {
    poll::until("the floor's address", async || {
        floor.output().lines().next().map(str::to_owned)
    })
    .await
}

async fn master(folder: &Path, root: &RootKey) -> (Process, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let config = folder.join("dial.toml");
    let text = format!(
        "[master]\nlisten = \"{address}\"\nauth = \"none\"\nstore = \"sqlite:{0}/dial.db\"\nbucket = \"{0}/bucket\"\nroot_keys = {{ \"1\" = \"env:ROOT\" }}\nrate = {{ per_second = 100000, burst = 100000 }}\n",
        folder.display()
    );
    std::fs::write(&config, text).expect("writable");
    let env = [
        ("DIAL_CONFIG", config.display().to_string()),
        ("ROOT", root.to_secret().expose().to_owned()),
        ("RUST_LOG", "warn".to_owned()),
    ];
    let process = Process::start("master", &binary("dial-master"), &["serve"], env);
    let url = format!("http://{address}/readyz");
    poll::until("a ready master", async || {
        let reply = reqwest::get(&url).await.ok()?;
        reply.status().is_success().then_some(())
    })
    .await;
    (process, address)
}

/// A compressed batch of one finding of about one kilobyte, different for each number.
fn body(number: usize) -> Vec<u8> {
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0.1.0".into(),
        rules: "bench".into(),
    };
    let batch = Batch {
        worker: worker.clone(),
        findings: vec![finding(number, worker)],
    };
    gzip::deflate(&serde_json::to_vec(&batch).expect("serialises"))
}

fn finding(number: usize, worker: WorkerInfo) -> Finding {
    // Ten findings of one second, as a busy worker sends them.
    let second = i64::try_from(number / 10).expect("small");
    let time = Timestamp::from_second(1_777_629_600 + second).expect("a time");
    let bucket = format!("bucket-{number}");
    let mut finding = Finding {
        id: FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").expect("an id"),
        rule: RuleRef {
            id: "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11".into(),
            name: "s3_bucket_policy_public".into(),
            title: "S3 bucket policy lets anyone in".into(),
            version: "1".into(),
        },
        severity: Severity::High,
        severity_changes: Vec::new(),
        title: "S3 bucket policy lets anyone in".into(),
        explanation: "statement 0 lets anyone do s3:GetObject".into(),
        matched: Vec::new(),
        account: Account {
            id: "111122223333".into(),
            name: None,
        },
        region: "eu-west-1".into(),
        time,
        detected_at: time,
        event: EventRef {
            id: format!("event-{number}"),
            source: "s3.amazonaws.com".into(),
            name: "PutBucketPolicy".into(),
            kind: "AwsApiCall".into(),
            read_only: Some(false),
            error_code: None,
        },
        principal: Principal {
            arn: Some("arn:aws:iam::111122223333:user/ops".into()),
            ..Principal::default()
        },
        source: Source {
            ip: Some("203.0.113.7".into()),
            ..Source::default()
        },
        resources: vec![Resource {
            kind: "AWS::S3::Bucket".into(),
            arn: Some(format!("arn:aws:s3:::{bucket}")),
            name: bucket.clone(),
        }],
        facts: Map::new(),
        attack: vec!["T1530".into()],
        references: Vec::new(),
        incomplete: Vec::new(),
        record: Some(Record::from_value(&json!({
            "eventName": "PutBucketPolicy", "eventSource": "s3.amazonaws.com",
            "requestParameters": {"bucketName": bucket, "policy": ""}
        }))),
        record_ref: None,
        suppressed: None,
        worker,
    };
    finding.id = finding.expected_id();
    finding
}

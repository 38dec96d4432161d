//! Heartbeats: a worker in its Runtime API loop, a master, and `dial workers` as people type it.

use dial_tests::deployment::{Master, Receivers, TOKEN, Worker, WorkerSetup, worker_id};
use dial_tests::events::{ACCOUNT, REGION, eventbridge, record};
use dial_tests::processes::binary;
use serde_json::{Value, json};
use std::process::Command;

/// What the schedule of a worker hands to it.
fn schedule() -> String {
    json!({
        "version": "0",
        "id": "7f0b7a52-4f5e-4a34-9f0c-0d8d1b1f6a11",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": "2026-05-01T10:05:00Z",
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/dial-heartbeat")],
        "detail": {},
    })
    .to_string()
}

/// What `dial workers` prints; it succeeds.
async fn workers(master: &str, arguments: &'static [&str]) -> String {
    let mut dial = Command::new(binary("dial"));
    dial.arg("workers").args(arguments);
    dial.env("DIAL_URL", master).env("DIAL_TOKEN", TOKEN);
    let output = tokio::task::spawn_blocking(move || dial.output()).await;
    let output = output.expect("does not panic").expect("dial starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).expect("is text") + &error
}

#[tokio::test]
async fn a_worker_is_heard_and_shown_with_what_it_did() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let said = workers(&master.url(), &[]).await;
    assert!(said.contains("no worker was heard yet"), "{said}");

    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    let event = eventbridge(&record("ec2/authorize_ingress_ssh_anyone"));
    let reply = worker.api.invoke(event.to_string()).await.json();
    assert_eq!(reply["accepted"], 1, "{reply}");
    for _ in 0..2 {
        let reply = worker.api.invoke(schedule()).await.json();
        assert_eq!(reply["findings"], 0, "a schedule is no event: {reply}");
    }

    let said = workers(&master.url(), &[]).await;
    for part in [&worker_id().to_string(), "1 events, 1 findings", "1 worker"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = workers(&master.url(), &["--format", "json"]).await;
    let list: Value = serde_json::from_str(&said).expect("one JSON document");
    let line = &list["workers"][0];
    assert_eq!(line["health"], "ok", "{line}");
    assert_eq!(
        line["totals"]["events"], 1,
        "what was told is not told again"
    );
    let info = &line["heartbeat"]["worker"];
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info["rules"], list["newest_rules"]);
    assert!(worker.letters().await.is_empty());
}

//! A worker whose rules want events that the deployed patterns do not let through says so, once.

use dial_tests::deployment::{Master, Receivers, Worker, WorkerSetup};
use dial_tests::events::{eventbridge, record, with_id};
use dial_tests::reader::Reader;
use std::path::{Path, PathBuf};

const DRIFT: &str = "worker_pattern_drift";

/// What Terraform deploys for the pack.
fn deployed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/modules/worker/event_patterns.json")
}

/// A rule about an event that no pattern of the pack delivers.
const OWN_RULE: &str = "title: Widget made\nid: 00000000-0000-4000-8000-000000000009\n\
    name: widget_made\nlevel: low\nlogsource: { product: aws, service: cloudtrail }\n\
    detection: { a: { eventSource: widgets.amazonaws.com, eventName: CreateWidget }, condition: a }\n";

fn event(id: &str) -> String {
    eventbridge(&with_id(record("ec2/authorize_ingress_ssh_anyone"), id)).to_string()
}

async fn worker(master: &Master, rules: Option<&Path>) -> Worker {
    let mut setup = WorkerSetup::to(&master.url());
    setup.extra = format!("patterns = \"{}\"\n", deployed().display());
    if let Some(rules) = rules {
        let rules = format!("[worker.detect]\nrules = \"{}\"\n", rules.display());
        setup.extra.push_str(&rules);
    }
    Worker::start(setup).await
}

#[tokio::test]
async fn rules_outside_the_deployed_patterns_are_reported_once() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let reader = Reader::of(&master.url());
    let drift = format!("?rule={DRIFT}");

    let fed = worker(&master, None).await;
    let reply = fed.api.invoke(event("e-1")).await.json();
    assert_eq!(reply["accepted"], 1, "{reply}");
    assert!(reader.findings(&drift).await.is_empty());
    assert!(
        fed.process
            .output()
            .contains("event patterns feed every rule")
    );

    let folder = tempfile::tempdir().expect("a folder for the rules");
    std::fs::write(folder.path().join("widget_made.yml"), OWN_RULE).expect("the rule is written");
    for id in ["e-2", "e-3"] {
        // Each process says it; the finding is the same.
        let starved = worker(&master, Some(folder.path())).await;
        for again in ["a", "b"] {
            starved
                .api
                .invoke(event(&format!("{id}-{again}")))
                .await
                .json();
        }
        let output = starved.process.output();
        assert!(
            output.contains("event patterns do not feed every rule"),
            "{output}"
        );
    }
    let found = reader.wait(&drift, 1).await;
    let id = found[0]["id"].as_str().expect("a finding has an id");
    let (status, detail) = reader.get(&format!("/v1/findings/{id}")).await;
    assert_eq!(status, 200);
    let said = detail["finding"]["explanation"]
        .as_str()
        .expect("an explanation");
    assert!(said.contains("widget_made"), "{said}");
    assert_eq!(
        reader.findings("").await.len(),
        6,
        "five events and one drift"
    );
}

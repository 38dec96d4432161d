//! A panic stays in its event, in the optimised binary too.

use dial_core::dead_letter::Stage;
use dial_tests::deployment::{Master, Receivers, Worker, WorkerSetup};
use dial_tests::events::{eventbridge, queue, record, with_id};
use dial_tests::reader::Reader;
use serde_json::json;

/// Names the worker that is built with the feature `fault-injection`.
const FAULT_WORKER: &str = "DIAL_FAULT_WORKER";

#[tokio::test]
async fn a_panic_over_one_event_harms_no_other_and_not_the_process() {
    let Some(program) = std::env::var_os(FAULT_WORKER) else {
        eprintln!("skipped: {FAULT_WORKER} is not set; `cargo xtask check` builds that worker");
        return;
    };
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let mut setup = WorkerSetup::to(&master.url());
    setup.program = Some(program.into());
    let mut worker = Worker::start(setup).await;

    let open_port = |id: &str| with_id(record("ec2/authorize_ingress_ssh_anyone"), id);
    let mut poisoned = open_port("e-2");
    poisoned["requestParameters"]["dialFault"] = "panic".into();
    let poisoned = eventbridge(&poisoned).to_string();
    let batch = queue([
        ("m-1", eventbridge(&open_port("e-1")).to_string()),
        ("m-2", poisoned.clone()),
        ("m-3", eventbridge(&open_port("e-3")).to_string()),
    ]);
    let reply = worker.api.invoke(batch.to_string()).await.json();
    assert_eq!(reply, json!({"batchItemFailures": []}));

    let letters = worker.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].stage, Stage::Judge);
    assert_eq!(
        letters[0].original().expect("the bytes come back"),
        poisoned.as_bytes()
    );
    let stored = Reader::of(&master.url()).findings("").await;
    assert!(stored.len() >= 2, "the others were judged: {stored:?}");
    assert!(worker.process.is_alive());
    let reply = worker
        .api
        .invoke(eventbridge(&open_port("e-4")).to_string())
        .await
        .json();
    assert_eq!(reply["accepted"], 1, "the same process judges on: {reply}");
}

//! What leaves the processes beside alerts: logs are JSON lines without secrets, bodies or input.

use crate::hook::verified;
use dial_tests::deployment::{
    HOOK_SECRET, Master, Receivers, TOKEN, Worker, WorkerSetup, root_key, worker_key,
};
use dial_tests::events::{eventbridge, record, with_id};
use dial_tests::reader::Reader;
use dial_tests::receivers::Answer;
use serde_json::Value;

/// Stands in an event where a secret stands.
const CANARY: &str = "canary-3f9c5b1e77";

fn poisoned() -> Value {
    let mut record = with_id(record("ec2/authorize_ingress_ssh_anyone"), "e-1");
    record["requestParameters"]["masterUserPassword"] = CANARY.into();
    record["responseElements"]["credentials"] = serde_json::json!({"sessionToken": CANARY});
    record["userAgent"] = "agent-5d2a\n{\"level\":\"ERROR\",\"message\":\"forged\"}".into();
    eventbridge(&record)
}

#[tokio::test]
async fn logs_are_json_and_hold_neither_secrets_nor_events() {
    let receivers = Receivers::start().await;
    let trouble = Answer::Status(500, vec![]);
    receivers.slack.answer_next([trouble.clone()]);
    receivers.thehive.answer_next([trouble]);
    let master = Master::start(receivers.setup()).await;
    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    worker.api.invoke(poisoned().to_string()).await.json();
    worker
        .api
        .invoke(format!("{{\"oops\": \"{CANARY}\"}}"))
        .await
        .json();
    let mut wrong = WorkerSetup::to(&master.url());
    wrong.extra = "key_id = \"9/0\"\n".into();
    let refused = Worker::start(wrong).await;
    refused.api.invoke(poisoned().to_string()).await;
    let told = receivers.webhook.wait_delivered(1).await;
    receivers.slack.wait_received(1).await;
    receivers.thehive.wait_received(1).await;

    let secrets = [
        worker_key().to_secret().expose().to_owned(),
        root_key().to_secret().expose().to_owned(),
        TOKEN.to_owned(),
        HOOK_SECRET.to_owned(),
        "hive-api-key".to_owned(),
        "services/T0/B0".to_owned(),
        CANARY.to_owned(),
        "agent-5d2a".to_owned(),
    ];
    for process in [&worker.process, &refused.process, &master.process] {
        let output = process.output();
        assert!(!output.is_empty(), "there is a log to look at");
        for line in output.lines() {
            let parsed: Result<Value, _> = serde_json::from_str(line);
            assert!(
                parsed.is_ok_and(|line| line.is_object()),
                "no JSON line: {line}"
            );
        }
        for secret in &secrets {
            assert!(!output.contains(secret.as_str()), "{secret} is in a log");
        }
    }

    let finding = verified(&told[0]);
    let id = finding["id"].as_str().expect("an id");
    let (_, detail) = Reader::of(&master.url())
        .get(&format!("/v1/findings/{id}"))
        .await;
    assert!(detail["finding"]["record"].is_object());
    for text in [told[0].text(), detail.to_string()] {
        assert!(!text.contains(CANARY), "a secret left the account: {text}");
    }
}

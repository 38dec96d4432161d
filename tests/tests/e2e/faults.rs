//! Things break between event and message: nothing is lost, nobody is told twice.

use crate::hook::verified;
use dial_tests::deployment::{Master, Receivers, Worker, WorkerSetup};
use dial_tests::events::{eventbridge, queue, record, with_id};
use dial_tests::poll;
use dial_tests::proxy::{Fault, Proxy};
use dial_tests::reader::Reader;
use dial_tests::receivers::Answer;
use serde_json::json;
use std::time::Duration;

fn event(id: &str) -> String {
    eventbridge(&with_id(record("ec2/authorize_ingress_ssh_anyone"), id)).to_string()
}

#[tokio::test]
async fn a_master_out_of_reach_fails_the_invocation_and_a_later_one_succeeds() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let proxy = Proxy::to(master.address()).await;
    let worker = Worker::start(WorkerSetup::to(&proxy.url())).await;
    proxy.set(Fault::Close);
    let error = worker.api.invoke(event("e-1")).await;
    assert!(
        error.error().contains("master did not take the findings"),
        "{error:?}"
    );
    let attempts = proxy.connections();
    assert!(
        (2..=12).contains(&attempts),
        "retries are bounded: {attempts}"
    );
    let batch = queue([
        ("m-1", event("e-1")),
        (
            "m-2",
            eventbridge(&record("ec2/authorize_ingress_ssh_private")).to_string(),
        ),
    ]);
    let reply = worker.api.invoke(batch.to_string()).await.json();
    assert_eq!(
        reply,
        json!({"batchItemFailures": [{"itemIdentifier": "m-1"}]})
    );
    assert!(Reader::of(&master.url()).findings("").await.is_empty());

    proxy.set(Fault::None);
    let reply = worker.api.invoke(event("e-1")).await.json();
    assert_eq!(
        (&reply["accepted"], &reply["duplicates"]),
        (&json!(1), &json!(0))
    );
    receivers.webhook.wait_delivered(1).await;
    let reply = worker.api.invoke(event("e-1")).await.json();
    assert_eq!(
        (&reply["accepted"], &reply["duplicates"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(receivers.webhook.received().len(), 1);
}

#[tokio::test]
async fn a_hanging_master_fails_the_invocation_before_lambda_does() {
    let master = Master::start(Receivers::start().await.webhook_only()).await;
    let proxy = Proxy::to(master.address()).await;
    proxy.set(Fault::Hang);
    let mut setup = WorkerSetup::to(&proxy.url());
    setup.extra = "timeout_seconds = 1\n".into();
    let worker = Worker::start(setup).await;
    let error = worker
        .api
        .invoke_within(event("e-1"), Duration::from_secs(6))
        .await;
    assert!(
        error.error().contains("master did not take the findings"),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_answer_lost_after_the_commit_is_a_duplicate_and_one_notification() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let proxy = Proxy::to(master.address()).await;
    let worker = Worker::start(WorkerSetup::to(&proxy.url())).await;
    proxy.set(Fault::DropAnswer);
    let lost = worker.api.invoke(event("e-1")).await;
    assert!(
        lost.error().contains("master did not take the findings"),
        "{lost:?}"
    );
    let reader = Reader::of(&master.url());
    let before = reader.wait("", 1).await;
    proxy.set(Fault::None);
    let reply = worker.api.invoke(event("e-1")).await.json();
    assert_eq!(reply["duplicates"], 1, "{reply}");
    assert_eq!(reader.findings("").await, before);
    receivers.webhook.wait_delivered(1).await;
    assert_eq!(receivers.webhook.received().len(), 1);
}

#[tokio::test]
async fn a_wrong_key_leaves_a_dead_letter_that_can_be_sent_later() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let mut setup = WorkerSetup::to(&master.url());
    setup.extra = "key_id = \"2/0\"\n".into();
    let worker = Worker::start(setup).await;
    let error = worker.api.invoke(event("e-1")).await;
    assert!(error.error().contains("HTTP status 401"), "{error:?}");
    let letters = worker.letters().await;
    assert_eq!(letters.len(), 1);
    let body = letters[0].original().expect("the bytes come back");
    let kept: dial_core::wire::Batch = serde_json::from_slice(&body).expect("a batch");
    let good = Worker::start(WorkerSetup::to(&master.url())).await;
    good.api.invoke(event("e-1")).await.json();
    let stored = Reader::of(&master.url()).findings("").await;
    assert_eq!(stored[0]["id"], kept.findings[0].id.as_str());
}

/// Slack misbehaves in some way; the others get their alert at once, Slack gets its later.
async fn slack_fails_first(answer: Answer) {
    let receivers = Receivers::start().await;
    receivers.slack.answer_always(Some(answer));
    let master = Master::start(receivers.setup()).await;
    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    worker.api.invoke(event("e-1")).await.json();
    receivers.thehive.wait_delivered(1).await;
    receivers.webhook.wait_delivered(1).await;
    receivers.slack.wait_received(1).await;
    receivers.slack.answer_always(None);
    receivers.slack.wait_delivered(1).await;
    assert!(receivers.slack.received().len() >= 2, "it was tried again");
    assert_eq!(receivers.slack.delivered().len(), 1);
    assert_eq!(receivers.thehive.received().len(), 1);
    assert_eq!(receivers.webhook.received().len(), 1);
}

#[tokio::test]
async fn slack_out_of_order_delays_nobody_else() {
    slack_fails_first(Answer::Status(500, vec![])).await;
}

#[tokio::test]
async fn slack_out_of_breath_is_waited_for() {
    slack_fails_first(Answer::Status(429, vec![("retry-after", "1".into())])).await;
}

#[tokio::test]
async fn a_worker_faster_than_its_rate_comes_again_when_told() {
    let receivers = Receivers::start().await;
    let mut setup = receivers.webhook_only();
    setup.keys = "rate = { per_second = 100, burst = 100 }".into();
    let master = Master::start(setup).await;
    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    let messages: Vec<(String, String)> = (0..250)
        .map(|number| (format!("m-{number}"), event(&format!("e-{number}"))))
        .collect();
    let batch = queue(
        messages
            .iter()
            .map(|(id, body)| (id.as_str(), body.clone())),
    );
    let reply = worker.api.invoke(batch.to_string()).await.json();
    assert_eq!(reply, json!({"batchItemFailures": []}));
    receivers.webhook.wait_delivered(250).await;
    assert!(
        worker.process.output().contains("HTTP status 429"),
        "the limit was met"
    );
}

#[tokio::test]
async fn a_refusal_is_final_and_visible() {
    let receivers = Receivers::start().await;
    receivers.slack.answer_next([Answer::Status(404, vec![])]);
    let master = Master::start(receivers.setup()).await;
    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    worker.api.invoke(event("e-1")).await.json();
    receivers.thehive.wait_delivered(1).await;
    let reader = Reader::of(&master.url());
    let id = reader.findings("").await[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let row = poll::until("the row of Slack to fail", || async {
        let (_, detail) = reader.get(&format!("/v1/findings/{id}")).await;
        let rows = detail["deliveries"].as_array()?.clone();
        rows.into_iter()
            .find(|row| row["sink"] == "slack" && row["state"] == "failed")
    })
    .await;
    assert!(
        row["last_error"]
            .as_str()
            .is_some_and(|e| e.contains("404")),
        "{row}"
    );
}

#[tokio::test]
async fn a_hanging_slack_delays_nobody_else_and_a_killed_master_loses_nothing() {
    let receivers = Receivers::start().await;
    receivers.slack.answer_always(Some(Answer::Hang));
    let mut master = Master::start(receivers.setup()).await;
    let proxy = Proxy::to(master.address()).await;
    let worker = Worker::start(WorkerSetup::to(&proxy.url())).await;
    worker.api.invoke(event("e-1")).await.json();
    worker.api.invoke(event("e-2")).await.json();
    receivers.slack.wait_received(1).await;
    receivers.thehive.wait_delivered(2).await;
    let before: Vec<_> = receivers
        .webhook
        .wait_delivered(2)
        .await
        .iter()
        .map(|r| verified(r)["id"].clone())
        .collect();

    receivers.slack.answer_always(None);
    master.restart().await;
    proxy.aim(master.address());
    // The row that was being sent comes back when its lease ends (45 s).
    let slack = poll::until_within("both messages", Duration::from_secs(90), || async {
        Some(receivers.slack.delivered()).filter(|delivered| delivered.len() >= 2)
    })
    .await;
    for id in &before {
        let id = id.as_str().expect("an id");
        let told = slack
            .iter()
            .filter(|message| message.text().contains(id))
            .count();
        assert_eq!(told, 1, "{id}");
    }
    assert_eq!(
        receivers.thehive.received().len(),
        2,
        "nobody else is told again"
    );
    assert_eq!(receivers.webhook.received().len(), 2);
    let reply = worker.api.invoke(event("e-1")).await.json();
    assert_eq!(reply["duplicates"], 1, "{reply}");
}

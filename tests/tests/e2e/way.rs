//! The whole way on one machine: event, worker, master over SQLite, Slack, TheHive, webhook, query.

use crate::hook::verified;
use dial_tests::deployment::{Master, Receivers, Worker, WorkerSetup};
use dial_tests::events::{ACCOUNT, REGION, eventbridge, guardduty, queue, record, with_id};
use dial_tests::reader::Reader;
use serde_json::json;

const OPEN_PORT: &str = "ec2_security_group_open_sensitive_port";

#[tokio::test]
async fn an_open_port_reaches_everybody_and_can_be_queried() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.setup()).await;
    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    let event = eventbridge(&record("ec2/authorize_ingress_ssh_anyone"));
    let reply = worker.api.invoke(event.to_string()).await.json();
    assert_eq!(reply["accepted"], 1, "{reply}");

    let reader = Reader::of(&master.url());
    let line = reader.findings("").await.remove(0);
    let id = line["id"].as_str().expect("a finding has an id");
    assert_eq!(line["rule"]["name"], OPEN_PORT);

    let slack = receivers.slack.wait_delivered(1).await.remove(0);
    for said in ["203.0.113.24", "0.0.0.0/0", ACCOUNT, REGION, id] {
        assert!(
            slack.text().contains(said),
            "{said} is missing in {}",
            slack.text()
        );
    }
    let alert = receivers.thehive.wait_delivered(1).await.remove(0);
    assert_eq!(alert.path, "/api/v1/alert");
    assert_eq!(alert.json()["sourceRef"], id);
    assert_eq!(alert.headers["authorization"], "Bearer hive-api-key");
    let hook = receivers.webhook.wait_delivered(1).await.remove(0);
    assert_eq!(verified(&hook)["id"], id);

    let (status, detail) = reader.get(&format!("/v1/findings/{id}")).await;
    assert_eq!(status, 200);
    assert_eq!(
        detail["finding"]["record"]["eventName"],
        "AuthorizeSecurityGroupIngress"
    );
    let filters = [
        (
            format!("?account={ACCOUNT}&region={REGION}&rule={OPEN_PORT}"),
            1,
        ),
        ("?severity=low".to_owned(), 0),
        ("?account=444455556666".to_owned(), 0),
    ];
    for (query, expected) in filters {
        assert_eq!(reader.findings(&query).await.len(), expected, "{query}");
    }
    dial_tests::poll::until("all rows sent", || async {
        let (_, detail) = reader.get(&format!("/v1/findings/{id}")).await;
        let rows = detail["deliveries"].as_array()?.clone();
        (rows.len() == 3 && rows.iter().all(|row| row["state"] == "sent")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_harmless_event_reaches_nobody() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.setup()).await;
    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    let event = eventbridge(&record("ec2/authorize_ingress_ssh_private"));
    let reply = worker.api.invoke(event.to_string()).await.json();
    assert_eq!(reply["findings"], 0);
    assert!(Reader::of(&master.url()).findings("").await.is_empty());
    assert!(receivers.webhook.received().is_empty());
}

#[tokio::test]
async fn a_suppressed_finding_is_kept_and_reaches_nobody() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.setup()).await;
    let mut setup = WorkerSetup::to(&master.url());
    setup.extra = format!(
        "[[worker.detect.suppressions]]\nrule = {OPEN_PORT:?}\naccount = {ACCOUNT:?}\n\
         network = \"203.0.113.0/24\"\nowner = \"team-net\"\nreason = \"test range\"\n\
         expires = {}\n",
        tomorrow()
    );
    let worker = Worker::start(setup).await;
    let send = async |id: &str, address: &str| {
        let mut record = with_id(record("ec2/authorize_ingress_ssh_anyone"), id);
        record["sourceIPAddress"] = json!(address);
        let event = eventbridge(&record).to_string();
        worker.api.invoke(event).await.json()
    };
    let silent = send("b2a7c9de-0001-4a7b-8c1d-000000000001", "203.0.113.24").await;
    assert_eq!(
        (&silent["accepted"], &silent["suppressed"]),
        (&json!(1), &json!(1))
    );
    let told = send("b2a7c9de-0001-4a7b-8c1d-000000000002", "198.51.100.24").await;
    assert_eq!(
        (&told["accepted"], &told["suppressed"]),
        (&json!(1), &json!(0))
    );

    let hook = verified(&receivers.webhook.wait_delivered(1).await[0]);
    let reader = Reader::of(&master.url());
    assert_eq!(reader.findings("").await[0]["id"], hook["id"]);
    let listed = reader.findings("?suppressed=true").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["suppressed"]["owner"], "team-net");
    assert_eq!(listed[0]["source_ip"], "203.0.113.24");
    let id = listed[0]["id"].as_str().expect("a finding has an id");
    let (_, detail) = reader.get(&format!("/v1/findings/{id}")).await;
    assert_eq!(detail["deliveries"], json!([]));
    assert_eq!(receivers.slack.wait_delivered(1).await.len(), 1);
    assert_eq!(receivers.webhook.received().len(), 1);
}

fn tomorrow() -> String {
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    day.to_string()[..10].to_owned()
}

#[tokio::test]
async fn a_guardduty_finding_becomes_one_of_ours() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    let reply = worker
        .api
        .invoke(guardduty(ACCOUNT).to_string())
        .await
        .json();
    assert_eq!(reply["accepted"], 1, "{reply}");
    let finding = verified(&receivers.webhook.wait_delivered(1).await[0]);
    assert_eq!(finding["event"]["kind"], "GuardDuty Finding");
    assert_eq!(finding["account"]["id"], ACCOUNT);
}

#[tokio::test]
async fn native_findings_of_other_accounts_need_an_aggregator() {
    let receivers = Receivers::start().await;
    let mut setup = receivers.webhook_only();
    let master = Master::start(setup.clone()).await;
    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    let event = guardduty("444455556666").to_string();
    let error = worker.api.invoke(event.clone()).await;
    assert!(error.error().contains("HTTP status 403"), "{error:?}");
    assert_eq!(worker.letters().await.len(), 1);

    setup.keys = format!("aggregators = [\"{ACCOUNT}/{REGION}\"]");
    let master = Master::start(setup).await;
    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    let reply = worker.api.invoke(event).await.json();
    assert_eq!(reply["accepted"], 1, "{reply}");
}

#[tokio::test]
async fn one_malformed_message_of_a_queue_is_kept_and_the_rest_goes_on() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    let ssh = |id: &str| {
        let record = with_id(record("ec2/authorize_ingress_ssh_anyone"), id);
        eventbridge(&record).to_string()
    };
    let malformed = "{\"detail-type\": \"AWS API Call via CloudTrail\", \"detail\": 7}";
    let batch = queue([
        ("m-1", ssh("b2a7c9de-0001-4a7b-8c1d-000000000001")),
        ("m-2", malformed.to_owned()),
        ("m-3", ssh("b2a7c9de-0001-4a7b-8c1d-000000000003")),
    ]);
    let reply = worker.api.invoke(batch.to_string()).await.json();
    assert_eq!(reply, json!({"batchItemFailures": []}));
    receivers.webhook.wait_delivered(2).await;
    assert_eq!(Reader::of(&master.url()).findings("").await.len(), 2);
    let letters = worker.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(
        letters[0].original().expect("the bytes come back"),
        malformed.as_bytes()
    );
}

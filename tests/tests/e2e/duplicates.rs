//! However often and in whatever order events come, the store and the notifications are the same.

use crate::hook::verified;
use dial_tests::deployment::{Master, Receivers, Worker, WorkerSetup};
use dial_tests::events::{eventbridge, queue, record, with_id};
use dial_tests::reader::Reader;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;

/// Different events; each makes a finding.
const EVENTS: usize = 4;
/// Arrangements tried; each runs both processes.
const CASES: usize = 4;

/// One arrangement: which events come together in one invocation, in which order.
type Arrangement = Vec<Vec<usize>>;

/// Every event at least once, some more often, in any order and company.
fn arrangements() -> impl Strategy<Value = Arrangement> {
    prop::collection::vec(0..EVENTS, 0..6).prop_flat_map(|extra| {
        let all: Vec<usize> = (0..EVENTS).chain(extra).collect();
        (
            Just(all).prop_shuffle(),
            prop::collection::vec(1..4_usize, 16),
        )
            .prop_map(|(all, sizes)| {
                let mut rest = all.as_slice();
                let mut groups = Vec::new();
                for size in sizes {
                    let (group, later) = rest.split_at(size.min(rest.len()));
                    groups.push(group.to_vec());
                    rest = later;
                }
                groups.retain(|group| !group.is_empty());
                groups
            })
    })
}

fn event(number: usize) -> String {
    let names = [
        "ec2/authorize_ingress_ssh_anyone",
        "ec2/authorize_ingress_rdp_anyone_ipv6",
        "s3/put_bucket_policy_anyone",
        "cloudtrail/stop_logging",
    ];
    let record = with_id(
        record(names[number % names.len()]),
        &format!("event-{number}"),
    );
    eventbridge(&record).to_string()
}

/// What is in the store, and which findings the webhook was told of, once each.
async fn outcome(arrangement: &Arrangement) -> (BTreeSet<String>, BTreeSet<String>) {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let worker = Worker::start(WorkerSetup::to(&master.url())).await;
    for group in arrangement {
        let payload = match group.as_slice() {
            [one] => event(*one),
            several => {
                let messages = several.iter().enumerate();
                let ids: Vec<String> = (0..several.len()).map(|n| format!("m-{n}")).collect();
                queue(messages.map(|(n, e)| (ids[n].as_str(), event(*e)))).to_string()
            }
        };
        worker.api.invoke(payload).await.json();
    }
    let id = |finding: &serde_json::Value| finding["id"].as_str().expect("an id").to_owned();
    let stored: BTreeSet<String> = Reader::of(&master.url())
        .findings("")
        .await
        .iter()
        .map(id)
        .collect();
    let told = receivers.webhook.wait_delivered(stored.len()).await;
    assert_eq!(
        told.len(),
        stored.len(),
        "nobody is told twice: {arrangement:?}"
    );
    (stored, told.iter().map(|r| id(&verified(r))).collect())
}

#[tokio::test]
async fn any_arrangement_of_the_same_events_ends_the_same() {
    let plain: Arrangement = (0..EVENTS).map(|event| vec![event]).collect();
    let (expected, told) = outcome(&plain).await;
    assert!(expected.len() >= EVENTS, "{expected:?}");
    assert_eq!(told, expected);
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..CASES {
        let tree = arrangements()
            .new_tree(&mut runner)
            .expect("an arrangement");
        let arrangement = tree.current();
        let (stored, told) = outcome(&arrangement).await;
        assert_eq!(stored, expected, "{arrangement:?}");
        assert_eq!(told, expected, "{arrangement:?}");
    }
}

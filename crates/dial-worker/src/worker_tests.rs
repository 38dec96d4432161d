//! Whole invocations: what is sent, what is kept, what has to come again.

mod bed;
mod objects;

use crate::drift::DriftReport;
use crate::letters::Letters;
use crate::samples::info;
use crate::worker::{Counts, Reply};
use bed::{Bed, Broken, closed_port, created, failed, fixture, open_port, queue};
use dial_core::dead_letter::Stage;
use dial_core::gzip::{deflate, inflate};
use dial_core::wire::{Batch, Heartbeat};
use dial_detect::patterns::{Options, derive};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn a_match_is_sent_and_a_miss_is_not() {
    let bed = Bed::new().await;
    let expected = Counts {
        events: 1,
        findings: 1,
        accepted: 1,
        ..Counts::default()
    };
    assert_eq!(
        bed.handle(open_port("e-1")).await,
        Ok(Reply::Done(expected))
    );
    let sent = bed.sent().await;
    assert_eq!(sent[0].worker, bed.worker.info);
    assert_eq!(
        sent[0].findings[0].rule.name,
        "ec2_security_group_open_sensitive_port"
    );
    sent[0].findings[0].validate().unwrap();
    let missed = Counts {
        events: 1,
        ..Counts::default()
    };
    assert_eq!(bed.handle(closed_port()).await, Ok(Reply::Done(missed)));
    assert_eq!(bed.sent().await.len(), 1);
    assert!(bed.letters().await.is_empty());
}

#[tokio::test]
async fn a_suppressed_finding_is_sent_as_such_and_counted() {
    let today = jiff::Timestamp::now().to_string();
    let settings = json!({ "suppressions": [{
        "rule": "ec2_security_group_open_sensitive_port",
        "owner": "team-net", "reason": "known", "expires": &today[..10],
    }]});
    let settings: dial_detect::Settings = serde_json::from_value(settings).unwrap();
    let bed = Bed::tuned(MockServer::start().await, &settings);
    let bed = bed.taking_all().await;
    let plain = Bed::new().await;
    let expected = Counts {
        events: 1,
        findings: 1,
        suppressed: 1,
        accepted: 1,
        ..Counts::default()
    };
    let event = open_port("e-1");
    assert_eq!(bed.handle(event.clone()).await, Ok(Reply::Done(expected)));
    plain.handle(event).await.unwrap();
    let (silent, told) = (bed.sent().await, plain.sent().await);
    let (silent, told) = (&silent[0].findings[0], &told[0].findings[0]);
    assert_eq!(silent.id, told.id);
    assert_eq!(silent.suppressed.as_ref().unwrap().owner, "team-net");
    assert_eq!(told.suppressed, None);
}

#[tokio::test]
async fn what_is_no_event_becomes_a_dead_letter() {
    let bed = Bed::new().await;
    let deep = format!(
        "{{\"detail-type\":\"AWS API Call via CloudTrail\",\"detail\":{}{}}}",
        "[".repeat(200),
        "]".repeat(200)
    );
    for payload in [
        "{}",
        "[]]",
        "{\"detail-type\":\"AWS API Call via CloudTrail\"}",
        "null",
        deep.as_str(),
    ] {
        let reply = bed.handle(payload).await.unwrap();
        assert!(
            matches!(
                reply,
                Reply::Done(Counts {
                    dead_letters: 1,
                    ..
                })
            ),
            "{payload}: {reply:?}"
        );
        let letters = bed.letters().await;
        let letter = letters
            .iter()
            .find(|l| l.original().unwrap() == payload.as_bytes());
        assert_eq!(letter.unwrap().stage, Stage::Parse, "{payload}");
    }
}

#[tokio::test]
async fn one_bad_message_of_a_queue_harms_no_other() {
    let bed = Bed::new().await;
    let messages = [
        ("m-1", open_port("e-1").to_string()),
        ("m-2", "{\"detail\":".to_owned()),
        ("m-3", open_port("e-3").to_string()),
        ("m-4", closed_port().to_string()),
    ];
    let reply = bed.handle(queue(&messages)).await.unwrap();
    assert_eq!(failed(&reply), Vec::<String>::new());
    let sent = bed.sent().await;
    assert_eq!((sent.len(), sent[0].findings.len()), (1, 2));
    let letters = bed.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].original().unwrap(), messages[1].1.as_bytes());
    let json = serde_json::to_value(reply).unwrap();
    assert_eq!(json, json!({"batchItemFailures": []}));
}

#[tokio::test]
async fn an_unreachable_master_sends_back_only_what_had_findings() {
    let bed = Bed::refusing(503).await;
    let messages = [
        ("m-1", closed_port().to_string()),
        ("m-2", open_port("e-2").to_string()),
    ];
    let reply = bed.handle(queue(&messages)).await.unwrap();
    assert_eq!(failed(&reply), ["m-2"]);
    let error = bed.handle(open_port("e-1")).await.unwrap_err();
    assert!(error.to_string().contains("HTTP status 503"), "{error}");
    assert!(bed.letters().await.is_empty(), "the source keeps the event");
}

#[tokio::test]
async fn a_refusing_master_leaves_a_letter_and_a_failure() {
    let bed = Bed::refusing(401).await;
    let error = bed.handle(open_port("e-1")).await.unwrap_err();
    assert!(error.to_string().contains("HTTP status 401"), "{error}");
    let letters = bed.letters().await;
    assert_eq!((letters.len(), letters[0].stage), (1, Stage::Send));
    let kept: Batch = serde_json::from_slice(&letters[0].original().unwrap()).unwrap();
    assert_eq!(kept.findings, bed.sent().await[0].findings);
    let reply = bed
        .handle(queue(&[("m-1", open_port("e-1").to_string())]))
        .await
        .unwrap();
    assert_eq!(failed(&reply), ["m-1"]);
}

#[tokio::test]
async fn what_can_be_kept_nowhere_comes_again() {
    let mut bed = Bed::new().await;
    let broken = Arc::new(Broken { transient: true });
    bed.worker.letters = Letters::new(broken, info());
    let error = bed.handle("{}").await.unwrap_err();
    assert!(
        error.to_string().contains("dead letter not written"),
        "{error}"
    );
    let messages = [
        ("m-1", "{}".to_owned()),
        ("m-2", open_port("e-2").to_string()),
    ];
    let reply = bed.handle(queue(&messages)).await.unwrap();
    assert_eq!(failed(&reply), ["m-1"]);
    assert_eq!(
        bed.sent().await.len(),
        1,
        "the good message was sent all the same"
    );
}

/// An event with a few bytes changed, or cut off.
fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (edits, prop::option::of(any::<prop::sample::Index>())).prop_map(|(edits, cut)| {
        let mut bytes = open_port("e-1").to_string().into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    })
}

/// Whatever comes: judged, or kept, or an error; never neither, never a panic.
#[test]
fn whatever_comes_is_judged_or_kept() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bed = runtime.block_on(Bed::new());
    let config = ProptestConfig::with_cases(200);
    let mut runner = TestRunner::new(config);
    let handled = runner.run(&mangled(), |payload| {
        let deadline = Instant::now() + Duration::from_secs(30);
        let reply = runtime.block_on(bed.worker.handle(&payload, deadline));
        let reply = reply.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let Reply::Done(counts) = reply else {
            return Err(TestCaseError::fail("a queue out of nowhere"));
        };
        prop_assert_eq!(counts.events.max(counts.dead_letters), 1, "{:?}", counts);
        let unsent = counts.findings - counts.accepted;
        prop_assert!(unsent <= counts.dead_letters, "{:?}", counts);
        Ok(())
    });
    handled.unwrap();
}

#[tokio::test]
async fn rules_that_lack_patterns_are_reported_once() {
    let mut bed = Bed::new().await;
    let mut deployed = derive(&bed.worker.pipeline, Options::default()).unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let fed = DriftReport::of(&bed.worker.pipeline, &deployed, now);
    bed.worker.drift = fed;
    let quiet = fixture("iam/create_group.json");
    bed.handle(&quiet).await.unwrap();
    let names = |sent: &[Batch]| -> Vec<String> {
        let findings = sent.iter().flat_map(|batch| &batch.findings);
        findings.map(|finding| finding.rule.name.clone()).collect()
    };
    assert!(!names(&bed.sent().await).contains(&"worker_pattern_drift".to_owned()));

    deployed
        .patterns
        .retain(|pattern| pattern.name != "native-guardduty");
    bed.worker.drift = DriftReport::of(&bed.worker.pipeline, &deployed, now);
    for _ in 0..3 {
        bed.handle(&quiet).await.unwrap();
    }
    let drift = names(&bed.sent().await)
        .into_iter()
        .filter(|name| name == "worker_pattern_drift");
    assert_eq!(drift.count(), 1);
}

#[tokio::test]
async fn a_master_that_is_away_is_told_later_and_loses_no_event_by_it() {
    let mut bed = Bed::refusing(503).await;
    let mut deployed = derive(&bed.worker.pipeline, Options::default()).unwrap();
    deployed.patterns.clear();
    bed.worker.drift =
        DriftReport::of(&bed.worker.pipeline, &deployed, jiff::Timestamp::UNIX_EPOCH);
    let harmless = json!({
        "eventSource": "ec2.amazonaws.com", "eventName": "DescribeRegions", "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333", "eventTime": "2026-05-04T10:00:00Z", "eventID": "e-1",
    });
    for _ in 0..2 {
        bed.handle(&harmless).await.unwrap();
    }
    let tries = bed.sent().await;
    assert!(tries.len() >= 4, "{}", tries.len());
    assert_eq!(bed.letters().await.len(), 0);
}

#[tokio::test]
async fn a_schedule_tells_the_master_what_was_done_until_it_has_heard() {
    let bed = Bed::over(MockServer::start().await);
    let path = || wiremock::matchers::path("/v1/heartbeats");
    let busy = Mock::given(path()).respond_with(ResponseTemplate::new(503));
    busy.up_to_n_times(1).mount(&bed.master).await;
    let taken = Mock::given(path()).respond_with(ResponseTemplate::new(200));
    taken.mount(&bed.master).await;
    let schedule = json!({
        "version": "0",
        "id": "7f0b7a52-4f5e-4a34-9f0c-0d8d1b1f6a11",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "111122223333",
        "time": "2026-05-01T10:05:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:events:eu-west-1:111122223333:rule/dial-heartbeat"],
        "detail": {},
    });
    bed.handle(closed_port()).await.unwrap();
    assert!(bed.master.received_requests().await.unwrap().is_empty());
    let mut events = Vec::new();
    for _ in 0..3 {
        let reply = bed.handle(&schedule).await;
        assert_eq!(reply, Ok(Reply::Done(Counts::default())));
        let requests = bed.master.received_requests().await.unwrap();
        let body = inflate(&requests.last().unwrap().body, 8 << 20).unwrap();
        let heartbeat: Heartbeat = serde_json::from_slice(&body).unwrap();
        assert_eq!(heartbeat.worker, *bed.worker.pipeline.worker());
        events.push(heartbeat.counters.events);
    }
    assert_eq!(
        events,
        [1, 1, 0],
        "told again after a refusal, then no more"
    );
    assert!(
        bed.letters().await.is_empty(),
        "a schedule is no event to judge"
    );
}

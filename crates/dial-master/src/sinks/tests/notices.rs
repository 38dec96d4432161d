//! What people are told beside the message of one finding, sink by sink: many in one, that one is
//! closed, that it repeats.

use super::aws::SNS;
use super::injection::well;
use super::updates::Worked;
use super::{BOT, GOOGLE_CHAT, JIRA, PAGERDUTY, TEAMS, THEHIVE, WEBHOOK, built, job, links, shown};
use crate::message::samples::benign;
use crate::routing::digest::Digest;
use crate::sinks::{Audience, GroupState, Job, SINKS, Sink, Step};
use dial_core::{Finding, Severity};
use serde_json::json;
use std::collections::BTreeSet;

/// Every kind of sink that people read.
const PEOPLE: [(&str, &str, &str); 8] = [
    ("google_chat", "google_chat", GOOGLE_CHAT),
    ("jira", "jira", JIRA),
    ("pagerduty", "pagerduty", PAGERDUTY),
    ("slack_bot", "slack", BOT),
    ("slack_webhook", "slack", WEBHOOK),
    ("sns", "sns", SNS),
    ("teams", "teams", TEAMS),
    ("thehive", "thehive", THEHIVE),
];

/// A storm as it is at night: one role, many buckets, a few worse things among them.
fn storm() -> Digest {
    let findings: Vec<Finding> = (0..30_u32)
        .map(|n| {
            let mut finding = benign();
            finding.event.id = format!("event-{n}");
            if n % 7 == 3 {
                finding.severity = Severity::Critical;
                finding.title = "CloudTrail trail was stopped".into();
                finding.rule.name = "cloudtrail_logging_stopped".into();
                finding.account.name = None;
            }
            finding.id = finding.expected_id();
            finding
        })
        .collect();
    Digest::of(&findings.iter().collect::<Vec<_>>()).unwrap()
}

/// Every request of a conversation in which all goes well.
fn told(sink: &dyn Sink, job: &Job<'_>) -> String {
    let mut told = String::new();
    let mut step = sink.start(job);
    while let Step::Send(call) = step {
        told.push_str(&shown(&call));
        told.push_str("\n\n");
        step = sink.resume(job, &well(&call));
    }
    told
}

#[tokio::test]
async fn digests_closings_and_repeats_read_like_this() {
    let (finding, links, storm) = (benign(), links(), storm());
    let worked = Worked::resolved();
    let receipt = json!({"channel": "C1", "ts": "1.1", "alert": "~1", "issue": "SEC-1"});
    let group = GroupState {
        repeats: 3,
        repeated_at: Some("2026-05-01T10:40:00Z".parse().unwrap()),
        first: None,
        before: None,
    };
    let below = GroupState {
        first: Some(receipt.clone()),
        ..GroupState::default()
    };
    for (name, _, settings) in PEOPLE {
        let sinks = built(settings).await;
        let sink = &*sinks.get("it").unwrap().sink;
        let digest = Job {
            digest: Some(&storm),
            ..job(&finding, &links)
        };
        let closed = Job {
            group: Some(&group),
            ..worked.job(&links, Some(&receipt))
        };
        let repeat = Job {
            group: Some(&below),
            ..job(&finding, &links)
        };
        insta::assert_snapshot!(format!("{name}_digest"), told(sink, &digest));
        insta::assert_snapshot!(format!("{name}_closed"), told(sink, &closed));
        if sink.threads() {
            insta::assert_snapshot!(format!("{name}_repeat"), told(sink, &repeat));
        }
    }
}

#[test]
fn every_kind_that_people_read_is_here() {
    let kinds: BTreeSet<&str> = PEOPLE.iter().map(|(_, kind, _)| *kind).collect();
    let people = SINKS.iter().map(|kind| kind.name);
    let people = people.filter(|kind| Audience::of(kind) == Audience::People);
    assert_eq!(kinds, people.collect());
}

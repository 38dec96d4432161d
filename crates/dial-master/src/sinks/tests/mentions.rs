//! Who is alerted by messages in Slack: whom the configuration names, and nobody else.

use super::injection::slack;
use super::updates::Worked;
use super::{BOT, WEBHOOK, built, job, links, sent};
use crate::message::samples::{benign, hostile};
use crate::routing::digest::Digest;
use crate::routing::mention::Mention;
use crate::sinks::{Call, Job};
use dial_core::store::Status;
use dial_core::{Finding, Severity};
use serde_json::{Value, json};

/// One group for the worst, everybody who is awake for what comes after.
const TABLE: &str = "\nmention = { critical = ['S0123456789', 'U0123456789'], high = ['here'] }";

fn mentions(ids: &[&str]) -> Vec<Mention> {
    let ids = ids.iter().map(|id| Mention::try_from((*id).to_owned()));
    ids.collect::<Result<_, _>>().unwrap()
}

fn with(severity: Severity) -> Finding {
    Finding {
        severity,
        ..benign()
    }
}

/// What stands below the heading where somebody is alerted; the rest must be as inert as ever.
fn alerted(call: &Call) -> Option<String> {
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    let blocks = body["blocks"].as_array_mut().unwrap();
    let text = blocks[1]["text"]["text"].as_str().unwrap_or_default();
    let live = ["<!subteam", "<@", "<!here", "<!channel"];
    let text = live
        .iter()
        .any(|word| text.starts_with(word))
        .then(|| text.to_owned());
    if let Some(text) = &text {
        let block = blocks.remove(1);
        let mrkdwn = json!({"type": "mrkdwn", "text": text, "verbatim": true});
        assert_eq!(block, json!({"type": "section", "text": mrkdwn}));
    }
    let rest = Call {
        body: body.to_string().into_bytes(),
        ..call.clone()
    };
    assert_eq!(slack(&rest), Ok(()));
    text
}

#[tokio::test]
async fn the_route_speaks_before_the_sink_and_the_sink_by_severity() {
    let (one, group) = (mentions(&["U9"]), mentions(&["S9", "channel"]));
    let both = "<!subteam^S0123456789> <@U0123456789>";
    let cases = [
        ("critical", Severity::Critical, None, Some(both)),
        ("high", Severity::High, None, Some("<!here>")),
        ("medium", Severity::Medium, None, None),
        ("a route", Severity::Medium, Some(&one), Some("<@U9>")),
        (
            "a route of its own",
            Severity::Critical,
            Some(&group),
            Some("<!channel> <!subteam^S9>"),
        ),
        (
            "a route for nobody",
            Severity::Critical,
            Some(&vec![]),
            None,
        ),
    ];
    for settings in [WEBHOOK, BOT] {
        let sinks = built(&format!("{settings}{TABLE}")).await;
        let sink = &sinks.get("it").unwrap().sink;
        for (name, severity, route, expected) in cases {
            let (finding, links) = (with(severity), links());
            let job = Job {
                mention: route.map(Vec::as_slice),
                ..job(&finding, &links)
            };
            let told = alerted(&sent(sink.start(&job)));
            assert_eq!(told.as_deref(), expected, "{name}");
        }
    }
}

#[tokio::test]
async fn nobody_is_alerted_of_what_somebody_looks_after_or_what_repeats() {
    let sinks = built(&format!("{BOT}{TABLE}")).await;
    let sink = &sinks.get("it").unwrap().sink;
    let receipt = json!({"channel": "C0123456789", "ts": "1777.000100"});
    for (status, expected) in [
        (Status::Open, Some("<!here>")),
        (Status::Acknowledged, None),
        (Status::Snoozed, None),
        (Status::Resolved, None),
        (Status::FalsePositive, None),
    ] {
        let (worked, links) = (Worked::to(status, "x", "y"), links());
        for receipt in [None, Some(&receipt)] {
            let call = sent(sink.start(&worked.job(&links, receipt)));
            assert_eq!(alerted(&call).as_deref(), expected, "{status}");
        }
    }
    let (finding, links) = (benign(), links());
    let below = crate::sinks::GroupState {
        first: Some(receipt),
        ..crate::sinks::GroupState::default()
    };
    let repeat = Job {
        group: Some(&below),
        ..job(&finding, &links)
    };
    let body = sent(sink.start(&repeat)).body;
    assert!(!String::from_utf8(body).unwrap().contains("<!here"));
}

#[tokio::test]
async fn a_digest_alerts_for_the_worst_and_for_every_route() {
    let (critical, low, links) = (with(Severity::Critical), with(Severity::Low), links());
    let both = "<!subteam^S0123456789> <@U0123456789>";
    for settings in [WEBHOOK, BOT] {
        let sinks = built(&format!("{settings}{TABLE}")).await;
        let sink = &sinks.get("it").unwrap().sink;
        let all = Digest::of(&[&low, &critical]).unwrap();
        let routed = Digest {
            mentions: mentions(&["S9", "S0123456789"]).into_iter().collect(),
            ..all.clone()
        };
        let lesser = Digest::of(&[&low, &low]).unwrap();
        for (digest, expected) in [
            (&all, Some(both)),
            (
                &routed,
                Some("<!subteam^S0123456789> <!subteam^S9> <@U0123456789>"),
            ),
            (&lesser, None),
        ] {
            let job = Job {
                digest: Some(digest),
                // The carrier's own route says nothing about the others.
                mention: Some(&[]),
                ..job(&low, &links)
            };
            let call = sent(sink.start(&job));
            assert_eq!(alerted(&call).as_deref(), expected);
        }
    }
}

#[tokio::test]
async fn nothing_of_an_event_alerts_anybody_and_every_limit_holds() {
    let full = mentions(&["S9", "S8", "S7", "U9", "U8"]);
    let sinks = built(BOT).await;
    let sink = &sinks.get("it").unwrap().sink;
    for finding in [hostile(1), hostile(400)] {
        let links = links();
        let job = Job {
            mention: Some(&full),
            ..job(&finding, &links)
        };
        let call = sent(sink.start(&job));
        let expected = "<!subteam^S7> <!subteam^S8> <!subteam^S9> <@U8> <@U9>";
        assert_eq!(alerted(&call).as_deref(), Some(expected));
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        assert!(body["blocks"].to_string().len() <= 13_200);
    }
}

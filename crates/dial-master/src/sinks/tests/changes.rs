//! What sinks are sent when a finding that they have was changed.

use super::{BOT, SIGNED, built, job, links, sent, shown};
use crate::message::samples::{self, untouched};
use crate::sinks::{Job, Reply, Step};
use dial_core::Finding;
use dial_core::store::triage::{Actor, Change, Door, Request, Triage, decide};
use dial_core::store::{Audit, Stored};
use serde_json::{Value, json};

/// A finding that was acknowledged and snoozed, with its history.
fn changed(finding: &Finding) -> (Stored, Vec<Audit>) {
    let mut stored = untouched(finding);
    let mut history = Vec::new();
    let until = "2026-05-02T10:00:00Z".parse().unwrap();
    for change in [Change::Acknowledge, Change::Snooze { until }] {
        let by = Actor {
            who: "soc <!channel> `x`".into(),
            door: Door::Api,
        };
        let request = Request {
            change,
            comment: Some("see [this](https://evil.example) & <that>".into()),
            by,
            at: "2026-05-01T10:01:00Z".parse().unwrap(),
        };
        let made = decide(&stored.triage, &request).unwrap();
        (stored.triage, history) = (made.triage, [history, made.lines].concat());
    }
    (stored, history)
}

/// Step, status and body of an answer.
type Answer = (&'static str, u16, Value);

fn reply(step: &'static str, status: u16, body: &Value) -> Reply {
    Reply {
        step,
        status,
        retry_after: None,
        body: body.to_string().into_bytes(),
    }
}

/// Every request of a conversation in which all goes well, and the receipt at its end.
async fn conversation(settings: &str, receipt: &Value, answers: &[Answer]) -> String {
    let sinks = built(settings).await;
    let sink = &sinks.get("it").unwrap().sink;
    assert!(sink.updates());
    let (finding, links) = (samples::benign(), links());
    let (stored, history) = changed(&finding);
    let job = Job {
        stored: &stored,
        history: &history,
        receipt: Some(receipt),
        ..job(&finding, &links)
    };
    let mut told = Vec::new();
    let mut step = sink.start(&job);
    for (name, status, body) in answers {
        let call = sent(step);
        assert_eq!(call.step, *name);
        told.push(shown(&call));
        step = sink.resume(&job, &reply(name, *status, body));
    }
    match step {
        Step::Done(receipt) => told.push(format!("receipt {}", receipt.unwrap_or_default())),
        other => panic!("{other:?}"),
    }
    told.join("\n\n")
}

#[tokio::test]
async fn slack_edits_the_message_and_its_thread_gets_the_history() {
    let receipt = json!({"channel": "C0123456789", "ts": "1777.000100"});
    let ok = json!({"ok": true, "channel": "C0123456789", "ts": "1777.000100"});
    let answers = [("update", 200, ok.clone()), ("thread", 200, ok)];
    let told = conversation(BOT, &receipt, &answers).await;
    let thread = told.split("chat.postMessage").nth(1).unwrap();
    insta::assert_snapshot!(thread);
    assert!(told.contains("chat.update"));
    assert!(told.contains("\"ts\": \"1777.000100\""), "{told}");
    // What was told is not told again.
    let level = json!({"channel": "C0123456789", "ts": "1777.000100", "told": 2});
    let ok = json!({"ok": true});
    let told = conversation(BOT, &level, &[("update", 200, ok)]).await;
    assert!(!told.contains("chat.postMessage"), "{told}");
}

#[tokio::test]
async fn a_webhook_hears_of_changes_if_it_wants_to() {
    let settings = format!("{SIGNED}\nchanges = true");
    let answers = [("post", 204, Value::Null)];
    let told = conversation(&settings, &Value::Null, &answers).await;
    insta::assert_snapshot!(told);
    assert!(!built(SIGNED).await.get("it").unwrap().sink.updates());
}

#[tokio::test]
async fn what_cannot_be_updated_says_why() {
    let cases: [(&str, Value, Option<Answer>, &str); 3] = [
        (BOT, Value::Null, None, "cannot be edited"),
        (
            BOT,
            json!({"channel": "C1", "ts": "1.2"}),
            Some((
                "update",
                200,
                json!({"ok": false, "error": "message_not_found"}),
            )),
            "message_not_found",
        ),
        (
            BOT,
            json!({"channel": "C1", "ts": "1.2"}),
            Some(("update", 200, json!({"ok": false, "error": "ratelimited"}))),
            "Retry",
        ),
    ];
    for (settings, receipt, answer, expected) in cases {
        let sinks = built(settings).await;
        let sink = &sinks.get("it").unwrap().sink;
        let (finding, links) = (samples::benign(), links());
        let stored = Stored {
            triage: Triage {
                revision: 1,
                ..Triage::default()
            },
            ..untouched(&finding)
        };
        let job = Job {
            stored: &stored,
            receipt: Some(&receipt),
            ..job(&finding, &links)
        };
        let mut step = sink.start(&job);
        if let Some((name, status, body)) = answer {
            step = sink.resume(&job, &reply(name, status, &body));
        }
        let said = format!("{step:?}");
        assert!(said.contains(expected), "{said}");
    }
}

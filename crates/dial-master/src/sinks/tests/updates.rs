//! What the sinks that show changes send when people work on a finding.

use super::answers::said;
use super::{JIRA, OPENSEARCH, PAGERDUTY, SPLUNK, THEHIVE, built, job, links, sent, shown};
use crate::message::samples::{self, untouched};
use crate::sinks::{Job, Reply, Sink, Step, Via};
use dial_core::store::triage::Triage;
use dial_core::store::{Audit, Status, Stored};
use serde_json::{Value, json};

/// A finding that was acknowledged by one and then brought to a status by another, with words.
struct Worked {
    stored: Stored,
    history: Vec<Audit>,
}

impl Worked {
    fn to(status: Status, action: &str, comment: &str) -> Self {
        let triage = |status, revision| Triage {
            status,
            assignee: Some("analyst".into()),
            snoozed_until: None,
            revision,
        };
        let line = |action: &str, who: &str, before, after, comment: Option<&str>| Audit {
            at: "2026-05-01T10:05:00Z".parse().unwrap(),
            who: who.into(),
            door: "slack".into(),
            action: action.into(),
            before: Some(before),
            after: Some(after),
            comment: comment.map(Into::into),
        };
        let first = triage(Status::Acknowledged, 1);
        let second = triage(status, 2);
        let mut stored = untouched(&samples::benign());
        stored.triage = second.clone();
        let history = vec![
            line(
                "acknowledged",
                "analyst",
                Triage::default(),
                first.clone(),
                None,
            ),
            line(action, "soc lead", first, second, Some(comment)),
        ];
        Self { stored, history }
    }

    fn resolved() -> Self {
        Self::to(Status::Resolved, "resolved", "policy removed")
    }

    /// The errand, with what the sink answered before.
    fn job<'a>(
        &'a self,
        links: &'a crate::message::links::Links,
        receipt: Option<&'a Value>,
    ) -> Job<'a> {
        Job {
            stored: &self.stored,
            history: &self.history,
            receipt,
            ..job(&self.stored.finding, links)
        }
    }
}

fn reply(step: &'static str, status: u16, body: &str) -> Reply {
//! What sinks are sent when a finding that they have was changed.

use super::{BOT, SIGNED, THEHIVE, built, job, links, sent, shown, untouched};
use crate::message::samples;
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

fn reply(step: &'static str, status: u16, body: &Value) -> Reply {
    Reply {
        step,
        status,
        retry_after: None,
        body: body.as_bytes().to_vec(),
    }
}

/// (status, body) of each answer, in order.
type Answers<'a> = &'a [(u16, &'a str)];

/// Sends what the sink wants until it knows the end, with these answers in order.
fn converse(sink: &dyn Sink, job: &Job<'_>, answers: Answers<'_>) -> String {
    let mut step = sink.start(job);
    let mut told = String::new();
    for (status, body) in answers {
        let call = sent(step);
        told.push_str(&shown(&call));
        told.push_str("\n\n");
        step = sink.resume(job, &reply(call.step, *status, body));
    }
    told + &said(&step)
}

const ITEM: &str = r#"{"errors":false,"items":[{"update":{"status":200}}]}"#;
const OFFERED: &str =
    r#"{"transitions":[{"id":"21","name":"In Progress"},{"id":"31","name":"Done"}]}"#;

#[tokio::test]
async fn a_change_is_shown_like_this() {
    let moving = format!("{JIRA}\ntransitions = {{ resolved = 'done' }}");
    let mapped = format!("{THEHIVE}\nstatuses = {{ resolved = 'Closed' }}");
    let issue = json!({"issue": "SEC-8", "revision": 1, "status": "acknowledged"});
    let jira = [(201, "{}"), (200, OFFERED), (204, "")];
    let cases: [(&str, &str, Value, Answers<'_>); 5] = [
        ("jira", &moving, issue, &jira),
        ("opensearch", OPENSEARCH, json!({}), &[(200, ITEM)]),
        ("pagerduty", PAGERDUTY, json!({}), &[(202, "{}")]),
        (
            "splunk",
            SPLUNK,
            json!({"revision": 0}),
            &[(200, r#"{"text":"ok","code":0}"#)],
        ),
        ("thehive", &mapped, json!({"alert": "~41"}), &[(204, "")]),
    ];
    for (name, settings, receipt, answers) in cases {
        let sinks = built(settings).await;
        let sink = sinks.get("it").unwrap().sink.as_ref();
        let (worked, links) = (Worked::resolved(), links());
        assert!(sink.updates(), "{name}");
        let told = converse(sink, &worked.job(&links, Some(&receipt)), answers);
        insta::assert_snapshot!(format!("{name}_change"), told);
    }
}

#[tokio::test]
async fn pagerduty_follows_where_the_finding_stands() {
    let sinks = built(PAGERDUTY).await;
    let sink = sinks.get("it").unwrap().sink.as_ref();
    let receipt = json!({});
    let cases = [
        (Status::Open, "trigger", "send trigger", "done"),
        (
            Status::Acknowledged,
            "acknowledge",
            "send trigger",
            "send acknowledge",
        ),
        (
            Status::Snoozed,
            "acknowledge",
            "send trigger",
            "send acknowledge",
        ),
        (Status::Resolved, "resolve", "done", ""),
        (Status::FalsePositive, "resolve", "done", ""),
    ];
    for (status, changed, first, then) in cases {
        let (worked, links) = (Worked::to(status, "x", "y"), links());
        let call = sent(sink.start(&worked.job(&links, Some(&receipt))));
        assert_eq!(call.step, changed, "{status}");
        let fresh = worked.job(&links, None);
        let started = sink.start(&fresh);
        assert!(said(&started).starts_with(first), "{status}");
        if let Step::Send(call) = started {
            let next = sink.resume(&fresh, &reply(call.step, 202, "{}"));
            assert!(said(&next).starts_with(then), "{status}: {}", said(&next));
        }
    }
}

#[tokio::test]
async fn jira_says_nothing_twice_and_moves_only_what_moved() {
    let moving = format!("{JIRA}\ntransitions = {{ resolved = 'Done' }}");
    let sinks = built(&moving).await;
    let sink = sinks.get("it").unwrap().sink.as_ref();
    let (worked, links) = (Worked::resolved(), links());
    let last = |receipt: &Value, attempt: u32, answers: Answers<'_>| {
        let job = Job {
            attempt,
            ..worked.job(&links, Some(receipt))
        };
        let told = converse(sink, &job, answers);
        told.lines().last().unwrap().to_owned()
    };
    let told = r#"{"comments":[{"body":"… DIAL, change 2."}]}"#;
    let all = r#"done {"issue":"SEC-8","revision":2,"status":"resolved"}"#;
    let old = json!({"issue": "SEC-8", "revision": 1, "status": "acknowledged"});
    let same = json!({"issue": "SEC-8", "revision": 1, "status": "resolved"});
    let shown = json!({"issue": "SEC-8", "revision": 2, "status": "resolved"});
    assert_eq!(last(&shown, 1, &[]), all, "nothing is new");
    assert_eq!(
        last(&old, 2, &[(200, told)]),
        "send transitions",
        "the comment is there"
    );
    assert_eq!(last(&old, 2, &[(200, "{}")]), "send comment", "it is not");
    assert_eq!(
        last(&same, 1, &[(201, "{}")]),
        all,
        "it stands there already"
    );
    let none = (200, r#"{"transitions":[]}"#);
    assert_eq!(last(&old, 1, &[(201, "{}"), none]), all, "someone moved it");
    assert_eq!(
        last(&old, 1, &[(404, "")]),
        "fail: answered 404",
        "it is gone"
    );
    let by_other = json!({"issue": "SEC-8", "duplicate": true});
    assert_eq!(last(&by_other, 1, &[(201, "{}")]), "send transitions");
}

#[tokio::test]
async fn splunk_gets_each_change_once_and_never_too_much() {
    let sinks = built(SPLUNK).await;
    let sink = sinks.get("it").unwrap().sink.as_ref();
    let links = links();
    let mut worked = Worked::resolved();
    let events = |step: Step| {
        let call = sent(step);
        let all = serde_json::Deserializer::from_slice(&call.body).into_iter::<Value>();
        let kinds = all.map(|event| event.unwrap()["sourcetype"].as_str().unwrap().to_owned());
        (kinds.collect::<Vec<_>>(), call.body.len())
    };
    let (kinds, _) = events(sink.start(&worked.job(&links, None)));
    assert_eq!(kinds, ["dial:finding", "dial:change", "dial:change"]);
    let first = json!({"revision": 1});
    let (kinds, _) = events(sink.start(&worked.job(&links, Some(&first))));
    assert_eq!(kinds, ["dial:change"]);
    let both = json!({"revision": 2});
    let step = sink.start(&worked.job(&links, Some(&both)));
    assert_eq!(said(&step), r#"done {"revision":2}"#);
    let one = worked.history[1].clone();
    worked.history = vec![
        Audit {
            comment: Some("é".repeat(2_000)),
            ..one
        };
        1_000
    ];
    let (kinds, bytes) = events(sink.start(&worked.job(&links, None)));
    assert!(kinds.len() > 100 && bytes <= 900 * 1024, "{bytes}");
    assert_eq!(kinds[0], "dial:finding");
}

#[tokio::test]
async fn an_alert_that_was_there_before_is_found_before_it_is_changed() {
    let sinks = built(THEHIVE).await;
    let sink = sinks.get("it").unwrap().sink.as_ref();
    let (worked, links) = (Worked::resolved(), links());
    let receipt = json!({"duplicate": true});
    let job = worked.job(&links, Some(&receipt));
    let id = &worked.stored.finding.id;
    let found = json!([{"_id": "~42", "sourceRef": id}]).to_string();
    assert_eq!(said(&sink.start(&job)), "send query");
    let change = sent(sink.resume(&job, &reply("query", 200, &found)));
    assert_eq!(
        (change.step, change.url.path()),
        ("change", "/api/v1/alert/~42")
    );
    let gone = sink.resume(&job, &reply("query", 200, "[]"));
    assert_eq!(said(&gone), "fail: TheHive has no such alert any more");
    let four = built(&format!("{THEHIVE}\nversion = 4")).await;
    assert!(!four.get("it").unwrap().sink.updates());
}

#[tokio::test]
async fn amazon_gets_signed_requests() {
    let anonymous = OPENSEARCH.replace("user = 'dial'\n", "");
    let anonymous = anonymous.replace("password = 'env:TOKEN'", "");
    for (aws, service) in [
        ("{ region = 'eu-west-1', service = 'es' }", "es"),
        ("{ region = 'eu-west-1', service = 'aoss' }", "aoss"),
    ] {
        let sinks = built(&format!("{anonymous}aws = {aws}")).await;
        let sink = sinks.get("it").unwrap().sink.as_ref();
        let (finding, links) = (samples::benign(), links());
        let call = sent(sink.start(&job(&finding, &links)));
        let Via::Signed(signing) = &call.via else {
            panic!("not signed");
        };
        assert_eq!(
            (signing.service, signing.region.as_str()),
            (service, "eu-west-1")
        );
        assert!(!call.headers.contains_key("authorization"));
        body: body.to_string().into_bytes(),
    }
}

/// Every request of a conversation in which all goes well, and the receipt at its end.
async fn conversation(
    settings: &str,
    receipt: &Value,
    answers: &[(&'static str, u16, Value)],
) -> String {
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
async fn thehive_changes_its_alert_and_gets_the_history() {
    let settings = format!("{THEHIVE}\nstatuses = {{ snoozed = 'Ignored' }}");
    let receipt = json!({"alert": "~1/2?x", "told": 1});
    let answers = [
        ("patch", 204, Value::Null),
        ("comment", 201, json!({"_id": "~9"})),
    ];
    insta::assert_snapshot!(conversation(&settings, &receipt, &answers).await);
}

#[tokio::test]
async fn thehive_is_asked_for_an_alert_whose_id_is_not_known() {
    let id = samples::benign().id;
    let receipt = json!({"duplicate": true});
    let answers = [
        ("find", 200, json!([{"_id": "~42", "sourceRef": id}])),
        ("patch", 200, json!({})),
    ];
    let told = conversation(THEHIVE, &receipt, &answers).await;
    assert!(
        told.contains("PATCH https://hive.example.org/api/v1/alert/~42"),
        "{told}"
    );
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
    let cases: [(&str, Value, Option<(&'static str, u16, Value)>, &str); 5] = [
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
        (
            THEHIVE,
            json!({"alert": "~1"}),
            Some(("patch", 404, json!({"type": "NotFoundError"}))),
            "answered 404",
        ),
        (
            THEHIVE,
            Value::Null,
            Some(("find", 200, json!([]))),
            "has no alert",
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

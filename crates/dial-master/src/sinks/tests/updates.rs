//! What the sinks that show changes send when people work on a finding.

use super::answers::said;
use super::{JIRA, OPENSEARCH, PAGERDUTY, SPLUNK, THEHIVE, built, job, links, sent, shown};
use crate::message::samples::{self, untouched};
use crate::sinks::{Job, Reply, Sink, Step, Via};
use dial_core::store::triage::Triage;
use dial_core::store::{Audit, Status, Stored};
use serde_json::{Value, json};

/// A finding that was acknowledged by one and then brought to a status by another, with words.
pub(super) struct Worked {
    stored: Stored,
    history: Vec<Audit>,
}

impl Worked {
    pub(super) fn to(status: Status, action: &str, comment: &str) -> Self {
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

    pub(super) fn resolved() -> Self {
        Self::to(Status::Resolved, "resolved", "policy removed")
    }

    /// The errand, with what the sink answered before.
    pub(super) fn job<'a>(
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
    }
}

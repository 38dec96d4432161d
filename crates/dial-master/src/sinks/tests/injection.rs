//! Hostile text through every sink of the registry, in every field and every kind of message.
//!
//! Each kind has a judge of what it sends. A kind of [`SINKS`] without one fails the test.

use super::aws::{BUS, FIFO, FILE, HUB, LAKE, SNS, form};
use super::{
    BOT, GOOGLE_CHAT, JIRA, OPENSEARCH, PAGERDUTY, SIGNED, SPLUNK, TEAMS, THEHIVE, WEBHOOK, built,
    job, links,
};
use crate::message::hostile::{check_markdown, is_one_line};
use crate::message::hostile_documents::{
    check_adf, check_card, check_chat, check_ecs, check_payload,
};
use crate::message::injection::strings;
use crate::message::limits::{self, is_our_url};
use crate::message::samples::{FIELDS, benign, filled, untouched};
use crate::routing::digest::Digest;
use crate::sinks::{Call, GroupState, Job, Reply, SINKS, Sink, Step};
use dial_core::Finding;
use dial_core::store::group::Before;
use dial_core::store::triage::Triage;
use dial_core::store::{Audit, Status, Stored};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) type Checked = Result<(), String>;

/// A kind of sink: some settings of it, what it says when all is well, and who judges it.
struct Judged {
    kind: &'static str,
    settings: &'static [&'static str],
    judge: fn(&Call) -> Checked,
}

const JUDGES: [Judged; 13] = [
    judged("eventbridge", &[BUS], data),
    judged("google_chat", &[GOOGLE_CHAT], google_chat),
    judged("jira", &[JIRA], jira),
    judged("ocsf", &[LAKE, FILE], data),
    judged("opensearch", &[OPENSEARCH], opensearch),
    judged("pagerduty", &[PAGERDUTY], pagerduty),
    judged("securityhub", &[HUB], data),
    judged("slack", &[WEBHOOK, BOT], slack),
    judged("sns", &[SNS, FIFO], sns),
    judged("splunk", &[SPLUNK], data),
    judged("teams", &[TEAMS], teams),
    judged("thehive", &[THEHIVE], thehive),
    judged("webhook", &[SIGNED], data),
];

const fn judged(
    kind: &'static str,
    settings: &'static [&'static str],
    judge: fn(&Call) -> Checked,
) -> Judged {
    Judged {
        kind,
        settings,
        judge,
    }
}

fn body(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap_or_default()
}

/// For machines: JSON that nothing breaks out of, one value a line.
fn data(call: &Call) -> Checked {
    if call.body.iter().any(|byte| *byte < 0x20 && *byte != b'\n') {
        return Err("a control character is in the body".into());
    }
    let text = std::str::from_utf8(&call.body).map_err(|e| e.to_string())?;
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let values: Result<Vec<Value>, _> = values.collect();
    let values = values.map_err(|error| format!("no JSON: {error}"))?;
    let lines = text.lines().count();
    if lines > 1 && lines != values.len() {
        return Err(format!("{lines} lines, {} values", values.len()));
    }
    Ok(())
}

fn opensearch(call: &Call) -> Checked {
    data(call)?;
    let text = std::str::from_utf8(&call.body).map_err(|e| e.to_string())?;
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_default())
        .collect();
    match lines.as_slice() {
        [action, document] if action["create"].is_object() => check_ecs(document),
        [action, change] if action["update"].is_object() => check_ecs(&change["upsert"]),
        _ => Err(format!("{} lines", lines.len())),
    }
}

pub(super) fn slack(call: &Call) -> Checked {
    if call.body.is_empty() {
        return Ok(());
    }
    let mut message = body(call);
    let blocks = message["blocks"].as_array_mut().into_iter().flatten();
    let plain = blocks.filter(|block| block["text"]["type"] == "plain_text");
    for text in plain.filter_map(|block| block.pointer_mut("/text/text")) {
        let shown = text.as_str().unwrap_or_default().to_owned();
        let list = shown.contains('\n');
        if let Some(line) = shown.lines().find(|line| list && !is_our_line(line)) {
            return Err(format!("line {line}"));
        }
        // The limits know text of one line.
        *text = shown.replace('\n', " ").into();
    }
    limits::message(&message)
}

/// Lists in one text: our word, our mark or a count begins each line.
fn is_our_line(line: &str) -> bool {
    let word = |text: &str| text.chars().all(|c| c.is_ascii_alphabetic());
    let label = line.split_once(": ").is_some_and(|(label, _)| word(label));
    let counted = line
        .split_once(" × ")
        .is_some_and(|(count, _)| count.parse::<u32>().is_ok());
    let marked = line.starts_with(['🔴', '🟠', '🟡', '🔵', '⚪', '✅', '💤']);
    let time = line.starts_with("2026-") || line.ends_with(" findings in one message");
    is_one_line(line) && (label || counted || marked || time || line == "The worst" || word(line))
}

fn teams(call: &Call) -> Checked {
    let message = body(call);
    match message["attachments"].as_array().map(Vec::as_slice) {
        Some([one]) => check_card(&one["content"]),
        _ => Err("not one attachment".into()),
    }
}

fn google_chat(call: &Call) -> Checked {
    check_chat(&body(call))
}

fn jira(call: &Call) -> Checked {
    let body = body(call);
    if call.step == "search" {
        let jql = body["jql"].as_str().unwrap_or_default();
        let (_, label) = jql.rsplit_once(" AND labels = ").unwrap_or_default();
        let clean = |c: char| c.is_ascii_alphanumeric() || "\"-".contains(c);
        let fits = jql.starts_with("project = \"SEC\" AND") && label.chars().all(clean);
        return if fits { Ok(()) } else { Err(jql.into()) };
    }
    if call.step == "comment" {
        return check_adf(&body["body"]);
    }
    if call.step != "create" {
        return Ok(());
    }
    let fields = &body["fields"];
    let texts = fields["labels"].as_array().into_iter().flatten();
    let texts: Vec<&str> = texts.filter_map(Value::as_str).collect();
    let bad = |label: &&&str| label.contains(char::is_whitespace) || label.chars().count() > 255;
    if let Some(label) = texts.iter().find(bad) {
        return Err(format!("label {label}"));
    }
    let summary = fields["summary"].as_str().unwrap_or_default();
    if !is_one_line(summary) || !(1..=255).contains(&summary.chars().count()) {
        return Err(format!("summary {summary}"));
    }
    check_adf(&fields["description"])
}

fn pagerduty(call: &Call) -> Checked {
    let event = body(call);
    if event["event_action"] != "trigger" {
        return Ok(());
    }
    let links = event["links"].as_array().into_iter().flatten();
    let ours = |link: &Value| link["href"].as_str().is_some_and(is_our_url);
    if !links.clone().all(ours) {
        return Err(format!("{}", event["links"]));
    }
    check_payload(&event["payload"])
}

/// E-mail: our word begins each line, and only our own lines hold an address.
fn sns(call: &Call) -> Checked {
    let fields = form(call);
    let of = |name: &str| {
        let found = fields.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let subject = of("Subject");
    let visible = |b: u8| (0x20..0x7f).contains(&b);
    if !(1..=99).contains(&subject.len()) || !subject.bytes().all(visible) {
        return Err(format!("subject {subject}"));
    }
    let message = of("Message");
    if message.starts_with('{') {
        let value: Result<Value, _> = serde_json::from_str(message);
        return value.map(drop).map_err(|error| error.to_string());
    }
    for (number, line) in message.lines().enumerate() {
        let (label, value) = line.split_once(": ").unwrap_or_default();
        let word = |c: char| c.is_ascii_alphabetic() || c == ' ';
        let known = number < 2 || (!label.is_empty() && label.chars().all(word));
        let low = line.to_ascii_lowercase();
        let live = ["://", "www.", "mailto:"].iter().any(|w| low.contains(w));
        if !known || !is_one_line(line) || (live && !is_our_url(value)) {
            return Err(format!("line {number}: {line}"));
        }
    }
    Ok(())
}

fn thehive(call: &Call) -> Checked {
    let alert = body(call);
    let tags = ["tags", "addTags", "removeTags"].map(|key| alert[key].as_array());
    let tags = tags.into_iter().flatten().flatten();
    for text in tags.chain(&[alert["title"].clone()]) {
        let text = text.as_str().unwrap_or_default();
        if text.contains(['<', '>', '`']) || !is_one_line(text) {
            return Err(format!("title or tag {text}"));
        }
    }
    let observables = alert["observables"].as_array().into_iter().flatten();
    for seen in observables {
        let data = seen["data"].as_str().unwrap_or_default();
        if data.is_empty() || !is_one_line(data) {
            return Err(format!("observable {data}"));
        }
    }
    alert["description"].as_str().map_or(Ok(()), check_markdown)
}

/// What each service says when all is well.
pub(super) fn well(call: &Call) -> Reply {
    let (status, body) = match call.step {
        "search" => (200, json!({"issues": []})),
        "create" => (201, json!({"key": "SEC-1", "_id": "~1"})),
        "comment" => (201, json!({})),
        "transitions" => (200, json!({"transitions": []})),
        "trigger" => (202, json!({})),
        _ => (200, json!({"ok": true, "channel": "C1", "ts": "1.2"})),
    };
    Reply {
        step: call.step,
        status,
        retry_after: None,
        body: body.to_string().into_bytes(),
    }
}

/// Every request of a conversation that goes well.
fn said(sink: &dyn Sink, job: &Job<'_>) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut step = sink.start(job);
    while let Step::Send(call) = step {
        assert!(calls.len() < 9, "a conversation without end");
        step = sink.resume(job, &well(&call));
        calls.push(call);
    }
    calls
}

/// A finding that somebody with a hostile name closed with hostile words.
fn closed(finding: &Finding, text: &str) -> (Stored, Vec<Audit>) {
    let triage = Triage {
        status: Status::Resolved,
        assignee: Some(text.to_owned()),
        snoozed_until: None,
        revision: 1,
    };
    let line = Audit {
        at: "2026-05-01T11:00:00Z".parse().unwrap(),
        who: text.to_owned(),
        door: text.to_owned(),
        action: "resolved".into(),
        before: None,
        after: Some(triage.clone()),
        comment: Some(text.to_owned()),
    };
    let stored = Stored {
        triage,
        ..untouched(finding)
    };
    (stored, vec![line])
}

/// Everything that a sink may be told about a hostile finding.
fn judge_all(sink: &dyn Sink, judge: fn(&Call) -> Checked, text: &str, turn: usize) -> Checked {
    let links = links();
    let mut one = benign();
    let (_, fill) = FIELDS[turn % FIELDS.len()];
    fill(&mut one, text);
    let all = filled(text);
    let digest = Digest::of(&[&all, &benign()]).unwrap();
    let (after, history) = closed(&all, text);
    let receipt = json!({"channel": "C1", "ts": "1.1", "alert": "~1", "issue": "SEC-1"});
    let group = GroupState {
        repeats: 3,
        repeated_at: Some(all.time),
        first: None,
        before: Some(Before {
            findings: 14,
            since: all.time,
        }),
    };
    let repeat = GroupState {
        first: Some(receipt.clone()),
        ..GroupState::default()
    };
    let untouched = untouched(&all);
    let first = Job::first(&untouched, &links);
    let one = crate::message::samples::untouched(&one);
    let mut jobs = vec![Job::first(&one, &links), first];
    if sink.updates() || sink.tells_closed() {
        jobs.push(Job {
            finding: &after.finding,
            stored: &after,
            history: &history,
            receipt: Some(&receipt),
            group: Some(&group),
            ..first
        });
    }
    if sink.digests() {
        jobs.push(Job {
            digest: Some(&digest),
            ..first
        });
    }
    if sink.threads() {
        jobs.push(Job {
            group: Some(&repeat),
            ..first
        });
    }
    let mut calls = jobs.iter().flat_map(|job| said(sink, job));
    calls.try_for_each(|call| judge(&call).map_err(|why| format!("{}: {why}", call.step)))
}

#[tokio::test]
async fn nothing_comes_alive_at_any_sink() {
    let judges: BTreeSet<&str> = JUDGES.iter().map(|judged| judged.kind).collect();
    let kinds: BTreeSet<&str> = SINKS.iter().map(|kind| kind.name).collect();
    assert_eq!(judges, kinds, "every kind of sink has a judge here");
    let strings = strings();
    let mut alive = Vec::new();
    for judged in JUDGES {
        for settings in judged.settings {
            let sinks = built(settings).await;
            let sink = &*sinks.get("it").unwrap().sink;
            for (turn, text) in strings.iter().enumerate() {
                let shown: String = text.chars().take(60).collect();
                let checked = judge_all(sink, judged.judge, text, turn);
                alive.extend(checked.err().map(|why| (judged.kind, shown, why)));
            }
        }
    }
    assert!(alive.is_empty(), "{alive:#?}");
}

/// A judge that lets everything pass would say nothing.
#[tokio::test]
async fn every_judge_finds_what_it_looks_for() {
    let finding = benign();
    let links = links();
    for judged in JUDGES {
        for settings in judged.settings {
            let sinks = built(settings).await;
            let calls = said(&*sinks.get("it").unwrap().sink, &job(&finding, &links));
            let mut call = calls.into_iter().next_back().unwrap();
            assert_eq!((judged.judge)(&call), Ok(()), "{}", judged.kind);
            let text = String::from_utf8(call.body.clone()).unwrap();
            // As a renderer would leave it that neither escapes nor folds.
            let evil = match judged.kind {
                "slack" | "google_chat" => text.replacen("lets anyone in", "<!channel>", 9),
                "teams" => text.replacen("lets anyone in", "{{DATE(0)}}", 9),
                "jira" | "pagerduty" => text.replacen("lets anyone in", "a\\nSTATUS: b", 9),
                "thehive" => text.replacen("lets anyone in", "`<b>", 9),
                "sns" => text
                    .replace("lets+anyone+in", "%0ASTATUS:+b")
                    .replace('{', "%7B"),
                _ => text.replacen("lets anyone in", "\"\n", 1),
            };
            let alive = evil != text;
            call.body = evil.into_bytes();
            if alive {
                assert!((judged.judge)(&call).is_err(), "{}", judged.kind);
            } else {
                assert_eq!(judged.kind, "eventbridge", "nothing was changed: {text}");
            }
        }
    }
}

/// Names and words of people and services that are logged stay on their line.
#[test]
fn no_string_forges_a_line_of_the_log() {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);
    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let kept = Kept::default();
    let out = kept.clone();
    let subscriber = crate::logging::lines(
        move || out.clone(),
        tracing_subscriber::EnvFilter::new("info"),
    );
    let strings = strings();
    tracing::subscriber::with_default(subscriber, || {
        for text in &strings {
            tracing::info!(reason = text.as_str(), error = %text, "delivery failed");
        }
    });
    let bytes = kept.0.lock().unwrap().clone();
    let text = String::from_utf8(bytes).unwrap();
    let control = |c: char| c < ' ' && c != '\n';
    assert!(!text.contains(control));
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), strings.len());
    for (line, text) in lines.iter().zip(&strings) {
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "delivery failed");
        assert_eq!(line["reason"], text.as_str());
    }
}

//! What the sinks of other services send, and what their answers mean.

use super::answers::{STATUSES, answered};
use super::{
    GOOGLE_CHAT, JIRA, Known, OPENSEARCH, PAGERDUTY, SPLUNK, TEAMS, THEHIVE, built, job, links,
    sent, settings, shown,
};
use crate::message::samples;
use crate::sinks::guard::Guard;
use crate::sinks::{Reply, Sinks, Step};
use serde_json::{Value, json};
use std::fmt::Write as _;

const THEHIVE_4: &str =
    "type = 'thehive'\nurl = 'https://hive.example.org/'\napi_key = 'env:TOKEN'\nversion = 4";
const ALL: [(&str, &str); 7] = [
    ("google_chat", GOOGLE_CHAT),
    ("jira", JIRA),
    ("opensearch", OPENSEARCH),
    ("pagerduty", PAGERDUTY),
    ("splunk", SPLUNK),
    ("teams", TEAMS),
    ("thehive_4", THEHIVE_4),
];

fn reply(step: &'static str, status: u16, body: &Value) -> Reply {
    Reply {
        step,
        status,
        retry_after: None,
        body: body.to_string().into_bytes(),
    }
}

#[tokio::test]
async fn the_first_requests_are_these() {
    let findings = [
        ("benign", samples::benign()),
        ("hostile", samples::hostile(1)),
    ];
    for (name, settings) in ALL {
        let sinks = built(settings).await;
        for (kind, finding) in &findings {
            let links = links();
            let call = sent(sinks.get("it").unwrap().sink.start(&job(finding, &links)));
            insta::assert_snapshot!(format!("{name}_{kind}"), shown(&call));
        }
    }
}

/// Answers of every service beyond the plain statuses: (sink, step, status, body).
fn conversations() -> Vec<(&'static str, &'static str, u16, String)> {
    let item = |action: &str, status: u16, error: Value| {
        json!({"errors": status > 299, "items": [{action: {"_id": "f", "status": status, "error": error}}]})
            .to_string()
    };
    let error = |kind: &str| json!({"type": kind, "reason": "r"});
    let mut all = vec![
        ("google_chat", "post", 200, r#"{"name":"spaces/AAAA/messages/1.1"}"#.to_owned()),
        ("google_chat", "post", 400, r#"{"error":{"code":400,"status":"INVALID_ARGUMENT"}}"#.to_owned()),
        ("jira", "search", 200, r#"{"issues":[],"isLast":true}"#.to_owned()),
        ("jira", "search", 200, r#"{"issues":[{"id":"1","key":"SEC-7"}],"isLast":true}"#.to_owned()),
        ("jira", "search", 200, "<html>".to_owned()),
        ("jira", "search", 400, r#"{"errorMessages":["The value 'SEC' does not exist for the field 'project'."],"errors":{}}"#.to_owned()),
        ("jira", "create", 201, r#"{"id":"1","key":"SEC-8","self":"https://x"}"#.to_owned()),
        ("jira", "create", 400, r#"{"errorMessages":[],"errors":{"priority":"Priority name 'P1' is not valid"}}"#.to_owned()),
        ("opensearch", "create", 200, item("create", 201, Value::Null)),
        ("opensearch", "create", 200, item("create", 409, error("version_conflict_engine_exception"))),
        ("opensearch", "create", 200, item("create", 429, error("es_rejected_execution_exception"))),
        ("opensearch", "create", 200, item("create", 400, error("mapper_parsing_exception"))),
        ("opensearch", "create", 200, item("create", 503, error("unavailable_shards_exception"))),
        ("opensearch", "create", 200, r#"{"errors":false,"items":[]}"#.to_owned()),
        ("opensearch", "create", 404, r#"{"error":{"type":"index_not_found_exception"},"status":404}"#.to_owned()),
        ("pagerduty", "trigger", 202, r#"{"status":"success","message":"Event processed","dedup_key":"f"}"#.to_owned()),
        ("pagerduty", "trigger", 400, r#"{"status":"invalid event","message":"Event object is invalid","errors":["'routing_key' is invalid"]}"#.to_owned()),
        ("splunk", "event", 200, r#"{"text":"Success","code":0}"#.to_owned()),
        ("splunk", "event", 200, r#"{"text":"Success","code":0,"ackId":3}"#.to_owned()),
        ("splunk", "event", 200, "<html>".to_owned()),
        ("splunk", "event", 400, r#"{"text":"Invalid data format","code":6,"invalid-event-number":0}"#.to_owned()),
    ];
    let codes = [
        (403, 1),
        (401, 2),
        (401, 3),
        (403, 4),
        (400, 5),
        (400, 6),
        (400, 7),
        (500, 8),
        (503, 9),
        (400, 10),
        (400, 11),
        (400, 12),
        (400, 13),
        (400, 14),
        (400, 15),
        (400, 16),
        (429, 26),
    ];
    all.extend(codes.map(|(status, code)| {
        let body = json!({"text": "t", "code": code}).to_string();
        ("splunk", "event", status, body)
    }));
    for step in ["ack 1", "ack 3"] {
        for body in [
            r#"{"acks":{"3":true}}"#,
            r#"{"acks":{"3":false}}"#,
            r#"{"acks":{}}"#,
            "?",
        ] {
            all.push(("splunk", step, 200, body.to_owned()));
        }
    }
    all.push((
        "splunk",
        "ack 1",
        400,
        r#"{"text":"ACK is disabled","code":14}"#.to_owned(),
    ));
    all.push(("teams", "post", 200, "<html>sign in".to_owned()));
    all.push(("teams", "post", 202, String::new()));
    all.push((
        "thehive_4",
        "create",
        201,
        r#"{"_id":"~41","id":"~41"}"#.to_owned(),
    ));
    all
}

#[tokio::test]
async fn every_answer_is_understood() {
    for (name, settings) in ALL {
        let sinks = built(settings).await;
        let sink = sinks.get("it").unwrap().sink.as_ref();
        let finding = samples::benign();
        let step = sent(sink.start(&job(&finding, &links()))).step;
        let mut text = String::new();
        let named = conversations().into_iter().filter(|(of, ..)| *of == name);
        let plain = STATUSES.map(|(status, body)| (name, step, status, body.to_owned()));
        for (_, step, status, body) in named.chain(plain) {
            let said = answered(sink, step, status, &body);
            let _ = writeln!(text, "{step} {status} {body} → {said}");
        }
        insta::assert_snapshot!(format!("{name}_answers"), text);
    }
}

#[tokio::test]
async fn jira_makes_an_issue_where_the_search_finds_none() {
    let sinks = built(JIRA).await;
    for (kind, finding) in [
        ("benign", samples::benign()),
        ("hostile", samples::hostile(400)),
    ] {
        let links = links();
        let none = reply("search", 200, &json!({"issues": []}));
        let step = sinks
            .get("it")
            .unwrap()
            .sink
            .resume(&job(&finding, &links), &none);
        let call = sent(step);
        let issue: Value = serde_json::from_slice(&call.body).unwrap();
        let summary = issue["fields"]["summary"].as_str().unwrap();
        assert!((1..=255).contains(&summary.chars().count()), "{summary}");
        for label in issue["fields"]["labels"].as_array().unwrap() {
            let label = label.as_str().unwrap();
            assert!((1..=255).contains(&label.chars().count()), "{label}");
            assert!(!label.contains(char::is_whitespace), "{label}");
        }
        assert!(issue["fields"]["description"].to_string().len() <= 32_767);
        if kind == "benign" {
            insta::assert_snapshot!("jira_create", shown(&call));
        }
    }
}

#[tokio::test]
async fn splunk_asks_for_the_acknowledgement_on_the_same_channel() {
    let sinks = built(&format!("{SPLUNK}\nack = true")).await;
    let sink = sinks.get("it").unwrap().sink.as_ref();
    let (finding, links) = (samples::benign(), links());
    let job = job(&finding, &links);
    let first = sent(sink.start(&job));
    let taken = reply(
        "event",
        200,
        &json!({"text": "Success", "code": 0, "ackId": 3}),
    );
    let asked = sent(sink.resume(&job, &taken));
    let channel = |call: &crate::sinks::Call| call.headers["x-splunk-request-channel"].clone();
    assert_eq!(channel(&first), channel(&asked));
    assert!(first.wait.is_zero() && !asked.wait.is_zero());
    insta::assert_snapshot!("splunk_ack", shown(&asked));
    let not_yet = reply("ack 1", 200, &json!({"acks": {"3": false}}));
    let again = sent(sink.resume(&job, &not_yet));
    assert_eq!((again.step, &again.body), ("ack 2", &asked.body));
    let silent = reply("event", 200, &json!({"text": "Success", "code": 0}));
    let Step::Fail(reason) = sink.resume(&job, &silent) else {
        panic!("a token without acknowledgement confirms nothing");
    };
    assert!(reason.contains("remove `ack`"), "{reason}");
}

#[tokio::test]
async fn what_is_wrong_with_settings_is_said() {
    let cases = [
        ("pagerduty", format!("{PAGERDUTY}\nrouting = 1")),
        ("short key", PAGERDUTY.replace("ROUTE", "TOKEN")),
        (
            "plain http",
            format!("{PAGERDUTY}\napi_url = 'http://events.example.org'"),
        ),
        ("index", SPLUNK.replace("'aws'", "'AWS main'")),
        ("sourcetype", format!("{SPLUNK}\nsourcetype = 'a b'")),
        ("two lines", SPLUNK.replace("TOKEN", "BROKEN")),
        ("index", OPENSEARCH.replace("dial-findings", "_dial/x")),
        (
            "no password",
            OPENSEARCH.replace("password = 'env:TOKEN'", ""),
        ),
        ("no user", OPENSEARCH.replace("user = 'dial'", "")),
        ("both", format!("{OPENSEARCH}\napi_key = 'env:TOKEN'")),
        ("colon", OPENSEARCH.replace("'dial'", "'a:b'")),
        ("project", JIRA.replace("'SEC'", "'sec\" OR \"'")),
        ("email", JIRA.replace("bot@", "bot")),
        ("labels", JIRA.replace("'aws'", "'a b', ''")),
        ("priorities", JIRA.replace("critical =", "urgent =")),
        ("no url", TEAMS.replace("FLOW", "TOKEN")),
        ("inside", TEAMS.replace("FLOW", "INSIDE")),
        ("other webhook", GOOGLE_CHAT.replace("SPACE", "HOOK")),
        ("version", format!("{THEHIVE}\nversion = 3")),
        (
            "statuses of 4",
            format!("{THEHIVE_4}\nstatuses = {{ resolvd = 'Closed' }}"),
        ),
        (
            "transitions",
            format!("{JIRA}\ntransitions = {{ closed = 'Done' }}"),
        ),
        (
            "both",
            format!("{OPENSEARCH}\naws = {{ region = 'eu-west-1', service = 'es' }}"),
        ),
        (
            "region",
            format!("{OPENSEARCH}\naws = {{ regon = 'eu-west-1' }}"),
        ),
    ];
    let mut text = String::new();
    for (case, toml) in cases {
        let settings = settings("it", &toml);
        let problems = Sinks::build(&settings, &Known, Guard::Public)
            .await
            .unwrap_err();
        let _ = writeln!(text, "{case}");
        for (path, message) in &problems {
            let _ = writeln!(text, "  {path}: {message}");
        }
    }
    insta::assert_snapshot!(text);
}

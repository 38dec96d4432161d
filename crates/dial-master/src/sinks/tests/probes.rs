//! What each sink can tell of itself without sending anything.

use super::{
    BOT, GOOGLE_CHAT, JIRA, OPENSEARCH, PAGERDUTY, SIGNED, SPLUNK, TEAMS, THEHIVE, WEBHOOK, built,
    shown,
};
use crate::sinks::{Probe, Reply};
use std::fmt::Write as _;

fn told(probe: &Probe) -> String {
    match probe {
        Probe::Ask(call) => format!("ask {}", call.step),
        Probe::Known(health) => format!("{:?}: {}", health.state, health.note),
    }
}

#[tokio::test]
async fn nothing_that_is_asked_changes_anything() {
    let all = [
        ("google_chat", GOOGLE_CHAT),
        ("jira", JIRA),
        ("opensearch", OPENSEARCH),
        ("pagerduty", PAGERDUTY),
        ("slack_bot", BOT),
        ("slack_webhook", WEBHOOK),
        ("splunk", SPLUNK),
        ("teams", TEAMS),
        ("thehive", THEHIVE),
        ("webhook", SIGNED),
    ];
    let mut text = String::new();
    for (name, settings) in all {
        let sinks = built(settings).await;
        let probe = sinks.get("it").unwrap().sink.probe();
        let said = match &probe {
            Probe::Ask(call) => shown(call),
            known @ Probe::Known(_) => told(known),
        };
        let _ = writeln!(text, "== {name}\n{said}");
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn answers_tell_whether_credentials_are_good() {
    let user = r#"{"_id":"~1","login":"dial@example.org"}"#;
    let cases = [
        (
            BOT,
            "test",
            200,
            r#"{"ok":true,"team":"SOC","user":"dial"}"#,
        ),
        (BOT, "test", 200, r#"{"ok":false,"error":"invalid_auth"}"#),
        (BOT, "test", 200, r#"{"ok":false,"error":"ratelimited"}"#),
        (BOT, "test", 200, "<html>"),
        (THEHIVE, "user", 200, user),
        (THEHIVE, "user", 200, "<html>"),
        (THEHIVE, "user", 401, r#"{"type":"AuthenticationError"}"#),
        (
            SPLUNK,
            "health",
            200,
            r#"{"text":"HEC is healthy","code":17}"#,
        ),
        (SPLUNK, "health", 200, "<html>"),
        (
            SPLUNK,
            "health",
            503,
            r#"{"text":"HEC is unhealthy","code":18}"#,
        ),
        (SPLUNK, "token", 400, r#"{"text":"No data","code":5}"#),
        (SPLUNK, "token", 403, r#"{"text":"Invalid token","code":4}"#),
        (
            SPLUNK,
            "token",
            400,
            r#"{"text":"Data channel is missing","code":10}"#,
        ),
        (OPENSEARCH, "index", 200, ""),
        (OPENSEARCH, "index", 401, ""),
        (OPENSEARCH, "index", 403, ""),
        (OPENSEARCH, "index", 404, ""),
        (JIRA, "myself", 200, "{}"),
        (JIRA, "myself", 401, ""),
        (JIRA, "project", 200, "{}"),
        (JIRA, "project", 404, ""),
        (JIRA, "project", 503, ""),
        (JIRA, "myself", 302, ""),
    ];
    let mut text = String::new();
    for (settings, step, status, body) in cases {
        let sinks = built(settings).await;
        let configured = sinks.get("it").unwrap();
        let reply = Reply {
            step,
            status,
            retry_after: None,
            body: body.as_bytes().to_vec(),
        };
        let said = told(&configured.sink.probed(&reply));
        let _ = writeln!(text, "{} {step} {status} {body} → {said}", configured.kind);
    }
    insta::assert_snapshot!(text);
}

//! What each answer of each service means.

use super::{BOT, SIGNED, THEHIVE, WEBHOOK, built, job, links, sent, shown};
use crate::message::samples;
use crate::sinks::{Job, Reply, Sink, Step};
use dial_core::FindingId;
use dial_core::store::unanswered::Span;
use serde_json::json;
use std::fmt::Write as _;
use std::time::Duration;

/// What an answer led to, in one word and the reason or receipt.
pub(super) fn said(step: &Step) -> String {
    match step {
        Step::Send(call) => format!("send {}", call.step),
        Step::Done(None) => "done".into(),
        Step::Done(Some(receipt)) => format!("done {receipt}"),
        Step::Retry { after, reason } => {
            let after = after
                .map(|a| format!(" after {}s", a.as_secs()))
                .unwrap_or_default();
            format!("retry{after}: {reason}")
        }
        Step::Fail(reason) => format!("fail: {reason}"),
    }
}

pub(super) fn answered(sink: &dyn Sink, step: &'static str, status: u16, body: &str) -> String {
    let (finding, links) = (samples::benign(), links());
    let reply = Reply {
        step,
        status,
        retry_after: (status == 429).then(|| Duration::from_secs(30)),
        body: body.as_bytes().to_vec(),
    };
    let job = Job {
        unanswered: &[lost()],
        ..job(&finding, &links)
    };
    said(&sink.resume(&job, &reply))
}

/// When an attempt may have got through.
fn lost() -> Span {
    Span {
        from: "2026-05-01T10:04:45Z".parse().unwrap(),
        to: "2026-05-01T10:06:00Z".parse().unwrap(),
    }
}

/// Every status that the contracts name, and some that nobody should send.
pub(super) const STATUSES: [(u16, &str); 13] = [
    (200, ""),
    (204, ""),
    (301, ""),
    (400, "bad"),
    (401, ""),
    (403, ""),
    (404, ""),
    (408, ""),
    (410, ""),
    (413, ""),
    (429, ""),
    (500, "broken"),
    (503, ""),
];

#[tokio::test]
async fn a_webhook_of_slack_is_understood() {
    let sinks = built(WEBHOOK).await;
    let sink = &sinks.get("it").unwrap().sink;
    let mut text = String::new();
    let named = [
        (200, "ok"),
        (200, "<html>sign in</html>"),
        (400, "invalid_payload"),
        (403, "action_prohibited"),
        (404, "channel_not_found"),
        (410, "channel_is_archived"),
        (500, "rollup_error"),
    ];
    for (status, body) in named.into_iter().chain(STATUSES) {
        let _ = writeln!(
            text,
            "{status} {body:?} → {}",
            answered(sink.as_ref(), "post", status, body)
        );
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_post_of_the_slack_bot_is_understood() {
    let sinks = built(BOT).await;
    let sink = &sinks.get("it").unwrap().sink;
    let mut text = String::new();
    let good = r#"{"ok":true,"channel":"C0123456789","ts":"1777629604.000100","message":{}}"#;
    let errors = [
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "msg_too_long",
        "no_text",
        "invalid_auth",
        "account_inactive",
        "invalid_blocks",
        "msg_blocks_too_long",
        "rate_limited",
        "ratelimited",
        "fatal_error",
        "request_timeout",
        "<!channel>\nnew",
    ];
    let refused = errors.map(|error| (200, json!({"ok": false, "error": error}).to_string()));
    let rest = STATUSES.map(|(status, body)| (status, body.to_owned()));
    let all = [(200, good.to_owned())]
        .into_iter()
        .chain(refused)
        .chain(rest);
    for (status, body) in all {
        let _ = writeln!(
            text,
            "{status} {body} → {}",
            answered(sink.as_ref(), "post", status, &body)
        );
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn after_a_lost_attempt_the_slack_bot_looks_before_it_posts() {
    let sinks = built(BOT).await;
    let sink = &sinks.get("it").unwrap().sink;
    let (finding, links) = (samples::benign(), links());
    let again = Job {
        attempt: 2,
        unanswered: &[lost()],
        ..job(&finding, &links)
    };
    let look = sent(sink.start(&again));
    insta::assert_snapshot!("slack_bot_looks", shown(&look));
    let message = |id: &FindingId, kind: &str| {
        json!({"ok": true, "messages": [
            {"ts": "1.0", "text": "something else"},
            {"ts": "2.0", "metadata": {"event_type": kind, "event_payload": {"finding": id}}},
        ]})
        .to_string()
    };
    let other = FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
    let cases = [
        (
            "there",
            200,
            message(&finding.id, "dial_finding"),
            r#"done {"channel":"C0123456789","ts":"2.0"}"#,
        ),
        (
            "another finding",
            200,
            message(&other, "dial_finding"),
            "send post",
        ),
        (
            "another app",
            200,
            message(&finding.id, "other"),
            "send post",
        ),
        (
            "may not look",
            200,
            r#"{"ok":false,"error":"missing_scope"}"#.into(),
            "send post",
        ),
        (
            "on a later page",
            200,
            r#"{"ok":true,"messages":[],"response_metadata":{"next_cursor":"bmV4dA=="}}"#.into(),
            "send look_2",
        ),
        (
            "longer than is read of an answer",
            200,
            r#"{"ok":true,"messages":[{"ts":"1."#.into(),
            "send look_2",
        ),
        (
            "Slack stumbles",
            200,
            r#"{"ok":false,"error":"internal_error"}"#.into(),
            "retry: cannot look for the message: internal_error",
        ),
        (
            "unreadable",
            502,
            "<html>".into(),
            "retry: cannot look for the message: answered 502: <html>",
        ),
        (
            "busy",
            429,
            String::new(),
            "retry after 30s: cannot look for the message: answered 429",
        ),
    ];
    for (name, status, body, expected) in cases {
        assert_eq!(
            answered(sink.as_ref(), "look", status, &body),
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn thehive_is_understood() {
    let sinks = built(THEHIVE).await;
    let sink = &sinks.get("it").unwrap().sink;
    let id = samples::benign().id;
    let error = |kind: &str, message: &str| json!({"type": kind, "message": message}).to_string();
    let exists = format!("Alert dial:dial:{id} already exist in organisation SOC");
    let listed = |id: &str| json!([{"_id": "~42", "sourceRef": id}]).to_string();
    let cases = [
        (
            "create",
            201,
            json!({"_id": "~41", "title": "x"}).to_string(),
        ),
        ("create", 201, "not json".into()),
        ("create", 400, error("CreateError", &exists)),
        (
            "create",
            400,
            error("CreateError", "Observable already exists"),
        ),
        ("create", 400, error("BadRequest", "Invalid json")),
        (
            "create",
            400,
            error("AttributeCheckingError", "title is too long"),
        ),
        (
            "create",
            401,
            error("AuthenticationError", "Authentication failure"),
        ),
        ("create", 403, error("AuthorizationError", "no permission")),
        ("create", 404, error("NotFoundError", "no such thing")),
        ("create", 500, error("CreateError", &exists)),
        ("query", 200, listed(id.as_str())),
        ("query", 200, listed("f-other")),
        ("query", 200, "[]".into()),
        ("query", 503, String::new()),
    ];
    let mut text = String::new();
    for (step, status, body) in cases {
        let _ = writeln!(
            text,
            "{step} {status} {body} → {}",
            answered(sink.as_ref(), step, status, &body)
        );
    }
    for (status, body) in STATUSES {
        let _ = writeln!(
            text,
            "create {status} {body} → {}",
            answered(sink.as_ref(), "create", status, body)
        );
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn thehive_is_asked_for_the_alert_by_its_three_names() {
    let sinks = built(&format!("{THEHIVE}\norganisation = 'SOC'")).await;
    let (finding, links) = (samples::benign(), links());
    let reply = Reply {
        step: "create",
        status: 400,
        retry_after: None,
        body: br#"{"type":"CreateError","message":"?"}"#.to_vec(),
    };
    let call = sent(
        sinks
            .get("it")
            .unwrap()
            .sink
            .resume(&job(&finding, &links), &reply),
    );
    insta::assert_snapshot!(shown(&call));
}

#[tokio::test]
async fn a_generic_webhook_is_understood() {
    let sinks = built(SIGNED).await;
    let sink = &sinks.get("it").unwrap().sink;
    let mut text = String::new();
    for (status, body) in STATUSES {
        let _ = writeln!(
            text,
            "{status} {body:?} → {}",
            answered(sink.as_ref(), "post", status, body)
        );
    }
    insta::assert_snapshot!(text);
}

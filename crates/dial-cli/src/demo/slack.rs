//! A Slack look-alike on loopback: takes and changes messages as the Web API does, and remembers.

use super::arrivals::{Arrivals, is_bearer};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The channel that the demo's bot may post to.
pub(super) const CHANNEL: &str = "C0DIALDEMO";

/// The workspace.
#[derive(Clone)]
pub(super) struct Workspace(Arc<Inner>);

struct Inner {
    token: String,
    posted: Mutex<Vec<Value>>,
    arrivals: Arrivals,
}

impl Workspace {
    /// A workspace whose bot has this token.
    pub(super) fn new(token: &str, arrivals: Arrivals) -> Self {
        Self(Arc::new(Inner {
            token: token.to_owned(),
            posted: Mutex::new(Vec::new()),
            arrivals,
        }))
    }

    /// The part of the Web API that a bot needs.
    pub(super) fn api(&self) -> Router {
        Router::new()
            .route("/api/chat.postMessage", post(post_message))
            .route("/api/chat.update", post(update_message))
            .route("/api/conversations.history", get(history))
            .route("/api/auth.test", post(test))
            .with_state(self.clone())
    }

    fn posted(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.0.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusal(&self, headers: &HeaderMap, channel: Option<&str>) -> Option<&'static str> {
        if !is_bearer(headers, &self.0.token) {
            return Some("invalid_auth");
        }
        (channel != Some(CHANNEL)).then_some("channel_not_found")
    }
}

/// Slack reports errors with status 200 and `ok: false`.
fn not_ok(error: &str) -> Json<Value> {
    Json(json!({"ok": false, "error": error}))
}

async fn post_message(
    State(workspace): State<Workspace>,
    headers: HeaderMap,
    Json(message): Json<Value>,
) -> Json<Value> {
    if let Some(error) = workspace.refusal(&headers, message["channel"].as_str()) {
        return not_ok(error);
    }
    if message["text"].as_str().is_none_or(str::is_empty) {
        return not_ok("no_text");
    }
    if message["blocks"]
        .as_array()
        .is_some_and(|blocks| blocks.len() > 50)
    {
        return not_ok("invalid_blocks");
    }
    let mut posted = workspace.posted();
    let ts = format!("1777860000.{:06}", posted.len() + 1);
    let mut stored = message.clone();
    stored["ts"] = json!(ts);
    posted.push(stored.clone());
    drop(posted);
    if message["thread_ts"].is_null() {
        workspace.0.arrivals.note("slack", message);
    }
    Json(json!({"ok": true, "channel": CHANNEL, "ts": ts, "message": stored}))
}

/// A message changes in place when somebody triages its finding.
async fn update_message(
    State(workspace): State<Workspace>,
    headers: HeaderMap,
    Json(message): Json<Value>,
) -> Json<Value> {
    if let Some(error) = workspace.refusal(&headers, message["channel"].as_str()) {
        return not_ok(error);
    }
    let mut posted = workspace.posted();
    let Some(known) = posted.iter_mut().find(|known| known["ts"] == message["ts"]) else {
        return not_ok("message_not_found");
    };
    *known = message.clone();
    Json(json!({"ok": true, "channel": CHANNEL, "ts": message["ts"], "text": message["text"]}))
}

/// Says whose token it is.
async fn test(State(workspace): State<Workspace>, headers: HeaderMap) -> Json<Value> {
    match workspace.refusal(&headers, Some(CHANNEL)) {
        Some(error) => not_ok(error),
        None => Json(json!({"ok": true, "team": "demo", "user": "dial"})),
    }
}

async fn history(
    State(workspace): State<Workspace>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    if let Some(error) = workspace.refusal(&headers, query.get("channel").map(String::as_str)) {
        return not_ok(error);
    }
    let messages: Vec<Value> = workspace.posted().iter().rev().cloned().collect();
    Json(json!({"ok": true, "messages": messages, "has_more": false}))
}

//! `POST /slack/interactions` and `POST /slack/commands`: signed by Slack, then read, then done.

use super::access::SlackSigned;
use super::operation::Operation;
use super::problem::Problem;
use super::refusal::Refusal;
use super::{State, body, query, reply};
use crate::readers::only;
use crate::slack::SlackApp;
use crate::slack::desk::Desk;
use crate::slack::payload::{self, MAX_BODY, PayloadError};
use crate::slack::people::Stranger;
use crate::slack::verify::{SIGNATURE, TIMESTAMP};
use axum::body::Body;
use axum::extract;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dial_core::store::Query;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Slack shows an error after three seconds; the way there and back takes some of them.
const PATIENCE: Duration = Duration::from_millis(2_600);

/// Media type of what Slack sends.
const FORM: &str = "application/x-www-form-urlencoded";

pub(super) fn declared() -> [Operation; 2] {
    let interactions = Operation::post("/slack/interactions", "slackInteraction", interactions)
        .does("Slack says what somebody clicked or chose")
        .takes_bytes(FORM, "As Slack sends it.")
        .answers_as(
            200,
            super::operation::JSON,
            None,
            "What Slack is to show, or nothing.",
        );
    let commands = Operation::post("/slack/commands", "slackCommand", commands)
        .does("Slack says what somebody typed after /dial")
        .takes_bytes(FORM, "As Slack sends it.")
        .answers_as(200, super::operation::JSON, None, "What Slack is to show.");
    [interactions, commands]
}

/// A click, a choice, a dialog that was sent.
async fn interactions(
    _: SlackSigned,
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(app) = &state.parts.slack else {
        return super::Problem::no_path().into_response();
    };
    let (body, now) = match receive(&state, app, &headers, body).await {
        Ok(received) => received,
        Err(refusal) => return refused(refusal),
    };
    let interaction = match payload::interaction(&body) {
        Ok(interaction) => interaction,
        Err(error) => return malformed(&error),
    };
    let desk = desk(&state, app, now);
    finish(tokio::time::timeout(PATIENCE, desk.interaction(interaction)).await)
}

/// `/dial …`.
async fn commands(
    _: SlackSigned,
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(app) = &state.parts.slack else {
        return super::Problem::no_path().into_response();
    };
    let (body, now) = match receive(&state, app, &headers, body).await {
        Ok(received) => received,
        Err(refusal) => return refused(refusal),
    };
    let command = match payload::command(&body) {
        Ok(command) => command,
        Err(error) => return malformed(&error),
    };
    let desk = desk(&state, app, now);
    let done = async { desk.command(&command, filters).await.map(Some) };
    finish(tokio::time::timeout(PATIENCE, done).await)
}

/// The body and the time, once it is known that Slack signed it; nothing of it is read before.
async fn receive(
    state: &State,
    app: &SlackApp,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, Timestamp), Refusal> {
    let body = body::read(headers, body, MAX_BODY).await?;
    let now = state.now();
    let value = |name: &'static str| only(headers, name).ok_or(Refusal::Header(name));
    app.signing()
        .verify(value(TIMESTAMP)?, value(SIGNATURE)?, &body, now)?;
    Ok((body, now))
}

fn desk<'s>(state: &'s State, app: &'s SlackApp, now: Timestamp) -> Desk<'s> {
    Desk {
        app,
        store: &*state.parts.store,
        bucket: &*state.parts.bucket,
        wake: &state.wake,
        now,
    }
}

/// The filters of `GET /v1/findings`, which are those of a search too.
fn filters(pairs: &[(String, String)]) -> Result<Query, String> {
    match query::read(pairs) {
        Ok(request) => Ok(request.query),
        Err(problem) => Err(match problem.parameter {
            Some(name) => format!("{name}: {}", problem.detail),
            None => problem.detail,
        }),
    }
}

fn refused(refusal: Refusal) -> Response {
    crate::metrics::refused(refusal.label());
    tracing::warn!(label = refusal.label(), reason = %refusal, "slack request refused");
    refusal.into_response()
}

/// Signed by Slack, but nothing that this master understands.
fn malformed(error: &PayloadError) -> Response {
    crate::metrics::refused("shape");
    tracing::warn!(%error, "slack request cannot be read");
    Problem::bad_request(error.to_string()).into_response()
}

type Done = Result<Option<Value>, Stranger>;

fn finish(done: Result<Done, tokio::time::error::Elapsed>) -> Response {
    match done {
        Ok(Ok(Some(body))) => reply::json(StatusCode::OK, &body),
        Ok(Ok(None)) => StatusCode::OK.into_response(),
        Ok(Err(stranger)) => {
            crate::metrics::refused("foreign");
            tracing::warn!(reason = %stranger, "slack request refused");
            Problem::new(StatusCode::FORBIDDEN, stranger.to_string()).into_response()
        }
        Err(_) => {
            tracing::error!("slack request took too long");
            Problem::busy("store or slack did not answer in time").into_response()
        }
    }
}

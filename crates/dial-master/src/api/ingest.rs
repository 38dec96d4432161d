//! `POST /v1/findings`: who signed, then what it says, then durable, then the answer.

use super::access::WorkerSigned;
use super::operation::Operation;
use super::parameter::Parameter;
use super::refusal::Refusal;
use super::take::{self, Incoming};
use super::{State, body, reply};
use crate::readers::only;
use axum::body::Body;
use axum::extract;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dial_core::WorkerId;
use dial_core::signature::{Signed, verify};
use dial_core::wire::{Accepted, CONTENT_TYPE, FINDINGS_PATH, MAX_BODY, header};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;

/// Bytes on the wire above which inflating and parsing leave the async threads.
const LARGE: usize = 16 * 1024;

/// A batch that is its sender's own.
struct Received {
    worker: WorkerId,
    incoming: Incoming,
    at: Timestamp,
}

pub(super) fn declared() -> Operation {
    Operation::post(FINDINGS_PATH, "reportFindings", post)
        .does("A worker reports a batch of findings")
        .with(headers())
        .takes_bytes(
            CONTENT_TYPE,
            "`{\"worker\": WorkerInfo, \"findings\": [Finding]}` as JSON, compressed with gzip: at most \
             100 findings, 1 MiB compressed and 8 MiB inflated.",
        )
        .answers::<Accepted>(200, "All of it is durable, or rejected with the reason.")
}

/// Headers of whatever a worker signs; without one of them the answer is 401.
pub(super) fn headers() -> [Parameter; 5] {
    let text = || json!({ "type": "string" });
    [
        Parameter::header(
            header::ID,
            "Id of the request, the same when it is tried again.",
            text(),
        ),
        Parameter::header(
            header::TIMESTAMP,
            "Unix seconds, at most 300 s away.",
            text(),
        ),
        Parameter::header(
            header::WORKER,
            "`<account>/<region>` of the worker.",
            text(),
        ),
        Parameter::header(header::KEY, "`<root key number>/<not-after>`.", text()),
        Parameter::header("content-encoding", "Must be gzip.", text()),
    ]
}

async fn post(
    _: WorkerSigned,
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Received {
        worker,
        incoming,
        at,
    } = match receive(&state, &headers, body).await {
        Ok(received) => received,
        Err(refusal) => {
            note(&refusal, &headers);
            return refusal.into_response();
        }
    };
    match take::take(&state, &worker, incoming, at).await {
        Ok(accepted) => reply::json(StatusCode::OK, &accepted),
        Err(problem) => problem.into_response(),
    }
}

/// Everything up to the point where the batch is known to be its sender's own.
async fn receive(state: &State, headers: &HeaderMap, body: Body) -> Result<Received, Refusal> {
    let (worker, body, now) = authenticated(state, headers, body).await?;
    let incoming = unpack(body).await?;
    incoming.check_places(&worker, state.parts.aggregators.contains(&worker))?;
    let further = incoming.len().saturating_sub(1);
    state.limiter.charge(&worker, further, now);
    Ok(Received {
        worker,
        incoming,
        at: now,
    })
}

/// The body of a worker that is who it says and not too fast; nothing of its meaning is read.
pub(super) async fn authenticated(
    state: &State,
    headers: &HeaderMap,
    body: Body,
) -> Result<(WorkerId, Bytes, Timestamp), Refusal> {
    let body = body::read(headers, body, MAX_BODY).await?;
    // Only now: the body may have taken its time.
    let now = state.now();
    let worker = authenticate(state, headers, &body, now)?;
    state
        .limiter
        .admit(&worker, now)
        .map_err(Refusal::TooFast)?;
    if only(headers, CONTENT_ENCODING) != Some("gzip") {
        return Err(Refusal::Encoding);
    }
    Ok((worker, body, now))
}

fn authenticate(
    state: &State,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<WorkerId, Refusal> {
    let value = |name: &'static str| only(headers, name).ok_or(Refusal::Header(name));
    let signed = Signed {
        id: value(header::ID)?,
        timestamp: value(header::TIMESTAMP)?,
        signature: value(header::SIGNATURE)?,
        worker: value(header::WORKER)?,
        key: value(header::KEY)?,
    };
    Ok(verify(&signed, body, &state.parts.roots, now)?)
}

async fn unpack(body: Bytes) -> Result<Incoming, Refusal> {
    if body.len() <= LARGE {
        return Incoming::read(&body);
    }
    tokio::task::spawn_blocking(move || Incoming::read(&body))
        .await
        .unwrap_or(Err(Refusal::Shape("reading it failed".into())))
}

/// The claimed sender is logged only where it has a worker's form: no other input is.
pub(super) fn note(refusal: &Refusal, headers: &HeaderMap) {
    let claimed: Option<WorkerId> = only(headers, header::WORKER).and_then(|w| w.parse().ok());
    let worker = claimed.map(|worker| worker.to_string());
    crate::metrics::refused(refusal.label());
    tracing::warn!(worker, label = refusal.label(), reason = %refusal, "request refused");
}

//! `POST /v1/heartbeats`: signed as findings are; a worker lives and says what it runs.

use super::access::WorkerSigned;
use super::ingest;
use super::operation::Operation;
use super::refusal::Refusal;
use super::take::quote;
use super::{State, reply};
use axum::body::Body;
use axum::extract;
use axum::response::{IntoResponse, Response};
use dial_core::key::KeyId;
use dial_core::store::fleet::Fleet;
use dial_core::wire::{CONTENT_TYPE, HEARTBEATS_PATH, Heartbeat, WorkerInfo, header};
use dial_core::{WorkerId, gzip};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// Most bytes of a heartbeat, inflated.
const MAX_HEARTBEAT: usize = 16 * 1024;

/// Answer to a heartbeat.
#[derive(Debug, Serialize, JsonSchema)]
struct Heard {
    /// `<account>/<region>`.
    worker: String,
}

pub(super) fn declared() -> Operation {
    Operation::post(HEARTBEATS_PATH, "heartbeat", post)
        .does("A worker lives and says what it runs")
        .with(ingest::headers())
        .takes_bytes(
            CONTENT_TYPE,
            "A `Heartbeat` as JSON, compressed with gzip, at most 16 KiB inflated.",
        )
        .answers::<Heard>(200, "It was heard.")
}

async fn post(
    _: WorkerSigned,
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match receive(&state, &headers, body).await {
        Ok((worker, heartbeat, at)) => {
            let root_key = root_key(&headers);
            record(&state, &worker, (&heartbeat, root_key), at).await
        }
        Err(refusal) => {
            ingest::note(&refusal, &headers);
            refusal.into_response()
        }
    }
}

async fn receive(
    state: &State,
    headers: &HeaderMap,
    body: Body,
) -> Result<(WorkerId, Heartbeat, Timestamp), Refusal> {
    let (worker, body, at) = ingest::authenticated(state, headers, body).await?;
    let inflated = gzip::inflate(&body, MAX_HEARTBEAT)?;
    let claimed: Heartbeat =
        serde_json::from_slice(&inflated).map_err(|e| Refusal::Shape(quote(&e.to_string())))?;
    let WorkerInfo {
        account, region, ..
    } = &claimed.worker;
    if *account != worker.account.as_str() || *region != worker.region.as_str() {
        return Err(Refusal::Foreign {
            signer: worker,
            account: quote(account),
            region: quote(region),
        });
    }
    Ok((worker, bounded(claimed), at))
}

/// Number of the root key that the signature was verified by.
fn root_key(headers: &HeaderMap) -> Option<u32> {
    let id = headers.get(header::KEY)?.to_str().ok()?;
    Some(id.parse::<KeyId>().ok()?.root)
}

/// What is kept and shown is short, whatever was sent.
fn bounded(claimed: Heartbeat) -> Heartbeat {
    let WorkerInfo {
        account,
        region,
        version,
        rules,
    } = claimed.worker;
    Heartbeat {
        worker: WorkerInfo {
            account,
            region,
            version: quote(&version),
            rules: quote(&rules),
        },
        patterns: claimed.patterns.as_deref().map(quote),
        ..claimed
    }
}

async fn record(
    state: &State,
    worker: &WorkerId,
    (heartbeat, root_key): (&Heartbeat, Option<u32>),
    at: Timestamp,
) -> Response {
    let store = &state.parts.store;
    let before = match store.beat(worker, heartbeat, root_key, at).await {
        Ok(before) => before,
        Err(error) => return super::Problem::from(error).into_response(),
    };
    match before {
        None => tracing::info!(%worker, "worker heard for the first time"),
        Some(before) if before.silence(at) >= state.parts.silent_after => {
            let seconds = before.silence(at).as_secs();
            tracing::info!(%worker, seconds, "worker is back after silence");
        }
        Some(_) => {}
    }
    crate::metrics::heartbeat();
    let worker = worker.to_string();
    reply::json(StatusCode::OK, &Heard { worker })
}

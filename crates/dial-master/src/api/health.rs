//! `/healthz`, `/readyz` and `/metrics`.

use super::caller::Viewer;
use super::problem::Problem;
use super::{State, reply};
use crate::readers::Readers;
use crate::sinks::HealthState;
use crate::watch::Seen;
use axum::extract::{self, FromRequestParts};
use axum::response::Response;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

/// Seconds for which an answer of the store holds: strangers may ask, and must not load it.
const FRESH: i64 = 5;

/// What the store last said, and when.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Timestamp, bool)>>);

impl Readiness {
    fn known(&self, now: Timestamp) -> Option<bool> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|(at, _)| now.as_second().abs_diff(at.as_second()) < FRESH.unsigned_abs())
            .map(|(_, ready)| ready)
    }

    fn learn(&self, now: Timestamp, ready: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, ready));
    }
}

/// The process runs.
pub(super) async fn alive() -> Response {
    reply::json(StatusCode::OK, &json!({"status": "ok"}))
}

/// Requests are welcome: the store answers and the process is not about to stop.
///
/// A sink that refuses us changes nothing for those who send: it is told to readers only, for
/// a stranger must not learn that alarms go nowhere.
pub(super) async fn ready(
    extract::State(state): extract::State<Arc<State>>,
    reader: Reader,
) -> Result<Response, Problem> {
    if state.draining.load(std::sync::atomic::Ordering::Relaxed) {
        return Err(Problem::busy("shutting down"));
    }
    let now = state.now();
    let ready = match state.readiness.known(now) {
        Some(ready) => ready,
        None => ask(&state, now).await,
    };
    if !ready {
        return Err(Problem::busy("store is unavailable"));
    }
    let body = match reader {
        Reader::Stranger => json!({"status": "ready"}),
        Reader::Viewer => told(&state.watch.seen()),
    };
    Ok(reply::json(StatusCode::OK, &body))
}

fn told(sinks: &[Seen]) -> Value {
    let refuses = |seen: &Seen| seen.health.state == HealthState::Refused;
    let status = if sinks.iter().any(refuses) {
        "degraded"
    } else {
        "ready"
    };
    json!({"status": status, "sinks": sinks})
}

/// Who asks whether we are ready; nobody has to say.
pub(super) enum Reader {
    /// Shows no token, or none that is good.
    Stranger,
    /// May look.
    Viewer,
}

impl FromRequestParts<Arc<State>> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Infallible> {
        let open = matches!(state.parts.readers, Readers::Loopback);
        if !open && !parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self::Stranger);
        }
        let viewer = Viewer::from_request_parts(parts, state).await;
        Ok(viewer.map_or(Self::Stranger, |_| Self::Viewer))
    }
}

async fn ask(state: &State, now: Timestamp) -> bool {
    let answer = state.parts.store.ready().await;
    if let Err(error) = &answer {
        tracing::error!(%error, "store is not ready");
    }
    state.readiness.learn(now, answer.is_ok());
    answer.is_ok()
}

/// Counters in Prometheus' text format; for readers, since they tell who is watched how much.
pub(super) async fn metrics(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
) -> Response {
    match state.parts.store.counts(&state.parts.sinks).await {
        Ok(counts) => crate::metrics::outbox(&state.parts.sinks, &counts),
        // The other counters are worth having all the same.
        Err(error) => tracing::warn!(%error, "outbox rows cannot be counted"),
    }
    let handle = crate::metrics::handle();
    handle.run_upkeep();
    let text = handle.render().into_bytes();
    reply::secured(StatusCode::OK, "text/plain; version=0.0.4", text)
}

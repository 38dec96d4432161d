//! `/healthz`, `/readyz` and `/metrics`.

use super::caller::Viewer;
use super::problem::Problem;
use super::{State, reply};
use axum::extract;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;
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
pub(super) async fn ready(
    extract::State(state): extract::State<Arc<State>>,
) -> Result<Response, Problem> {
    if state.draining.load(std::sync::atomic::Ordering::Relaxed) {
        return Err(Problem::busy("shutting down"));
    }
    let now = state.now();
    let ready = match state.readiness.known(now) {
        Some(ready) => ready,
        None => ask(&state, now).await,
    };
    if ready {
        Ok(reply::json(StatusCode::OK, &json!({"status": "ready"})))
    } else {
        Err(Problem::busy("store is unavailable"))
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
pub(super) async fn metrics(_: Viewer) -> Response {
    let handle = crate::metrics::handle();
    handle.run_upkeep();
    let text = handle.render().into_bytes();
    reply::secured(StatusCode::OK, "text/plain; version=0.0.4", text)
}

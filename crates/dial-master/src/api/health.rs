//! `/healthz`, `/readyz` and `/metrics`.

use super::access::Anyone;
use super::caller::Viewer;
use super::operation::Operation;
use super::problem::Problem;
use super::{State, reply};
use crate::enduring::Defect;
use crate::readers::Readers;
use crate::sinks::HealthState;
use crate::watch::Seen;
use axum::extract::{self, FromRequestParts};
use axum::response::Response;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

/// Seconds for which an answer of the store holds: strangers may ask, and must not load it.
const FRESH: i64 = 5;
/// Media type of the counters.
const METRICS: &str = "text/plain; version=0.0.4";

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

/// How the master is.
#[derive(Debug, Serialize, JsonSchema)]
struct Standing {
    /// `ok`, `ready`, or `degraded` where a sink refuses us or something broke off in the last ten
    /// minutes.
    status: &'static str,
    /// How each sink is; for readers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    sinks: Option<Vec<Seen>>,
    /// What broke off by a defect since the start, where anything did; for readers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    defects: Option<Vec<Defect>>,
}

pub(super) fn declared() -> [Operation; 3] {
    let alive = Operation::get("/healthz", "alive", alive)
        .does("The process runs")
        .answers::<Standing>(200, "It does.");
    let ready = Operation::get("/readyz", "ready", ready)
        .does("Requests are welcome: the store answers")
        .answers::<Standing>(
            200,
            "They are; readers learn of sinks that refuse us and of what broke off.",
        )
        .fails(
            503,
            "The store does not answer, or the process is about to stop.",
        );
    let metrics = Operation::get("/metrics", "metrics", metrics)
        .does("Counters in the text format of Prometheus")
        .answers_as(200, METRICS, None, "The counters.");
    [alive, ready, metrics]
}

/// The process runs.
async fn alive(_: Anyone) -> Response {
    reply::json(StatusCode::OK, &Standing::bare("ok"))
}

/// Requests are welcome: the store answers and the process is not about to stop.
///
/// A sink that refuses us changes nothing for those who send: it is told to readers only, for
/// a stranger must not learn that alarms go nowhere.
async fn ready(
    reader: Reader,
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
    if !ready {
        return Err(Problem::busy("store is unavailable"));
    }
    let body = match reader {
        Reader::Stranger => Standing::bare("ready"),
        Reader::Viewer => told(&state),
    };
    Ok(reply::json(StatusCode::OK, &body))
}

impl Standing {
    /// What anybody may know.
    fn bare(status: &'static str) -> Self {
        Self {
            status,
            sinks: None,
            defects: None,
        }
    }
}

fn told(state: &State) -> Standing {
    let sinks = state.watch.seen();
    let refuses = |seen: &Seen| seen.health.state == HealthState::Refused;
    let status = if sinks.iter().any(refuses) || state.defects.recent() {
        "degraded"
    } else {
        "ready"
    };
    Standing {
        status,
        sinks: Some(sinks),
        defects: Some(state.defects.seen()).filter(|seen| !seen.is_empty()),
    }
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
async fn metrics(_: Viewer, extract::State(state): extract::State<Arc<State>>) -> Response {
    match state
        .parts
        .store
        .counts(&state.parts.sinks, state.now())
        .await
    {
        Ok(counts) => crate::metrics::outbox(&state.parts.sinks, &counts),
        // The other counters are worth having all the same.
        Err(error) => tracing::warn!(%error, "outbox rows cannot be counted"),
    }
    let handle = crate::metrics::handle();
    handle.run_upkeep();
    let text = handle.render().into_bytes();
    reply::secured(StatusCode::OK, METRICS, text)
}

//! `GET /v1/workers`: who was heard when, what each runs and did; the silent ones first.

use super::caller::Viewer;
use super::operation::Operation;
use super::problem::Problem;
use super::{State, reply};
use crate::fleet::{self, Health};
use axum::extract;
use axum::response::Response;
use dial_core::store::fleet::{Fleet, Member};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All workers heard or expected within 90 days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerList {
    /// Silent ones first, then by name.
    pub workers: Vec<WorkerLine>,
    /// After that many seconds without a heartbeat a worker counts as silent.
    pub silent_after_seconds: i64,
    /// The newest rules that a worker runs which is not silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_rules: Option<String>,
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerLine {
    /// How it is.
    pub health: Health,
    /// Seconds since it was heard last, or since it is expected.
    pub silent_seconds: i64,
    /// What the master knows of it.
    #[serde(flatten)]
    pub member: Member,
}

pub(super) fn declared() -> Operation {
    Operation::get("/v1/workers", "listWorkers", list)
        .does("Who was heard when, what each runs and did; the silent ones first")
        .answers::<WorkerList>(200, "The workers.")
}

async fn list(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
) -> Result<Response, Problem> {
    let now = state.now();
    let members = state.parts.store.workers(now).await?;
    let after = state.parts.silent_after;
    let newest = fleet::newest_rules(&members, after, now);
    let mut workers: Vec<WorkerLine> = members
        .iter()
        .map(|member| WorkerLine {
            health: fleet::health(member, newest.as_ref(), after, now),
            silent_seconds: member.silence(now).as_secs(),
            member: member.clone(),
        })
        .collect();
    workers.sort_by(|a, b| (a.health, &a.member.worker).cmp(&(b.health, &b.member.worker)));
    let list = WorkerList {
        workers,
        silent_after_seconds: after.as_secs(),
        newest_rules: newest.map(|newest| newest.hash.to_owned()),
    };
    Ok(reply::json(StatusCode::OK, &list))
}

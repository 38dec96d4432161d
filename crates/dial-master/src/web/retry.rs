//! Putting a failed delivery to work again.

use super::form::Posted;
use super::oops::Oops;
use super::{entry, reply};
use crate::api::State;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::FindingId;
use http::StatusCode;
use std::sync::Arc;

pub(super) async fn make(
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<(String, String)>, PathRejection>,
    Posted(visitor, fields): Posted,
) -> Result<Response, Oops> {
    let Path((id, sink)) = path.map_err(|_| Oops::unknown("delivery"))?;
    let id = FindingId::parse(&id).map_err(|_| Oops::unknown("finding"))?;
    if !state.parts.sinks.contains(&sink) {
        return Err(Oops::unknown("sink"));
    }
    let retried = state.parts.store.retry(&id, &sink, state.now()).await?;
    if !retried {
        let detail = "Only a failed delivery is tried again, and this one has not failed.";
        return Err(Oops::new(StatusCode::CONFLICT, "Not done", detail));
    }
    tracing::info!(finding = %id, sink, caller = visitor.caller.name, "delivery retried by command");
    state.wake().notify_one();
    Ok(reply::see(match fields.one("back") {
        Some(place) => entry::place(place),
        None => "/deliveries",
    }))
}

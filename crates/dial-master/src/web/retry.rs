//! Putting failed deliveries to work again: one of them, or all of a list.

use super::form::Posted;
use super::oops::Oops;
use super::visitor::Visitor;
use super::{entry, outbox, reply};
use crate::api::State;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::FindingId;
use dial_core::store::outbox::{Backlog, Place};
use dial_core::store::{Delivery, MAX_PAGE, Store, StoreError};
use futures::{StreamExt, stream};
use http::StatusCode;
use jiff::Timestamp;
use std::sync::Arc;

/// Most deliveries of one request, which has to end in time.
pub(super) const MOST: usize = 1_000;
/// Deliveries at the same time.
const TOGETHER: usize = 8;

/// One of them.
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
    if !again(&state, &visitor, &id, &sink).await? {
        let detail = "Only a failed delivery is tried again, and this one has not failed.";
        return Err(Oops::new(StatusCode::CONFLICT, "Not done", detail));
    }
    state.wake().notify_one();
    Ok(reply::see(match fields.one("back") {
        Some(place) => entry::place(place),
        None => "/deliveries",
    }))
}

/// All that failed, of one sink or of every sink of the configuration, at most [`MOST`].
pub(super) async fn all(
    extract::State(state): extract::State<Arc<State>>,
    Posted(visitor, fields): Posted,
) -> Result<Response, Oops> {
    let sink = fields.text("sink");
    let sinks: Vec<&String> = match sink {
        None => state.parts.sinks.iter().collect(),
        Some(wanted) => {
            let known = state.parts.sinks.iter().find(|sink| *sink == wanted);
            vec![known.ok_or_else(|| Oops::unknown("sink"))?]
        }
    };
    let rows = failed(&*state.parts.store, &sinks, state.now()).await?;
    let (desk, visitor) = (&state, &visitor);
    let tries = rows
        .into_iter()
        .map(|row| async move { again(desk, visitor, &row.finding, &row.sink).await });
    let results: Vec<_> = stream::iter(tries).buffered(TOGETHER).collect().await;
    let done = results.iter().filter(|result| **result == Ok(true)).count();
    if done > 0 {
        state.wake().notify_one();
    }
    let all = results
        .into_iter()
        .collect::<Result<Vec<bool>, StoreError>>()?;
    let left = all.len() - done;
    Ok(reply::see(&outbox::after(sink, done, left)))
}

/// What failed, the longest first of each sink.
async fn failed(
    store: &dyn Store,
    sinks: &[&String],
    now: Timestamp,
) -> Result<Vec<Delivery>, StoreError> {
    let mut all = Vec::new();
    for sink in sinks {
        let mut from: Option<Place> = None;
        loop {
            let page = store.backlog(sink, Backlog::Failed, from.as_ref(), now, MAX_PAGE);
            let page = page.await?;
            let whole = page.len() < MAX_PAGE;
            let before = all.len();
            // A page begins with what stands at the end of the one before.
            let behind = |row: &Delivery| from.as_ref().is_none_or(|from| Place::of(row) > *from);
            all.extend(page.into_iter().filter(behind));
            if whole || all.len() == before || all.len() >= MOST {
                break;
            }
            from = all.last().map(Place::of);
        }
    }
    all.truncate(MOST);
    Ok(all)
}

/// The one way in which a visitor has a delivery tried again; whether it had failed.
async fn again(
    state: &State,
    visitor: &Visitor,
    id: &FindingId,
    sink: &str,
) -> Result<bool, StoreError> {
    let retried = state.parts.store.retry(id, sink, state.now()).await?;
    if retried {
        let caller = &visitor.caller.name;
        tracing::info!(finding = %id, sink, caller, "delivery retried by command");
    }
    Ok(retried)
}

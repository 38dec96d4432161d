//! One change of several findings from the list.

use super::form::Posted;
use super::oops::Oops;
use super::{change, entry, reply};
use crate::api::State;
use axum::extract;
use axum::response::Response;
use dial_core::FindingId;
use dial_core::store::triage::{Change, ChangeError};
use dial_core::store::{MAX_PAGE, StoreError};
use futures::{StreamExt, stream};
use http::StatusCode;
use std::sync::Arc;

/// Changes at the same time.
const TOGETHER: usize = 8;

pub(super) async fn make(
    extract::State(state): extract::State<Arc<State>>,
    Posted(visitor, fields): Posted,
) -> Result<Response, Oops> {
    let now = state.now();
    let wrong = |detail| Oops::new(StatusCode::UNPROCESSABLE_ENTITY, "Not done", detail);
    let wanted = change::read(&fields, &visitor, now).map_err(wrong)?;
    if !is_for_several(&wanted) {
        return Err(wrong("This is not done to several at a time.".to_owned()));
    }
    let ids = fields.all("id").filter_map(|id| FindingId::parse(id).ok());
    let ids: Vec<FindingId> = ids.take(MAX_PAGE).collect();
    let request = change::request(&visitor, wanted, None, now);
    let (store, request) = (&state.parts.store, &request);
    let changes = ids
        .into_iter()
        .map(|id| async move { store.change(&id, None, request).await });
    let results: Vec<_> = stream::iter(changes).buffered(TOGETHER).collect().await;
    let (mut done, mut left) = (0, 0);
    let mut broken: Option<StoreError> = None;
    for result in results {
        match result {
            Ok(_) => done += 1,
            Err(ChangeError::Store(error)) => broken = Some(error),
            Err(_) => left += 1,
        }
    }
    if done > 0 {
        state.wake().notify_one();
    }
    if let Some(error) = broken {
        return Err(error.into());
    }
    Ok(reply::see(&back(fields.one("back"), done, left)))
}

fn is_for_several(change: &Change) -> bool {
    matches!(
        change,
        Change::Acknowledge
            | Change::Resolve
            | Change::FalsePositive
            | Change::Assign { to: Some(_) }
    )
}

/// The list that the form came from, with what became of it.
fn back(asked: Option<&str>, done: usize, left: usize) -> String {
    let place = entry::place(asked.unwrap_or_default());
    let place = if place.starts_with("/findings") {
        place
    } else {
        "/findings"
    };
    let sign = if place.contains('?') { '&' } else { '?' };
    format!("{place}{sign}done={done}&left={left}")
}

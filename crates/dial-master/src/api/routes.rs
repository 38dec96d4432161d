//! `/v1/routes`: the routing tree, and where a finding goes through it.

use super::caller::Viewer;
use super::problem::Problem;
use super::{State, reply};
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::FindingId;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The routing tree of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTree {
    /// One route a line, routes below others indented.
    pub tree: String,
}

pub(super) async fn show(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
) -> Result<Response, Problem> {
    let tree = state.parts.desk.text();
    Ok(reply::json(StatusCode::OK, &RouteTree { tree }))
}

/// Where a stored finding goes by the present configuration, silences and inhibitions.
pub(super) async fn explain(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = path.map_err(|_| Problem::bad_request("path is not UTF-8"))?;
    let id = FindingId::parse(&id).map_err(|error| Problem::bad_request(error.to_string()))?;
    let (store, now) = (&*state.parts.store, state.now());
    let Some(stored) = store.finding(&id, now).await? else {
        let detail = format!("there is no finding {id}");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    let explained = state
        .parts
        .desk
        .explain(store, &stored.finding, now)
        .await?;
    Ok(reply::json(StatusCode::OK, &explained))
}

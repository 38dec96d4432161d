//! `/v1/routes`: the routing tree, and where a finding goes through it.

use super::caller::Viewer;
use super::operation::Operation;
use super::parameter::Parameter;
use super::problem::Problem;
use super::{State, reply};
use crate::routes::Explained;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::FindingId;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The routing tree of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteTree {
    /// One route a line, routes below others indented.
    pub tree: String,
}

pub(super) fn declared() -> [Operation; 2] {
    let show = Operation::get("/v1/routes", "showRoutes", show)
        .does("The routing tree of the configuration")
        .answers::<RouteTree>(200, "The tree.");
    let explain = Operation::get("/v1/routes/{id}", "explainRoutes", explain)
        .does(
            "Where a finding goes by the present configuration, silences and inhibitions, and why",
        )
        .with([Parameter::finding()])
        .answers::<Explained>(200, "What becomes of it at each sink.")
        .fails(404, "There is no such finding.");
    [show, explain]
}

async fn show(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
) -> Result<Response, Problem> {
    let tree = state.parts.desk.text();
    Ok(reply::json(StatusCode::OK, &RouteTree { tree }))
}

/// Where a stored finding goes by the present configuration, silences and inhibitions.
async fn explain(
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

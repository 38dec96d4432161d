//! The dashboard: pages over the same store and the same changes as the API, for a browser.
//!
//! Pages are made here and work without a script; the one script only makes them quicker.

mod assets;
mod blind;
mod bulk;
mod change;
mod chart;
mod cookie;
mod entry;
mod filter;
mod finding;
mod findings;
mod fleet;
mod form;
mod frame;
mod line;
mod oops;
mod outbox;
mod overview;
mod provider;
mod related;
mod reply;
mod retry;
mod rule;
mod rules;
mod settings;
mod sign_in;
mod silences;
mod suppressed;
mod tree;
mod visitor;
mod words;

pub(crate) use oops::not_found;
pub use settings::Dashboard;

use crate::api::State;
use crate::sign_in::oidc::{BEGIN, CALLBACK};
use axum::Router;
use axum::routing::{get, post};
use std::sync::Arc;

/// Every page, below the address of the API.
pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/", get(overview::show))
        .route("/findings", get(findings::show).post(bulk::make))
        .route("/findings/{id}", get(finding::show).post(change::make))
        .route("/findings/{id}/record.json", get(finding::record))
        .route("/findings/{id}/deliveries/{sink}", post(retry::make))
        .route("/rules", get(rules::show))
        .route("/rules/{name}", get(rule::show))
        .route("/silences", get(silences::show).post(silences::make))
        .route("/silences/{id}", post(silences::end))
        .route("/workers", get(fleet::show))
        .route("/deliveries", get(outbox::show).post(retry::all))
        .route("/sign-in", get(sign_in::show).post(sign_in::make))
        .route(BEGIN, get(provider::begin))
        .route(CALLBACK, get(provider::end))
        .route("/sign-out", post(sign_in::end))
        .route("/assets/{version}/{name}", get(assets::show))
}

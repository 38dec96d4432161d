//! `GET /v1/findings` and `GET /v1/findings/{id}`.

use super::caller::Viewer;
use super::export::Form;
use super::problem::Problem;
use super::{State, export, query, reply, triage};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::FindingId;
use dial_core::finding::Finding;
use dial_core::store::triage::Triage;
use dial_core::store::{Audit, Delivery, Stored, Summary};
use http::header::ETAG;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A page of findings, newest event first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingList {
    /// The lines; never with the record.
    pub findings: Vec<Summary>,
    /// `cursor` of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One finding with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingDetail {
    /// The finding as it was accepted.
    pub finding: Finding,
    /// Where it stands.
    #[serde(flatten)]
    pub triage: Triage,
    /// When the master accepted it.
    pub received_at: Timestamp,
    /// When the store may forget it.
    pub expires_at: Timestamp,
    /// Where it was sent, by sink name.
    pub deliveries: Vec<Delivery>,
    /// What was done with it, oldest first.
    pub audit: Vec<Audit>,
}

pub(super) async fn list(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    pairs: Result<extract::Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Problem> {
    let form = Form::of(&headers)?;
    let extract::Query(pairs) =
        pairs.map_err(|_| Problem::bad_request("query string cannot be read"))?;
    let request = query::read(&pairs)?;
    let (store, now) = (&state.parts.store, state.now());
    let after = request.cursor.as_ref();
    let page = store
        .list(&request.query, after, request.limit, now)
        .await?;
    if form != Form::Json {
        return export::piece(&**store, form, page, now).await;
    }
    let list = FindingList {
        findings: page.items,
        next: page.next.map(|cursor| cursor.to_opaque()),
    };
    Ok(reply::json(StatusCode::OK, &list))
}

pub(super) async fn show(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = path.map_err(|_| Problem::bad_request("path is not UTF-8"))?;
    let id = FindingId::parse(&id).map_err(|error| Problem::bad_request(error.to_string()))?;
    let store = &state.parts.store;
    let Some(stored) = store.finding(&id, state.now()).await? else {
        let detail = format!("there is no finding {id}");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    let (deliveries, audit) = futures::try_join!(store.deliveries(&id), store.audit(&id))?;
    let tag = triage::tag(stored.triage.revision);
    let detail = FindingDetail::of(stored, deliveries, audit);
    let mut response = reply::json(StatusCode::OK, &detail);
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}

impl FindingDetail {
    /// Everything that a store knows of a finding.
    pub(crate) fn of(stored: Stored, deliveries: Vec<Delivery>, audit: Vec<Audit>) -> Self {
        let Stored {
            finding,
            triage,
            received_at,
            expires_at,
        } = stored;
        Self {
            finding,
            triage,
            received_at,
            expires_at,
            deliveries,
            audit,
        }
    }
}

//! `GET /v1/findings` and `GET /v1/findings/{id}`.

use super::caller::Viewer;
use super::export::{self, Form};
use super::operation::{JSON, Operation, schema_of};
use super::parameter::Parameter;
use super::problem::Problem;
use super::{State, query, reply, tag};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::FindingId;
use dial_core::finding::Finding;
use dial_core::store::triage::Triage;
use dial_core::store::{Audit, Delivery, Stored, Summary};
use dial_core::wire::FINDINGS_PATH;
use http::header::ETAG;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// A page of findings, newest event first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingList {
    /// The lines; never with the record.
    pub findings: Vec<Summary>,
    /// `cursor` of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One finding with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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

/// The first of a list.
const FIRST: &[(&str, &str)] = &[("id", "$response.body#/findings/0/id")];
/// The same finding, unless somebody changed it.
const AS_SEEN: &[(&str, &str)] = &[
    ("id", "$request.path.id"),
    ("if-match", "$response.header.etag"),
];
/// The same finding, unless anything about it changed.
const SAME_TEXT: &[(&str, &str)] = &[
    ("id", "$request.path.id"),
    ("if-none-match", "$response.header.etag"),
];

pub(super) fn declared() -> [Operation; 2] {
    let list = Operation::get(FINDINGS_PATH, "listFindings", list)
        .does("Findings, newest event first, a page at a time")
        .with(query::parameters())
        .answers::<FindingList>(200, "A page, in the form that `accept` likes best.")
        .answers_as(200, export::CSV, None, "")
        .answers_as(200, export::NDJSON, Some(schema_of::<Stored>), "")
        .answers_as(200, export::OCSF, None, "")
        .heads(
            200,
            export::NEXT,
            "Cursor of the next page, of forms other than JSON; absent on the last.",
        )
        .leads(200, "listFindings", &[("cursor", "$response.body#/next")])
        .leads(200, "showFinding", FIRST)
        .leads(200, "changeFinding", FIRST)
        .leads(200, "commentFinding", FIRST)
        .leads(200, "deliveriesOfFinding", FIRST)
        .leads(200, "explainRoutes", FIRST)
        .answers_empty(431, "The query string is longer than the server takes.")
        .fails(406, "None of the accepted media types can be answered.");
    let show = Operation::get("/v1/findings/{id}", "showFinding", show)
        .does("One finding with all that is known of it")
        .with([
            Parameter::finding(),
            Parameter::header(
                "if-none-match",
                "The etag of the answer before.",
                json!({ "type": "string" }),
            ),
        ])
        .answers::<FindingDetail>(200, "The finding.")
        .heads(
            200,
            "etag",
            "Names revision and text; `if-match` and `if-none-match` take it.",
        )
        .leads(200, "showFinding", SAME_TEXT)
        .leads(200, "changeFinding", AS_SEEN)
        .leads(200, "commentFinding", AS_SEEN)
        .answers_empty(304, "It is as it was when `if-none-match` was read.")
        .heads(304, "etag", "As before.")
        .fails(404, "There is no such finding.");
    [list, show]
}

async fn list(
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

async fn show(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(id) = path.map_err(|_| Problem::bad_request("path is not UTF-8"))?;
    let id = FindingId::parse(&id).map_err(|error| Problem::bad_request(error.to_string()))?;
    let store = &state.parts.store;
    let Some(stored) = store.finding(&id, state.now()).await? else {
        let detail = format!("there is no finding {id}");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    let (deliveries, audit) = futures::try_join!(store.deliveries(&id), store.audit(&id))?;
    let revision = stored.triage.revision;
    let detail = FindingDetail::of(stored, deliveries, audit);
    let text = serde_json::to_vec(&detail).map_err(|error| unwritten(&error))?;
    let tag = tag::of_text(revision, &text);
    if tag::is_known(&headers, &tag) {
        return Ok(reply::not_modified(tag));
    }
    let mut response = reply::secured(StatusCode::OK, JSON, text);
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}

fn unwritten(error: &serde_json::Error) -> Problem {
    tracing::error!(%error, "finding cannot be serialised");
    let detail = "the finding cannot be shown; the log says why";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
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

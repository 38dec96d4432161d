//! Changes of a finding from its page: the same as through every other door.

use super::form::{Fields, Posted};
use super::oops::Oops;
use super::visitor::Visitor;
use super::{finding, reply};
use crate::api::State;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::store::triage::{Actor, Change, ChangeError, Door, Request};
use dial_core::{FindingId, when};
use http::StatusCode;
use jiff::Timestamp;
use std::sync::Arc;

/// The finding that a path names.
pub(super) fn id(path: Result<Path<String>, PathRejection>) -> Result<FindingId, Oops> {
    let id = path.ok().and_then(|Path(id)| FindingId::parse(&id).ok());
    id.ok_or_else(|| Oops::unknown("finding"))
}

pub(super) async fn make(
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
    Posted(visitor, fields): Posted,
) -> Result<Response, Oops> {
    let id = id(path)?;
    let now = state.now();
    let change = match read(&fields, &visitor, now) {
        Ok(change) => change,
        Err(problem) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return finding::page(&state, &visitor, &id, status, Some(problem)).await;
        }
    };
    // A comment of its own is the change.
    let comment = match change {
        Change::Comment { .. } => None,
        _ => fields.text("comment").map(unix_lines),
    };
    let request = request(&visitor, change, comment, now);
    let seen = fields.text("revision").and_then(|text| text.parse().ok());
    match state.parts.store.change(&id, seen, &request).await {
        Ok(_) => {
            state.wake().notify_one();
            Ok(reply::see(&format!("/findings/{id}")))
        }
        Err(error) => unmade(&state, &visitor, &id, error).await,
    }
}

/// What a visitor of the dashboard asks for.
pub(super) fn request(
    visitor: &Visitor,
    change: Change,
    comment: Option<String>,
    at: Timestamp,
) -> Request {
    let by = Actor {
        who: visitor.caller.name.clone(),
        door: Door::Dashboard,
    };
    Request {
        change,
        comment,
        by,
        at,
    }
}

async fn unmade(
    state: &State,
    visitor: &Visitor,
    id: &FindingId,
    error: ChangeError,
) -> Result<Response, Oops> {
    let problem = match error {
        ChangeError::Unknown => return Err(Oops::unknown("finding")),
        ChangeError::Store(error) => return Err(error.into()),
        ChangeError::Conflict { last, .. } => {
            let who = last.map(|line| format!(" by {}", line.who));
            let who = who.unwrap_or_default();
            format!("Changed meanwhile{who}: this is how it stands now. Nothing of yours was done.")
        }
        ChangeError::Refused { reason } => format!("Not done: {reason}."),
    };
    finding::page(state, visitor, id, StatusCode::CONFLICT, Some(problem)).await
}

/// The change that a form asks for, or what is wrong with it.
pub(super) fn read(fields: &Fields, visitor: &Visitor, now: Timestamp) -> Result<Change, String> {
    match fields.one("action").unwrap_or_default() {
        "acknowledge" => Ok(Change::Acknowledge),
        "resolve" => Ok(Change::Resolve),
        "false_positive" => Ok(Change::FalsePositive),
        "reopen" => Ok(Change::Reopen),
        "take" => Ok(Change::Assign {
            to: Some(visitor.caller.name.clone()),
        }),
        "assign" => Ok(Change::Assign {
            to: fields.text("to").map(str::to_owned),
        }),
        "snooze" => {
            let until = fields.text("until").unwrap_or_default();
            let until = when::future(until, now).map_err(|error| error.to_string())?;
            Ok(Change::Snooze { until })
        }
        "comment" => {
            let text = fields.text("comment").map(unix_lines);
            let text = text.ok_or("Write something first.")?;
            Ok(Change::Comment { text })
        }
        _ => Err("The form names no change.".to_owned()),
    }
}

/// Forms end lines with CR LF.
fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

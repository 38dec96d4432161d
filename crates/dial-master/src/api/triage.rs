//! `POST /v1/findings/{id}/transitions` and `/comments`: people change where a finding stands.

use super::caller::{Analyst, Caller};
use super::operation::{Operation, PROBLEM, schema_of};
use super::parameter::Parameter;
use super::problem::Problem;
use super::refusal::Refusal;
use super::{State, body, reply, tag};
use crate::readers::only;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path};
use axum::response::{IntoResponse, Response};
use dial_core::FindingId;
use dial_core::store::Audit;
use dial_core::store::triage::{Actor, Change, ChangeError, Changed, Door, Request, Triage};
use http::header::ETAG;
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Largest body; a comment of 2,000 characters is far below.
const MAX_CHANGE: usize = 32 * 1024;
/// Header in which `dial findings` and the dashboard say that they are the door. It is not
/// proven: the token is, and both stand in the history.
pub const DOOR: &str = "dial-door";

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeMade {
    /// The finding.
    pub id: FindingId,
    /// How it stands now.
    #[serde(flatten)]
    pub triage: Triage,
    /// What its history gained.
    pub audit: Vec<Audit>,
}

/// Why a change was not made, beside what every problem document says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeProblem {
    /// The problem.
    #[serde(flatten)]
    pub problem: Problem,
    /// How the finding stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Triage>,
    /// The change that came first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Audit>,
}

/// `POST …/comments`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Words {
    /// The words.
    #[schemars(length(min = 1, max = 2_000))]
    text: String,
}

/// A change, and why.
// As the document tells of it; what reads it is `wish`.
#[derive(JsonSchema)]
#[schemars(extend("unevaluatedProperties" = false))]
#[expect(dead_code, reason = "only its schema is used")]
struct Wish {
    #[serde(flatten)]
    change: Change,
    /// Why, in the person's words.
    #[schemars(length(min = 1, max = 2_000))]
    comment: Option<String>,
}

pub(super) fn declared() -> [Operation; 2] {
    let transition = Operation::post("/v1/findings/{id}/transitions", "changeFinding", transition)
        .does("Changes where a finding stands")
        .takes::<Wish>();
    let comment = Operation::post("/v1/findings/{id}/comments", "commentFinding", comment)
        .does("Adds words to the history of a finding")
        .takes::<Words>();
    [transition, comment].map(|operation| {
        let problem = Some(schema_of::<ChangeProblem> as fn(&mut _) -> _);
        operation
            .with(parameters())
            .answers::<ChangeMade>(200, "How the finding stands now.")
            .heads(200, "etag", "Its revision.")
            .leads(200, "showFinding", &[("id", "$request.path.id")])
            .leads(200, "changeFinding", AGAIN)
            .leads(200, "commentFinding", AGAIN)
            .fails(404, "There is no such finding.")
            .answers_as(
                409,
                PROBLEM,
                problem,
                "The change does not fit where the finding stands.",
            )
            .answers_as(
                412,
                PROBLEM,
                problem,
                "The finding was changed since `if-match` was read.",
            )
    })
}

/// Once more, unless somebody else was first.
const AGAIN: &[(&str, &str)] = &[
    ("id", "$request.path.id"),
    ("if-match", "$response.header.etag"),
];

fn parameters() -> [Parameter; 3] {
    let tag = json!({ "type": "string", "pattern": tag::PATTERN });
    let door = json!({ "type": "string" });
    [
        Parameter::finding(),
        Parameter::header(
            "if-match",
            "Only where this is the etag of the finding.",
            tag,
        ),
        Parameter::header(DOOR, "`cli` or `dashboard`; stands in the history.", door),
    ]
}

async fn transition(
    Analyst(caller): Analyst,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ChangeProblem> {
    let id = id(path)?;
    let (change, comment) = wish(read(&headers, body).await?)?;
    make(&state, &caller, &id, &headers, change, comment).await
}

async fn comment(
    Analyst(caller): Analyst,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ChangeProblem> {
    let id = id(path)?;
    let Words { text } = read(&headers, body).await?;
    let change = Change::Comment { text };
    make(&state, &caller, &id, &headers, change, None).await
}

/// The finding that a path names.
pub(super) fn id(path: Result<Path<String>, PathRejection>) -> Result<FindingId, Problem> {
    let Path(id) = path.map_err(|_| Problem::bad_request("path is not UTF-8"))?;
    FindingId::parse(&id).map_err(|error| Problem::bad_request(error.to_string()))
}

async fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    let bytes = body::read(headers, body, MAX_CHANGE).await;
    let bytes = bytes.map_err(|refusal| match refusal {
        Refusal::TooLarge => {
            let detail = format!("a change has at most {MAX_CHANGE} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        }
        _ => Problem::bad_request("body cannot be read"),
    })?;
    let detail = |error: serde_json::Error| format!("body is not what is wanted here: {error}");
    serde_json::from_slice(&bytes).map_err(|error| Problem::bad_request(detail(error)))
}

/// The change that a body asks for, and its comment; every unknown member is named.
fn wish(mut members: Map<String, Value>) -> Result<(Change, Option<String>), Problem> {
    let comment = match members.remove("comment") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(_) => return Err(Problem::bad_request("comment is not a text")),
    };
    let names: Vec<String> = members.keys().cloned().collect();
    let change: Change = serde_json::from_value(Value::Object(members)).map_err(|error| {
        let example = r#"{"action": "acknowledge"}"#;
        Problem::bad_request(format!("no change can be read: {error}; try {example}"))
    })?;
    let known = serde_json::to_value(&change).unwrap_or_default();
    match names.iter().find(|name| known.get(name).is_none()) {
        None => Ok((change, comment)),
        Some(name) => {
            let name: String = name.chars().take(48).collect();
            let detail = format!("`{name}` does not belong to `{}`", known["action"]);
            Err(Problem::bad_request(detail.replace('"', "")))
        }
    }
}

async fn make(
    state: &State,
    caller: &Caller,
    id: &FindingId,
    headers: &HeaderMap,
    change: Change,
    comment: Option<String>,
) -> Result<Response, ChangeProblem> {
    let expected = tag::expected(headers)?;
    let by = Actor {
        who: caller.name.clone(),
        door: door(headers),
    };
    let request = Request {
        change,
        comment,
        by,
        at: state.now(),
    };
    match state.parts.store.change(id, expected, &request).await {
        Ok(changed) => Ok(made(state, id, changed)),
        Err(error) => Err(unmade(state, id, error).await),
    }
}

fn made(state: &State, id: &FindingId, changed: Changed) -> Response {
    // What sinks show is out of date now.
    state.wake.notify_one();
    let Changed { triage, lines } = changed;
    let tag = tag::of_revision(triage.revision);
    let made = ChangeMade {
        id: id.clone(),
        triage,
        audit: lines,
    };
    let mut response = reply::json(StatusCode::OK, &made);
    response.headers_mut().insert(ETAG, tag);
    response
}

async fn unmade(state: &State, id: &FindingId, error: ChangeError) -> ChangeProblem {
    match error {
        ChangeError::Unknown => {
            let detail = format!("there is no finding {id}");
            Problem::new(StatusCode::NOT_FOUND, detail).into()
        }
        ChangeError::Store(error) => Problem::from(error).into(),
        ChangeError::Conflict { current, last } => {
            let who = last.as_ref().map(|last| told(last)).unwrap_or_default();
            let detail = format!(
                "finding was changed meanwhile{who}: it is {} now, revision {}; look at it again",
                current.status, current.revision
            );
            ChangeProblem {
                problem: Problem::new(StatusCode::PRECONDITION_FAILED, detail),
                current: Some(*current),
                last: last.map(|last| *last),
            }
        }
        ChangeError::Refused { reason } => {
            let store = &state.parts.store;
            let history = store.audit(id).await.unwrap_or_default();
            let last = history.into_iter().rfind(|line| line.after.is_some());
            let who = last.as_ref().map(told).unwrap_or_default();
            ChangeProblem {
                problem: Problem::new(StatusCode::CONFLICT, format!("{reason}{who}")),
                current: last.as_ref().and_then(|last| last.after.clone()),
                last,
            }
        }
    }
}

/// ` (resolved by soc at 2026-05-01T10:00:00Z)`.
fn told(line: &Audit) -> String {
    let action = line.action.replace('_', " ");
    format!(" ({action} by {} at {:.0})", line.who, line.at)
}

fn door(headers: &HeaderMap) -> Door {
    match only(headers, DOOR) {
        Some("cli") => Door::Cli,
        Some("dashboard") => Door::Dashboard,
        _ => Door::Api,
    }
}

impl From<Problem> for ChangeProblem {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            current: None,
            last: None,
        }
    }
}

impl IntoResponse for ChangeProblem {
    fn into_response(self) -> Response {
        self.problem.respond(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_odd_ones_named() {
        let assign = |to: Option<&str>| Change::Assign {
            to: to.map(str::to_owned),
        };
        let cases: [(&str, Value, Result<Change, &str>); 9] = [
            ("plain", json!({"action": "resolve"}), Ok(Change::Resolve)),
            (
                "with a comment",
                json!({"action": "resolve", "comment": "done"}),
                Ok(Change::Resolve),
            ),
            (
                "to nobody",
                json!({"action": "assign", "to": null}),
                Ok(assign(None)),
            ),
            (
                "to someone",
                json!({"action": "assign", "to": "soc"}),
                Ok(assign(Some("soc"))),
            ),
            (
                "foreign member",
                json!({"action": "resolve", "until": "2026-05-01T10:00:00Z"}),
                Err("`until` does not belong to `resolve`"),
            ),
            (
                "misspelled member",
                json!({"action": "assign", "too": "soc"}),
                Err("unknown field `too`"),
            ),
            (
                "no such action",
                json!({"action": "delete"}),
                Err("unknown variant `delete`"),
            ),
            (
                "the clock's",
                json!({"action": "wake"}),
                Err("unknown variant `wake`"),
            ),
            (
                "comment of another kind",
                json!({"action": "resolve", "comment": 1}),
                Err("comment is not a text"),
            ),
        ];
        for (name, body, expected) in cases {
            let Value::Object(members) = body else {
                panic!("{name}")
            };
            match (wish(members), expected) {
                (Ok((change, _)), Ok(expected)) => assert_eq!(change, expected, "{name}"),
                (Err(problem), Err(part)) => {
                    assert!(problem.detail.contains(part), "{name}: {}", problem.detail);
                }
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
    }
}

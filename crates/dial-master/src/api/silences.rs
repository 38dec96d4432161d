//! `/v1/silences`: list, make, preview and end silences.

use super::caller::{Analyst, Caller, Viewer};
use super::operation::Operation;
use super::parameter::{Parameter, one_of};
use super::problem::Problem;
use super::refusal::Refusal;
use super::{State, body, reply};
use crate::routing::matcher::{MAX_COUNT, Matcher};
use crate::routing::silence::{self, Draft, Share};
use crate::silences::{self, Preview, SilenceError};
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::store::Summary;
use dial_core::store::silence::{Ended, KEPT, Silence};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest body, bytes: the matchers and two short texts.
const MAX_BODY: usize = 16 * 1024;

/// The silences, the next to end first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SilenceList {
    /// Those in force; with `?ended=true` also those that ended.
    pub silences: Vec<Silence>,
}

/// A silence that somebody wants.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSilence {
    /// Such as `rule=s3_bucket_policy_public`; all must fit.
    #[schemars(length(min = 1, max = 20))]
    pub matchers: Vec<Matcher>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Up to when, at most 30 days.
    pub ends_at: Timestamp,
    /// Made ahead of planned work: nothing needs to fit it yet.
    #[serde(default)]
    pub ahead: bool,
}

/// What a preview asks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// All must fit.
    #[schemars(length(max = 20))]
    pub matchers: Vec<Matcher>,
}

/// What a silence would have muted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewAnswer {
    /// Findings since then were looked at, the newest first.
    pub since: Timestamp,
    /// How many were looked at.
    pub looked_at: usize,
    /// How many of them fit.
    pub fit: usize,
    /// How many fit, by rule.
    pub by_rule: BTreeMap<String, usize>,
    /// The newest that fit.
    pub examples: Vec<Summary>,
    /// Why such a silence would be refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

pub(super) fn declared() -> [Operation; 4] {
    let media = "The body is not `application/json`.";
    let list = Operation::get("/v1/silences", "listSilences", list)
        .does("Silences, the next to end first")
        .with([Parameter::query(
            "ended",
            "Whether those that ended within 400 days are listed too.",
            one_of(&["true", "false"]),
        )])
        .answers::<SilenceList>(200, "The silences.")
        .leads(
            200,
            "endSilence",
            &[("id", "$response.body#/silences/0/id")],
        );
    let create = Operation::post("/v1/silences", "createSilence", create)
        .does("Makes a silence")
        .takes::<NewSilence>()
        .answers::<Silence>(201, "The silence, which is in force.")
        .leads(201, "endSilence", &[("id", "$response.body#/id")])
        .fails(415, media)
        .fails(
            422,
            "Such a silence is refused: too wide, too long, without owner or reason.",
        );
    let preview = Operation::post("/v1/silences/preview", "previewSilence", preview)
        .does("What a silence would have muted lately")
        .takes::<PreviewRequest>()
        .answers::<PreviewAnswer>(200, "What it would have muted.")
        .fails(415, media);
    let id = serde_json::json!({ "type": "string", "pattern": "^s-[a-z2-7]{26}$" });
    let end = Operation::delete("/v1/silences/{id}", "endSilence", end)
        .does("Ends a silence; one that had ended stays as it was")
        .with([Parameter::path("id", "Id of the silence.", id)])
        .answers::<Silence>(200, "The silence, ended.")
        .fails(404, "There is no such silence.");
    [list, create, preview, end]
}

async fn list(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
    pairs: Result<extract::Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Problem> {
    let extract::Query(pairs) =
        pairs.map_err(|_| Problem::bad_request("query string cannot be read"))?;
    let mut since = state.now();
    for (name, value) in &pairs {
        match (name.as_str(), value.as_str()) {
            ("ended", "true") => since = since.saturating_sub(KEPT).unwrap_or(Timestamp::MIN),
            ("ended", "false") => {}
            ("ended", _) => return Err(Problem::parameter(name, "use true or false")),
            _ => {
                return Err(Problem::parameter(
                    name,
                    "no such parameter; there is ended",
                ));
            }
        }
    }
    let silences = state.parts.store.silences(since).await?;
    Ok(reply::json(StatusCode::OK, &SilenceList { silences }))
}

async fn create(
    Analyst(caller): Analyst,
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let wanted: NewSilence = read_json(&headers, body).await?;
    let draft = Draft {
        matchers: wanted.matchers,
        owner: wanted.owner,
        reason: wanted.reason,
        ends_at: wanted.ends_at,
        ahead: wanted.ahead,
    };
    let made = silences::add(&*state.parts.store, &draft, &by(&caller), state.now()).await;
    match made {
        Ok(silence) => Ok(reply::json(StatusCode::CREATED, &silence)),
        Err(SilenceError::Store(error)) => Err(error.into()),
        Err(error @ (SilenceError::Refused(_) | SilenceError::Full)) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            error.to_string(),
        )),
    }
}

async fn preview(
    _: Viewer,
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let PreviewRequest { matchers } = read_json(&headers, body).await?;
    if matchers.len() > MAX_COUNT {
        let detail = silence::Refusal::Count(matchers.len()).to_string();
        return Err(Problem::bad_request(detail));
    }
    let seen = silences::preview(&*state.parts.store, &matchers, state.now()).await?;
    let refusal = silence::check_breadth(&matchers).and_then(|()| seen.share.check(false));
    let answer = answer(seen, refusal.err().map(|refusal| refusal.to_string()));
    Ok(reply::json(StatusCode::OK, &answer))
}

async fn end(
    Analyst(caller): Analyst,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = path.map_err(|_| Problem::bad_request("path is not UTF-8"))?;
    let by = by(&caller);
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "there is no such silence");
    if !is_id(&id) {
        return Err(unknown());
    }
    match state.parts.store.end_silence(&id, &by, state.now()).await? {
        Ended::Now(silence) => {
            tracing::info!(silence = silence.id, by, "silence ended");
            Ok(reply::json(StatusCode::OK, &silence))
        }
        Ended::Before(silence) => Ok(reply::json(StatusCode::OK, &silence)),
        Ended::Unknown => Err(unknown()),
    }
}

fn answer(seen: Preview, refusal: Option<String>) -> PreviewAnswer {
    let Share { of, fit } = seen.share;
    PreviewAnswer {
        since: seen.since,
        looked_at: of,
        fit,
        by_rule: seen.by_rule,
        examples: seen.examples,
        refusal,
    }
}

fn by(caller: &Caller) -> String {
    format!("{} (api)", caller.name)
}

/// Ids become keys of the store.
fn is_id(id: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    id.len() <= 64 && id.bytes().all(fits)
}

/// Browsers send JSON to another site only after asking it, so that no web page can post here.
async fn read_json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    let media = crate::readers::only(headers, CONTENT_TYPE).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-type must be application/json",
        ));
    }
    let bytes = body::read(headers, body, MAX_BODY).await;
    let bytes = bytes.map_err(|refusal| match refusal {
        Refusal::TooLarge => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("body is larger than {MAX_BODY} bytes"),
        ),
        other => Problem::bad_request(other.to_string()),
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let said: String = error.to_string().chars().take(300).collect();
        Problem::bad_request(format!("body is not what is asked for: {said}"))
    })
}

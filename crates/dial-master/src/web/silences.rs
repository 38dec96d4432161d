//! `/silences`: what nobody is told of, until when and why; making and ending them.

use super::form::{Fields, Posted};
use super::frame::Frame;
use super::line::Line;
use super::oops::Oops;
use super::reply;
use super::suppressed::{self, Muted};
use super::visitor::Visitor;
use super::words::{self, When};
use crate::api::State;
use crate::routing::matcher::Matcher;
use crate::routing::silence::Draft;
use crate::silences::{self, SilenceError};
use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::store::silence::{Ended, Silence};
use dial_core::when;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// How far back ended ones are shown.
const ENDED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A silence.
#[derive(Debug)]
struct Quiet {
    id: String,
    matchers: Vec<String>,
    owner: String,
    reason: String,
    made_by: String,
    ends: When,
    ended_by: Option<String>,
    in_force: bool,
}

/// What was typed, so that nobody types it twice.
#[derive(Debug, Default)]
struct Typed {
    matchers: String,
    owner: String,
    reason: String,
    ends: String,
    ahead: bool,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "silences.html")]
struct Page {
    frame: Frame,
    problem: Option<String>,
    typed: Typed,
    preview: Option<Shown>,
    silences: Vec<Quiet>,
    suppressed: Vec<Muted>,
}

/// What a silence would have muted.
#[derive(Debug)]
struct Shown {
    fit: usize,
    of: usize,
    examples: Vec<Line>,
}

pub(super) async fn show(
    visitor: Visitor,
    extract::State(state): extract::State<Arc<State>>,
    extract::RawQuery(query): extract::RawQuery,
) -> Result<Response, Oops> {
    let query = query.unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let rule = pairs.find(|(name, _)| name == "rule");
    let typed = Typed {
        matchers: rule
            .map(|(_, rule)| format!("rule={rule}"))
            .unwrap_or_default(),
        owner: visitor.caller.name.clone(),
        ends: "24h".to_owned(),
        ..Typed::default()
    };
    page(&state, &visitor, typed, StatusCode::OK, None, None).await
}

pub(super) async fn make(
    extract::State(state): extract::State<Arc<State>>,
    Posted(visitor, fields): Posted,
) -> Result<Response, Oops> {
    let (store, now) = (&*state.parts.store, state.now());
    let typed = Typed::of(&fields);
    let draft = match typed.draft(now) {
        Ok(draft) => draft,
        Err(problem) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return page(&state, &visitor, typed, status, Some(problem), None).await;
        }
    };
    if fields.one("action") == Some("preview") {
        let seen = silences::preview(store, &draft.matchers, now).await?;
        let shown = Shown {
            fit: seen.share.fit,
            of: seen.share.of,
            examples: seen
                .examples
                .iter()
                .map(|one| Line::new(one, now))
                .collect(),
        };
        return page(&state, &visitor, typed, StatusCode::OK, None, Some(shown)).await;
    }
    let by = by(&visitor);
    match silences::add(store, &draft, &by, now).await {
        Ok(_) => Ok(reply::see("/silences")),
        Err(SilenceError::Store(error)) => Err(error.into()),
        Err(error) => {
            let (status, problem) = (StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
            page(&state, &visitor, typed, status, Some(problem), None).await
        }
    }
}

pub(super) async fn end(
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
    Posted(visitor, _): Posted,
) -> Result<Response, Oops> {
    let Path(id) = path.map_err(|_| Oops::unknown("silence"))?;
    let by = by(&visitor);
    match state.parts.store.end_silence(&id, &by, state.now()).await? {
        Ended::Now(_) => {
            tracing::info!(silence = id, by, "silence ended");
            Ok(reply::see("/silences"))
        }
        Ended::Before(_) => Ok(reply::see("/silences")),
        Ended::Unknown => Err(Oops::unknown("silence")),
    }
}

/// As the history names who did it.
fn by(visitor: &Visitor) -> String {
    format!("{} (dashboard)", visitor.caller.name)
}

impl Typed {
    fn of(fields: &Fields) -> Self {
        let text = |name| fields.text(name).unwrap_or_default().to_owned();
        Self {
            matchers: text("matchers"),
            owner: text("owner"),
            reason: text("reason"),
            ends: text("ends"),
            ahead: fields.one("ahead").is_some(),
        }
    }

    /// One matcher a line.
    fn draft(&self, now: Timestamp) -> Result<Draft, String> {
        let lines = self.matchers.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty());
        let matchers: Result<Vec<Matcher>, _> = lines.map(str::parse::<Matcher>).collect();
        let ends_at = when::future(&self.ends, now).map_err(|error| error.to_string())?;
        Ok(Draft {
            matchers: matchers.map_err(|error| error.to_string())?,
            owner: self.owner.clone(),
            reason: self.reason.clone(),
            ends_at,
            ahead: self.ahead,
        })
    }
}

async fn page(
    state: &State,
    visitor: &Visitor,
    typed: Typed,
    status: StatusCode,
    problem: Option<String>,
    preview: Option<Shown>,
) -> Result<Response, Oops> {
    let (store, now) = (&*state.parts.store, state.now());
    let since = now.saturating_sub(ENDED).unwrap_or(Timestamp::MIN);
    let kept = store.silences(since).await?;
    let mut silences: Vec<Quiet> = kept.iter().map(|one| Quiet::new(one, now)).collect();
    silences.sort_by_key(|one| !one.in_force);
    let page = Page {
        frame: Frame::new(visitor, "silences", "Silences"),
        problem,
        typed,
        preview,
        silences,
        suppressed: suppressed::find(store, now).await?,
    };
    Ok(reply::page(status, &page))
}

impl Quiet {
    fn new(silence: &Silence, now: Timestamp) -> Self {
        Self {
            id: silence.id.clone(),
            matchers: silence
                .matchers
                .iter()
                .map(|text| words::one_line(text))
                .collect(),
            owner: words::one_line(&silence.owner),
            reason: words::one_line(&silence.reason),
            made_by: words::one_line(&silence.created_by),
            ends: When::new(silence.ends_at, now),
            ended_by: silence.ended_by.as_deref().map(words::one_line),
            in_force: silence.is_in_force(now),
        }
    }
}

//! The door: signing in with an API token, which becomes a session, and signing out.

use super::assets::VERSION;
use super::form::{self, Fields, Refused, TOKEN};
use super::oops::Oops;
use super::visitor::{Turned, Visitor};
use super::{cookie, entry, reply, words};
use crate::api::caller::{Denied, identify};
use crate::api::{Caller, State};
use crate::sign_in::oidc::BEGIN;
use askama::Template;
use axum::body::Body;
use axum::extract;
use axum::response::{IntoResponse, Response};
use dial_core::Secret;
use dial_core::api_token::{ApiToken, RANDOM_BYTES};
use dial_core::store::StoreError;
use dial_core::store::session::{Proof, Session, Sessions as _};
use http::header::{AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use std::sync::Arc;

/// Where to sign in.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
struct Page {
    version: &'static str,
    next: String,
    problem: Option<String>,
    provider: Option<Way>,
}

/// The way to the identity provider.
#[derive(Debug)]
struct Way {
    label: String,
    link: String,
}

/// Where a query says that the visitor was going; not yet known to be a place of ours.
pub(super) fn next(query: Option<&str>) -> String {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let next = pairs.find(|(name, _)| name == "next");
    next.map(|(_, next)| next.into_owned()).unwrap_or_default()
}

pub(super) async fn show(
    visitor: Result<Visitor, Turned>,
    extract::State(state): extract::State<Arc<State>>,
    extract::RawQuery(query): extract::RawQuery,
) -> Response {
    let next = next(query.as_deref());
    match visitor {
        Ok(_) => reply::see(entry::place(&next)),
        Err(Turned::SignIn(_)) => ask(&state, StatusCode::OK, &next, None),
        Err(turned) => turned.into_response(),
    }
}

pub(super) async fn make(
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let fields = form::take(&headers, body, &state).await?;
    let next = entry::place(fields.one("next").unwrap_or_default());
    let (caller, proof) = match by_token(&fields, &state).await {
        Ok(known) => known,
        Err(Denied::Unknown(reason)) => {
            crate::metrics::refused("sign_in");
            tracing::warn!(%reason, "sign-in refused");
            let problem = "This token is not known, or its time is over.";
            let problem = Some(problem.to_owned());
            return Ok(ask(&state, StatusCode::UNAUTHORIZED, next, problem));
        }
        Err(Denied::TooFast(error)) => return Err(Turned::TooFast(error).into()),
        Err(Denied::Store(error)) => return Err(Turned::Store(error).into()),
        Err(Denied::Scope { .. }) => return Err(Oops::unknown("page").into()),
    };
    let begun = begin(&state, caller, proof, rand::random()).await?;
    let taken = || StoreError::Unavailable("another session has this id".into());
    let secret = begun.ok_or_else(taken).map_err(Turned::from)?;
    let mut response = reply::see(next);
    let line = cookie::set(&secret, &state.parts.dashboard);
    response.headers_mut().insert(SET_COOKIE, line);
    Ok(response)
}

pub(super) async fn end(
    visitor: Result<Visitor, Turned>,
    extract::State(state): extract::State<Arc<State>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let fields = form::take(&headers, body, &state).await?;
    if let Ok(visitor) = visitor
        && fields.one(TOKEN) == Some(&visitor.form_token)
        && let Some(session) = &visitor.session
    {
        let ended = state.parts.store.end_session(session, state.now()).await;
        ended.map_err(Turned::from)?;
        tracing::info!(who = visitor.caller.name, "signed out");
    }
    let mut response = reply::see("/sign-in");
    let line = cookie::clear(&state.parts.dashboard);
    response.headers_mut().insert(SET_COOKIE, line);
    Ok(response)
}

/// Whose token a form holds, in the way of every other request with a token.
async fn by_token(fields: &Fields, state: &State) -> Result<(Caller, Proof), Denied> {
    let text = fields.text("token").unwrap_or_default();
    let mut headers = HeaderMap::new();
    if let Ok(line) = HeaderValue::try_from(format!("Bearer {text}")) {
        headers.insert(AUTHORIZATION, line);
    }
    let caller = identify(&headers, state).await?;
    let configured = state.parts.readers.authenticate(&headers, state.now());
    let proof = match (configured, ApiToken::parse(text)) {
        (Err(_), Ok(token)) => Proof::Token { id: token.id() },
        _ => Proof::Configured,
    };
    Ok((caller, proof))
}

/// Begins a session; its secret is known to the browser only. `None` where these random bytes have
/// begun one before.
pub(super) async fn begin(
    state: &State,
    caller: Caller,
    proof: Proof,
    random: [u8; RANDOM_BYTES],
) -> Result<Option<Secret>, Turned> {
    let now = state.now();
    let none = || StoreError::Unavailable("there is no root key to make sessions with".into());
    let secret = ApiToken::mint(random, &state.parts.roots).ok_or_else(none)?;
    let life = state.parts.dashboard.session;
    let session = Session {
        id: secret.id(),
        name: caller.name,
        scope: caller.scope,
        proof,
        created_at: now,
        expires_at: now.saturating_add(life).unwrap_or(Timestamp::MAX),
        ended_at: None,
    };
    if !state.parts.store.add_session(&session).await? {
        return Ok(None);
    }
    let (name, scope, proof) = (&session.name, session.scope, &session.proof);
    tracing::info!(who = name, %scope, ?proof, "signed in");
    Ok(Some(secret.secret().clone()))
}

/// The door, with what went wrong at it.
pub(super) fn ask(
    state: &State,
    status: StatusCode,
    next: &str,
    problem: Option<String>,
) -> Response {
    let next = entry::place(next);
    let provider = state.parts.dashboard.oidc.as_ref().map(|provider| {
        let going: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        Way {
            label: words::one_line(provider.label()),
            link: format!("{BEGIN}?next={going}"),
        }
    });
    let page = Page {
        version: &VERSION,
        next: next.to_owned(),
        problem,
        provider,
    };
    reply::page(status, &page)
}

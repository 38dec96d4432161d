//! Signing in at an identity provider: the way there, and the way back.

use super::oops::Oops;
use super::visitor::Turned;
use super::{cookie, entry, reply, sign_in};
use crate::api::{Caller, State, source};
use crate::sign_in::oidc::{Answer, Pending, Person, Provider, SignInError};
use axum::extract;
use axum::response::{IntoResponse, Response};
use dial_core::Secret;
use dial_core::store::StoreError;
use dial_core::store::session::Proof;
use http::header::SET_COOKIE;
use http::{Extensions, HeaderMap};
use std::sync::Arc;

/// A link and no form: the content policy lets forms lead nowhere but here.
pub(super) async fn begin(
    extract::State(state): extract::State<Arc<State>>,
    extensions: Extensions,
    extract::RawQuery(query): extract::RawQuery,
) -> Response {
    let Some(provider) = &state.parts.dashboard.oidc else {
        return Oops::unknown("page").into_response();
    };
    let next = sign_in::next(query.as_deref());
    let source = source::of(&extensions);
    let pending = Pending::begin(rand::random(), entry::place(&next), state.now());
    let Some(sealed) = pending.seal(&state.parts.roots) else {
        return Turned::Store(no_root()).into_response();
    };
    match lead(&state, provider, &pending, &source).await {
        Ok(place) => {
            let mut response = reply::see(&place);
            let line = cookie::set_pending(&sealed, &state.parts.dashboard);
            response.headers_mut().append(SET_COOKIE, line);
            response
        }
        Err(error) => refused(&state, &error, &source, pending.next()),
    }
}

async fn lead(
    state: &State,
    provider: &Provider,
    pending: &Pending,
    source: &str,
) -> Result<String, SignInError> {
    let now = state.now();
    provider.admit(source, now)?;
    Ok(provider.begin(pending, now).await?.into())
}

/// Whoever comes back with the cookie of a sign-in and the answer to it gets a session, once.
pub(super) async fn end(
    extract::State(state): extract::State<Arc<State>>,
    extensions: Extensions,
    headers: HeaderMap,
    extract::RawQuery(query): extract::RawQuery,
) -> Response {
    let Some(provider) = &state.parts.dashboard.oidc else {
        return Oops::unknown("page").into_response();
    };
    let source = source::of(&extensions);
    let shown = cookie::pending(&headers, &state.parts.dashboard);
    let pending = shown.and_then(|text| Pending::open(text, &state.parts.roots, state.now()));
    let next = pending.as_ref().map_or("/", Pending::next).to_owned();
    let answer = Answer::parse(query.as_deref().unwrap_or_default());
    let person = known(&state, provider, pending.as_ref(), &answer, &source).await;
    let mut response = match person {
        Err(error) => refused(&state, &error, &source, &next),
        Ok((pending, person)) => match open(&state, pending, person).await {
            Err(turned) => turned.into_response(),
            Ok(None) => refused(&state, &SignInError::Used, &source, &next),
            Ok(Some(secret)) => {
                let mut response = reply::see(entry::place(&next));
                let line = cookie::set(&secret, &state.parts.dashboard);
                response.headers_mut().append(SET_COOKIE, line);
                response
            }
        },
    };
    // It was for one answer, whatever that was.
    let line = cookie::clear_pending(&state.parts.dashboard);
    response.headers_mut().append(SET_COOKIE, line);
    response
}

async fn known<'p>(
    state: &State,
    provider: &Provider,
    pending: Option<&'p Pending>,
    answer: &Answer,
    source: &str,
) -> Result<(&'p Pending, Person), SignInError> {
    let now = state.now();
    let pending = pending.ok_or(SignInError::NotBegun)?;
    provider.admit(source, now)?;
    let person = provider.finish(pending, answer, now).await?;
    Ok((pending, person))
}

/// The secret of the session that a sign-in opens; `None` for one that has opened it before.
async fn open(state: &State, pending: &Pending, person: Person) -> Result<Option<Secret>, Turned> {
    let random = pending.session(&state.parts.roots).ok_or_else(no_root)?;
    let Person {
        name,
        scope,
        issuer,
        subject,
    } = person;
    let proof = Proof::Provider { issuer, subject };
    sign_in::begin(state, Caller { name, scope }, proof, random).await
}

fn no_root() -> StoreError {
    StoreError::Unavailable("there is no root key to make sessions with".into())
}

/// The door again, with what the person can do; the log has the rest.
fn refused(state: &State, error: &SignInError, source: &str, next: &str) -> Response {
    crate::metrics::refused("oidc");
    tracing::warn!(source, reason = %error, "sign-in at the provider refused");
    sign_in::ask(state, error.status(), next, Some(error.advice()))
}

//! Who asks: every handler names the scope that it needs as its first argument.

use super::State;
use super::problem::Problem;
use super::refusal::Refusal;
use crate::limit::TooFast;
use crate::readers::{ReaderError, bearer};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use dial_core::api_token::ApiToken;
use dial_core::store::StoreError;
use dial_core::store::token::{Scope, Tokens};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use std::sync::Arc;

/// Who a request comes from, proven by its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Name of the token; goes into the history of what it changes.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
}

impl Caller {
    /// Whether the caller may do what needs `scope`.
    pub fn may(&self, scope: Scope) -> bool {
        self.scope >= scope
    }
}

/// A caller that may look.
pub(super) struct Viewer;
/// A caller that may change findings and silences.
pub(super) struct Analyst(pub(super) Caller);
/// A caller that may make and revoke tokens.
pub(super) struct Admin(pub(super) Caller);

impl FromRequestParts<Arc<State>> for Viewer {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Denied> {
        admit(parts, state, Scope::Viewer).await.map(|_| Self)
    }
}

impl FromRequestParts<Arc<State>> for Analyst {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Denied> {
        admit(parts, state, Scope::Analyst).await.map(Self)
    }
}

impl FromRequestParts<Arc<State>> for Admin {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Denied> {
        admit(parts, state, Scope::Admin).await.map(Self)
    }
}

/// Why a caller is not let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denied {
    /// Not known: the one bare 401.
    #[error(transparent)]
    Unknown(#[from] ReaderError),
    /// Known, but its scope is too small.
    #[error("token is for {has}, and this needs {needs}; use another token")]
    Scope {
        /// What the caller may do.
        has: Scope,
        /// What it asked for.
        needs: Scope,
    },
    /// Known, but faster than its rate.
    #[error("token is faster than its rate; wait {} s", .0.0)]
    TooFast(TooFast),
    /// Whether it is known could not be found out.
    #[error(transparent)]
    Store(#[from] StoreError),
}

async fn admit(parts: &Parts, state: &State, needs: Scope) -> Result<Caller, Denied> {
    let admitted = identify(&parts.headers, state).await.and_then(|caller| {
        let has = caller.scope;
        let enough = caller.may(needs);
        enough.then_some(caller).ok_or(Denied::Scope { has, needs })
    });
    if let Err(denied) = &admitted {
        crate::metrics::refused(denied.label());
        tracing::warn!(reason = %denied, "caller refused");
    }
    admitted
}

/// Names the caller: by the tokens of the configuration, then by those of the store.
pub(crate) async fn identify(headers: &HeaderMap, state: &State) -> Result<Caller, Denied> {
    let now = state.now();
    match state.parts.readers.authenticate(headers, now) {
        Ok(caller) => {
            state.pace(&caller.name, now)?;
            Ok(caller)
        }
        Err(ReaderError::Unknown) => stored(headers, state, now).await,
        Err(error) => Err(error.into()),
    }
}

/// Only a token that a root key proves reaches the store, and no faster than its rate.
async fn stored(headers: &HeaderMap, state: &State, now: Timestamp) -> Result<Caller, Denied> {
    let shown = bearer(headers).ok_or(ReaderError::Missing)?;
    let shown = ApiToken::parse(shown).map_err(|_| ReaderError::Unknown)?;
    if !shown.is_proven(&state.parts.roots) {
        return Err(ReaderError::Unknown.into());
    }
    let id = shown.id();
    state.pace(&id, now)?;
    let store = &state.parts.store;
    let token = store.token(&id).await?.ok_or(ReaderError::Unknown)?;
    if token.revoked_at.is_some() {
        return Err(ReaderError::Revoked.into());
    }
    if !token.is_in_force(now) {
        return Err(ReaderError::Expired.into());
    }
    if token.is_use_news(now)
        && let Err(error) = store.use_token(&id, now).await
    {
        // Who may come in does not depend on it.
        tracing::warn!(%error, id, "use of a token not recorded");
    }
    Ok(Caller {
        name: token.name,
        scope: token.scope,
    })
}

impl State {
    fn pace(&self, token: &str, now: Timestamp) -> Result<(), Denied> {
        self.admit(token, now).map_err(Denied::TooFast)
    }

    /// Lets one more request of a token or session pass.
    pub(crate) fn admit(&self, token: &str, now: Timestamp) -> Result<(), TooFast> {
        self.token_limiter.admit(&token.to_owned(), now)
    }
}

impl Denied {
    /// Label of the counter.
    fn label(&self) -> &'static str {
        match self {
            Denied::Unknown(_) => "reader",
            Denied::Scope { .. } => "scope",
            Denied::TooFast(_) => "token_rate",
            Denied::Store(_) => "store",
        }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let said = self.to_string();
        match self {
            Denied::Unknown(error) => Refusal::Reader(error).into_response(),
            Denied::Scope { .. } => Problem::new(StatusCode::FORBIDDEN, said).into_response(),
            Denied::TooFast(TooFast(seconds)) => Problem::new(StatusCode::TOO_MANY_REQUESTS, said)
                .retry_after(seconds)
                .into_response(),
            Denied::Store(error) => Problem::from(error).into_response(),
        }
    }
}

//! Who asks: every handler names the scope that it needs as its first argument.

use super::State;
use super::problem::Problem;
use super::refusal::Refusal;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use dial_core::store::token::Scope;
use http::StatusCode;
use http::request::Parts;
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
#[allow(dead_code, reason = "the first change is about to arrive")]
pub(super) struct Analyst(pub(super) Caller);
/// A caller that may make and revoke tokens.
#[allow(dead_code, reason = "the first use is about to arrive")]
pub(super) struct Admin(pub(super) Caller);

impl FromRequestParts<Arc<State>> for Viewer {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Denied> {
        admit(parts, state, Scope::Viewer).map(|_| Self)
    }
}

impl FromRequestParts<Arc<State>> for Analyst {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Denied> {
        admit(parts, state, Scope::Analyst).map(Self)
    }
}

impl FromRequestParts<Arc<State>> for Admin {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Denied> {
        admit(parts, state, Scope::Admin).map(Self)
    }
}

/// Why a caller is not let in.
#[derive(Debug)]
pub(super) enum Denied {
    /// Not known: the one bare 401.
    Unknown(Refusal),
    /// Known, but its scope is too small.
    Scope { has: Scope, needs: Scope },
}

fn admit(parts: &Parts, state: &State, needs: Scope) -> Result<Caller, Denied> {
    let caller = state
        .parts
        .readers
        .authenticate(&parts.headers, state.now());
    let caller = caller.map_err(|error| Denied::unknown(Refusal::Reader(error)))?;
    if caller.may(needs) {
        return Ok(caller);
    }
    crate::metrics::refused("scope");
    tracing::warn!(caller = caller.name, has = %caller.scope, %needs, "scope is too small");
    let has = caller.scope;
    Err(Denied::Scope { has, needs })
}

impl Denied {
    fn unknown(refusal: Refusal) -> Self {
        crate::metrics::refused(refusal.label());
        tracing::warn!(reason = %refusal, "reader refused");
        Self::Unknown(refusal)
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Denied::Unknown(refusal) => refusal.into_response(),
            Denied::Scope { has, needs } => {
                let detail =
                    format!("this token is for {has}, and this needs {needs}; use another token");
                Problem::new(StatusCode::FORBIDDEN, detail).into_response()
            }
        }
    }
}

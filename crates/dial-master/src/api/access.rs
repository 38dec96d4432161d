//! Who may ask for an operation, read from the first argument of its handler.

use super::State;
use super::caller::{Admin, Analyst, Viewer};
use super::health::Reader;
use axum::extract::FromRequestParts;
use dial_core::store::token::Scope;
use http::request::Parts;
use std::convert::Infallible;
use std::sync::Arc;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever reaches the master.
    Anyone,
    /// Whoever reaches the master; who shows a token learns more.
    AnyoneOrViewer,
    /// Whoever shows a token of this scope or a larger one.
    Token(Scope),
    /// A worker, by the signature of the request.
    Worker,
    /// Slack, by the signature of the request.
    Slack,
}

/// Answers of whatever asks for a token.
const TOKEN: &[(u16, &str)] = &[
    (
        401,
        "No token, or none that is good; the answer never says why.",
    ),
    (403, "The token's scope is too small."),
    (429, "The token is faster than its rate."),
    (500, "A stored item cannot be read."),
    (503, "The store is throttled or unavailable."),
];
/// Answers of whatever is signed by a worker.
const WORKER: &[(u16, &str)] = &[
    (400, "Authenticated, but not what is asked for."),
    (
        401,
        "The signature does not hold; the answer never says why.",
    ),
    (
        403,
        "Authenticated, but it speaks of another account or region.",
    ),
    (
        413,
        "The body is too large: before authentication an empty answer, after it a problem document.",
    ),
    (415, "Authenticated, but not gzip."),
    (429, "The worker is faster than its rate."),
    (500, "A stored item cannot be read."),
    (
        503,
        "The store or the bucket is unavailable; what was sent may be sent again.",
    ),
];
/// Answers of whatever is signed by Slack.
const SLACK: &[(u16, &str)] = &[
    (400, "Authenticated, but not what is asked for."),
    (
        401,
        "The signature does not hold; the answer never says why.",
    ),
    (403, "The user or workspace is not allowed."),
    (404, "The configuration has no Slack app."),
    (413, "The body is too large."),
    (503, "The store or Slack did not answer in time."),
];

impl Access {
    /// What is answered to whoever may not ask, or asks too often.
    pub(super) fn refusals(self) -> &'static [(u16, &'static str)] {
        match self {
            Access::Anyone | Access::AnyoneOrViewer => &[],
            Access::Token(_) => TOKEN,
            Access::Worker => WORKER,
            Access::Slack => SLACK,
        }
    }
}

/// An argument that says who may ask.
pub(super) trait Gate {
    /// Who.
    const ACCESS: Access;
}

impl Gate for Viewer {
    const ACCESS: Access = Access::Token(Scope::Viewer);
}

impl Gate for Analyst {
    const ACCESS: Access = Access::Token(Scope::Analyst);
}

impl Gate for Admin {
    const ACCESS: Access = Access::Token(Scope::Admin);
}

impl Gate for Reader {
    const ACCESS: Access = Access::AnyoneOrViewer;
}

/// The handler answers anyone.
pub(super) struct Anyone;

/// The handler verifies a worker's signature; that needs the body, so nothing is proven yet.
pub(super) struct WorkerSigned;

/// The handler verifies Slack's signature; that needs the body, so nothing is proven yet.
pub(super) struct SlackSigned;

impl Gate for Anyone {
    const ACCESS: Access = Access::Anyone;
}

impl Gate for WorkerSigned {
    const ACCESS: Access = Access::Worker;
}

impl Gate for SlackSigned {
    const ACCESS: Access = Access::Slack;
}

impl FromRequestParts<Arc<State>> for Anyone {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &Arc<State>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

impl FromRequestParts<Arc<State>> for WorkerSigned {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &Arc<State>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

impl FromRequestParts<Arc<State>> for SlackSigned {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &Arc<State>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

/// The arguments of a handler, as axum writes them: a handler whose first one is no [`Gate`] does
/// not compile as an operation.
pub(super) trait Asks {
    /// Who may ask.
    const ACCESS: Access;
}

impl<M, A: Gate> Asks for (M, A) {
    const ACCESS: Access = A::ACCESS;
}

impl<M, A: Gate, B> Asks for (M, A, B) {
    const ACCESS: Access = A::ACCESS;
}

impl<M, A: Gate, B, C> Asks for (M, A, B, C) {
    const ACCESS: Access = A::ACCESS;
}

impl<M, A: Gate, B, C, D> Asks for (M, A, B, C, D) {
    const ACCESS: Access = A::ACCESS;
}

impl<M, A: Gate, B, C, D, E> Asks for (M, A, B, C, D, E) {
    const ACCESS: Access = A::ACCESS;
}

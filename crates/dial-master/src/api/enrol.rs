//! `POST /v1/enrol`: a worker proves its account and gets its key.

use super::access::Anyone;
use super::operation::{JSON, Operation};
use super::problem::Problem;
use super::{State, body, reply, source};
use crate::enrolment::EnrolError;
use axum::body::Body;
use axum::extract;
use axum::response::{IntoResponse, Response};
use dial_core::enrolment::{ENROL_PATH, Enrolled, MAX_ENROLMENT};
use http::{Extensions, HeaderMap, StatusCode};
use std::sync::Arc;

/// Anyone may ask: that is how a worker without a key proves who it is.
pub(super) fn declared() -> Operation {
    Operation::post(ENROL_PATH, "enrol", post)
        .does("A worker proves its account and gets its key")
        .takes_bytes(
            JSON,
            "What a worker signed with its role to ask STS who it is, and whose key it wants.",
        )
        .answers::<Enrolled>(200, "The key of this account and region, until its end.")
        .answers_empty(413, "The body is too large.")
        .fails(
            401,
            "Nothing is proven; the answer never says what is wrong.",
        )
        .fails(
            403,
            "Proven, but not an account or role that may have a key.",
        )
        .fails(404, "The configuration lets nobody enrol.")
        .fails(429, "Too many asked of late.")
        .fails(503, "The account cannot be looked up now.")
}

async fn post(
    _: Anyone,
    extract::State(state): extract::State<Arc<State>>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(gate) = &state.parts.enrolment else {
        return Problem::no_path().into_response();
    };
    let body = match body::read(&headers, body, MAX_ENROLMENT).await {
        Ok(body) => body,
        Err(refusal) => {
            crate::metrics::refused(refusal.label());
            return refusal.into_response();
        }
    };
    let (source, now) = (source::of(&extensions), state.now());
    let asked = gate.enrol(&body, &source, &state.parts.roots, now);
    match asked.await {
        Ok(given) => {
            let (worker, key) = (&given.worker, &given.key_id);
            tracing::info!(worker, key, source, "worker enrolled");
            reply::json(StatusCode::OK, &given)
        }
        Err(error) => refused(&error, &source),
    }
}

/// Who proved nothing gets the answer that everybody gets who cannot sign; who proved who it is
/// learns what is missing.
fn refused(error: &EnrolError, source: &str) -> Response {
    crate::metrics::refused(error.label());
    tracing::warn!(source, reason = %error, "enrolment refused");
    let said = error.to_string();
    match error {
        EnrolError::Malformed(_) | EnrolError::Unproven(_) => {
            StatusCode::UNAUTHORIZED.into_response()
        }
        EnrolError::TooFast(seconds) => Problem::new(StatusCode::TOO_MANY_REQUESTS, said)
            .retry_after(*seconds)
            .into_response(),
        EnrolError::OtherAccount { .. } | EnrolError::Role { .. } | EnrolError::Account(_) => {
            Problem::new(StatusCode::FORBIDDEN, said).into_response()
        }
        EnrolError::Unavailable(_) | EnrolError::NoRoot => {
            Problem::busy("the account cannot be looked up now").into_response()
        }
    }
}

//! Pages about what went wrong: what it is and what to do.

use super::assets::VERSION;
use super::reply;
use crate::api::Problem;
use askama::Template;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use dial_core::store::StoreError;
use http::StatusCode;
use http::header::ACCEPT;

/// What went wrong.
#[derive(Debug, Template)]
#[template(path = "oops.html")]
pub(super) struct Oops {
    status: StatusCode,
    title: String,
    detail: String,
    version: &'static str,
}

impl Oops {
    pub(super) fn new(
        status: StatusCode,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            title: title.into(),
            detail: detail.into(),
            version: &VERSION,
        }
    }

    /// There is nothing of that name.
    pub(super) fn unknown(what: &str) -> Self {
        let detail = format!("There is no such {what}, or its time is over.");
        Self::new(StatusCode::NOT_FOUND, "Not here", detail)
    }
}

/// What is at none of our addresses: a page for a browser that looks around, a problem document
/// for programs.
pub(crate) async fn not_found(request: Request) -> Response {
    let accepts = request.headers().get(ACCEPT);
    let accepts = accepts.and_then(|value| value.to_str().ok());
    let is_browser = accepts.is_some_and(|media| media.contains("text/html"));
    if is_browser && !request.uri().path().starts_with("/v1/") {
        return Oops::unknown("page").into_response();
    }
    Problem::no_path().into_response()
}

impl From<Problem> for Oops {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let about = problem.parameter.map(|name| format!("{name}: "));
        let detail = format!("{}{}", about.unwrap_or_default(), problem.detail);
        let title = match problem.status {
            400 => "That is no question".to_owned(),
            429 => "Too fast".to_owned(),
            500.. => "Not now".to_owned(),
            _ => problem.title,
        };
        Self::new(status, title, detail)
    }
}

impl From<StoreError> for Oops {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl IntoResponse for Oops {
    fn into_response(self) -> Response {
        reply::page(self.status, &self)
    }
}

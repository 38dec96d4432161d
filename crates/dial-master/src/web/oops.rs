//! Pages about what went wrong: what it is and what to do.

use super::assets::VERSION;
use super::reply;
use crate::api::Problem;
use askama::Template;
use axum::response::{IntoResponse, Response};
use dial_core::store::StoreError;
use http::StatusCode;

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

impl From<Problem> for Oops {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let about = problem.parameter.map(|name| format!("{name}: "));
        let detail = format!("{}{}", about.unwrap_or_default(), problem.detail);
        Self::new(status, problem.title, detail)
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

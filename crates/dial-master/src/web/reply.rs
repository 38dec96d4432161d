//! Answers to a browser, with the headers that let a page do only what ours do.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, StatusCode};

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'";

/// `same-origin`: with `no-referrer` browsers would hide where a form comes from.
const SECURITY: [(HeaderName, HeaderValue); 6] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// A page.
pub(super) fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => secured(status, "text/html; charset=utf-8", html.into_bytes()),
        Err(error) => {
            tracing::error!(%error, "page cannot be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Bytes of a media type.
pub(super) fn secured(status: StatusCode, media: &'static str, body: Vec<u8>) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.extend(SECURITY);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// On to another page, by `GET`; one that cannot be written as a header is the first page.
pub(super) fn see(place: &str) -> Response {
    let mut response = secured(StatusCode::SEE_OTHER, "text/plain", Vec::new());
    let first = HeaderValue::from_static("/");
    let place = HeaderValue::try_from(place).unwrap_or(first);
    response.headers_mut().insert(LOCATION, place);
    response
}

//! Style, script and icon: part of the program, at addresses that change with their content.

use super::reply;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use dial_core::dead_letter::hex;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Name, media type and content of each.
const ASSETS: [(&str, &str, &[u8]); 3] = [
    (
        "dial.css",
        "text/css; charset=utf-8",
        include_bytes!("assets/dial.css"),
    ),
    (
        "dial.js",
        "text/javascript; charset=utf-8",
        include_bytes!("assets/dial.js"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_bytes!("assets/icon.svg"),
    ),
];

/// Stands for the content of all of them.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all = ASSETS.iter().fold(Sha256::new(), |hash, (_, _, content)| {
        hash.chain_update(content)
    });
    hex(&all.finalize()[..6])
});

/// One asset; whoever has it may keep it.
pub(super) async fn show(path: Result<Path<(String, String)>, PathRejection>) -> Response {
    let Ok(Path((_, name))) = path else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some((_, media, content)) = ASSETS.iter().find(|(known, _, _)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = reply::secured(StatusCode::OK, media, content.to_vec());
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(CACHE_CONTROL, forever);
    response
}

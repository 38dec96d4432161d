//! Reads a request's body up to a cap, in bounded time.

use super::problem::Problem;
use super::refusal::Refusal;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A sender that takes longer holds a connection for nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// The body, if it is at most `limit` bytes; a larger one is refused as soon as that is known.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    if announced(headers).is_some_and(|length| length > limit) {
        return Err(Refusal::TooLarge);
    }
    tokio::time::timeout(PATIENCE, collect(body, limit))
        .await
        .unwrap_or(Err(Refusal::Body("too slow")))
}

/// The body of an authenticated request as JSON, at most `limit` bytes of it.
pub(super) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<T, Problem> {
    let body = read(headers, body, limit).await.map_err(|refusal| {
        let status = match refusal {
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Problem::new(
            status,
            format!("body did not arrive, or is over {limit} bytes"),
        )
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        let said: String = error.to_string().chars().take(300).collect();
        Problem::bad_request(format!("body is not what is asked for: {said}"))
    })
}

/// `content-length`, where it is a number, however large.
fn announced(headers: &HeaderMap) -> Option<usize> {
    let text = headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    let number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    number.then(|| text.parse().unwrap_or(usize::MAX))
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Body("broken off"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if read.len() + data.len() > limit {
            return Err(Refusal::TooLarge);
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

//! A proxy in front of the DynamoDB emulator that throttles, fails and cuts answers off.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::sync::{Arc, Mutex};

/// Longest body of a request to DynamoDB, bytes.
const MAX_BODY: usize = 16 << 20;

struct Inner {
    target: String,
    client: reqwest::Client,
    percent: u32,
    rng: Mutex<StdRng>,
    refused: Mutex<usize>,
}

/// The proxy.
pub(super) struct Throttle {
    url: String,
    inner: Arc<Inner>,
}

impl Throttle {
    /// Stands before an emulator; disturbs so many of a hundred requests.
    pub(super) async fn before(target: &str, percent: u32, seed: u64) -> Self {
        let inner = Arc::new(Inner {
            target: target.to_owned(),
            client: reqwest::Client::new(),
            percent,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            refused: Mutex::default(),
        });
        let routes = Router::new().fallback(pass).with_state(Arc::clone(&inner));
        let address = crate::listen::serve(routes).await;
        Self {
            url: format!("http://{address}"),
            inner,
        }
    }

    /// Base URL.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Requests that were disturbed.
    pub(super) fn refused(&self) -> usize {
        *self.inner.refused.lock().unwrap()
    }
}

async fn pass(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY)
        .await
        .unwrap_or_default();
    let (disturbed, done) = {
        let mut rng = inner.rng.lock().unwrap();
        (
            rng.random_range(0..100) < inner.percent,
            rng.random_range(0..4) == 0,
        )
    };
    if !disturbed {
        return inner.forward(&parts, body).await;
    }
    *inner.refused.lock().unwrap() += 1;
    if done {
        // The work is done, but nobody learns of it.
        drop(inner.forward(&parts, body).await);
        return error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
    }
    error(
        StatusCode::BAD_REQUEST,
        "ProvisionedThroughputExceededException",
    )
}

fn error(status: StatusCode, code: &str) -> Response {
    let body = serde_json::json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"),
        "message": "the table is busy",
    });
    let json = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
    (status, json, body.to_string()).into_response()
}

impl Inner {
    async fn forward(&self, parts: &axum::http::request::Parts, body: Bytes) -> Response {
        let wanted = |name: &HeaderName| *name != header::HOST && *name != header::CONTENT_LENGTH;
        let headers = parts.headers.iter().filter(|(name, _)| wanted(name));
        let request = headers.fold(
            self.client
                .post(format!("{}{}", self.target, parts.uri.path())),
            |request, (name, value)| request.header(name, value),
        );
        let Ok(answer) = request.body(body).send().await else {
            return StatusCode::BAD_GATEWAY.into_response();
        };
        let status = answer.status();
        let kept = [header::CONTENT_TYPE, HeaderName::from_static("x-amz-crc32")];
        let headers = kept
            .into_iter()
            .filter_map(|name| Some((name.clone(), answer.headers().get(name)?.clone())))
            .collect::<axum::http::HeaderMap>();
        let body = answer.bytes().await.unwrap_or_default();
        (status, headers, body).into_response()
    }
}

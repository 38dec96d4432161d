//! Products that answer as they should, but for a share of the requests.

use super::slack::Channel;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Longest body that is read, bytes.
const MAX_BODY: usize = 16 << 20;

/// Which product is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Product {
    /// Its web API: `chat.postMessage`, `conversations.history`.
    Slack,
    /// Alerts by `sourceRef`, refused when it is there already.
    TheHive,
    /// Anything, told apart by `webhook-id`.
    Webhook,
}

/// How a request is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Good,
    TooMany,
    Unavailable,
    /// Nothing is done and nothing answered.
    Hang,
    /// It is done, but the answer never comes.
    DoneThenHang,
    /// It is done, but the answer breaks off.
    DoneThenCut,
}

const FAULTS: [Treatment; 5] = [
    Treatment::TooMany,
    Treatment::Unavailable,
    Treatment::Hang,
    Treatment::DoneThenHang,
    Treatment::DoneThenCut,
];

struct Inner {
    product: Product,
    fault_percent: u32,
    rng: Mutex<StdRng>,
    /// What the product holds: finding id → how often it took it as new. The master's own findings
    /// too: how many of those there are is not for a plan to say.
    taken: Mutex<BTreeMap<String, usize>>,
    /// Findings that are counted.
    expected: BTreeSet<String>,
    channel: Mutex<Channel>,
    faults: Mutex<usize>,
}

/// A server on loopback.
pub(super) struct Faulty {
    url: String,
    inner: Arc<Inner>,
}

impl Faulty {
    /// Starts one that misbehaves in so many of a hundred requests.
    pub(super) async fn start(
        product: Product,
        fault_percent: u32,
        seed: u64,
        expected: BTreeSet<String>,
    ) -> Self {
        let inner = Arc::new(Inner {
            product,
            fault_percent,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            taken: Mutex::default(),
            expected,
            channel: Mutex::default(),
            faults: Mutex::default(),
        });
        let routes = Router::new().fallback(take).with_state(Arc::clone(&inner));
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

    /// Findings that it has.
    pub(super) fn distinct(&self) -> usize {
        self.counted(|_| 1)
    }

    /// How often it took a finding that it had.
    pub(super) fn repeats(&self) -> usize {
        self.counted(|times| times.saturating_sub(1))
    }

    fn counted(&self, count: impl Fn(usize) -> usize) -> usize {
        let (taken, expected) = (self.inner.taken.lock().unwrap(), &self.inner.expected);
        let counted = taken.iter().filter(|(id, _)| expected.contains(*id));
        counted.map(|(_, times)| count(*times)).sum()
    }

    /// Requests that were not answered as they should.
    pub(super) fn faults(&self) -> usize {
        *self.inner.faults.lock().unwrap()
    }
}

async fn take(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(answer) = crate::receivers::looked_at(parts.uri.path()) {
        return answer;
    }
    let body = axum::body::to_bytes(body, MAX_BODY)
        .await
        .unwrap_or_default();
    let treatment = inner.treatment();
    if treatment != Treatment::Good {
        *inner.faults.lock().unwrap() += 1;
    }
    match treatment {
        Treatment::Good => inner.answer(&parts, &body),
        Treatment::TooMany => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response()
        }
        Treatment::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Treatment::Hang => std::future::pending().await,
        Treatment::DoneThenHang => {
            drop(inner.answer(&parts, &body));
            std::future::pending().await
        }
        Treatment::DoneThenCut => cut(inner.answer(&parts, &body).status()),
    }
}

/// An answer whose body ends in an error, so that the connection breaks.
fn cut(status: StatusCode) -> Response {
    let broken = futures::stream::iter([
        Ok(Bytes::from_static(b"{")),
        Err(std::io::Error::other("cut off")),
    ]);
    (status, Body::from_stream(broken)).into_response()
}

impl Inner {
    fn treatment(&self) -> Treatment {
        let mut rng = self.rng.lock().unwrap();
        if rng.random_range(0..100) >= self.fault_percent {
            return Treatment::Good;
        }
        FAULTS[rng.random_range(0..FAULTS.len())]
    }

    fn answer(&self, parts: &axum::http::request::Parts, body: &[u8]) -> Response {
        match self.product {
            Product::Slack => self.slack(parts, body),
            Product::TheHive => self.alert(body),
            Product::Webhook => {
                let id = parts.headers.get("webhook-id");
                let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
                // The receiver's part of idempotency: the same id is the same message.
                self.taken.lock().unwrap().entry(id.to_owned()).or_insert(1);
                StatusCode::NO_CONTENT.into_response()
            }
        }
    }

    fn slack(&self, parts: &axum::http::request::Parts, body: &[u8]) -> Response {
        let mut channel = self.channel.lock().unwrap();
        if parts.uri.path().ends_with("/conversations.history") {
            return axum::Json(channel.history(parts.uri.query().unwrap_or_default()))
                .into_response();
        }
        let message: Value = serde_json::from_slice(body).unwrap_or_default();
        let (finding, answer) = channel.post(&message);
        *self.taken.lock().unwrap().entry(finding).or_insert(0) += 1;
        axum::Json(answer).into_response()
    }

    fn alert(&self, body: &[u8]) -> Response {
        let alert: Value = serde_json::from_slice(body).unwrap_or_default();
        let source_ref = alert["sourceRef"].as_str().unwrap_or_default().to_owned();
        let mut taken = self.taken.lock().unwrap();
        if taken.contains_key(&source_ref) {
            let message = format!("Alert dial:dial:{source_ref} already exist in organisation soc");
            let error = json!({"type": "CreateError", "message": message});
            return (StatusCode::BAD_REQUEST, axum::Json(error)).into_response();
        }
        let created = json!({"_id": format!("~{}", taken.len()), "sourceRef": source_ref});
        taken.insert(source_ref, 1);
        (StatusCode::CREATED, axum::Json(created)).into_response()
    }
}

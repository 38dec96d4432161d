//! A Lambda Runtime API server: hands payloads to a real binary and waits for its answers.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot, watch};

/// What a function answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded, with this body.
    Response(String),
    /// It failed, with this diagnostic.
    Error(String),
}

impl Outcome {
    /// The body of a success as JSON; a failure fails the test.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Response(body) => serde_json::from_str(body).expect("the response is JSON"),
            Self::Error(error) => panic!("the function failed: {error}"),
        }
    }

    /// The text of a failure; a success fails the test.
    pub fn error(&self) -> &str {
        match self {
            Self::Error(error) => error,
            Self::Response(body) => panic!("the function succeeded: {body}"),
        }
    }
}

struct Event {
    id: String,
    payload: Bytes,
    deadline: SystemTime,
}

struct Inner {
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    waiting: Mutex<BTreeMap<String, oneshot::Sender<Outcome>>>,
    init_error: watch::Sender<Option<String>>,
}

/// One function's Runtime API.
pub struct RuntimeApi {
    address: String,
    queue: mpsc::UnboundedSender<Event>,
    inner: Arc<Inner>,
    number: std::sync::atomic::AtomicU64,
}

impl RuntimeApi {
    /// Listens on a free port of loopback.
    pub async fn start() -> Self {
        let (queue, events) = mpsc::unbounded_channel();
        let inner = Arc::new(Inner {
            events: tokio::sync::Mutex::new(events),
            waiting: Mutex::default(),
            init_error: watch::Sender::new(None),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(response),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::clone(&inner));
        Self {
            address: crate::listen::serve(routes).await.to_string(),
            queue,
            inner,
            number: 0.into(),
        }
    }

    /// `host:port`, for `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Invokes the function with 30 seconds to go.
    pub async fn invoke(&self, payload: impl Into<Bytes>) -> Outcome {
        self.invoke_within(payload, Duration::from_secs(30)).await
    }

    /// Invokes the function; an answer after its deadline fails the test.
    pub async fn invoke_within(&self, payload: impl Into<Bytes>, limit: Duration) -> Outcome {
        let number = self
            .number
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let id = format!("request-{number}");
        let (answer, answered) = oneshot::channel();
        self.inner
            .waiting
            .lock()
            .unwrap()
            .insert(id.clone(), answer);
        let event = Event {
            id,
            payload: payload.into(),
            deadline: SystemTime::now() + limit,
        };
        self.queue
            .send(event)
            .expect("the server holds the receiver");
        tokio::time::timeout(limit, answered)
            .await
            .expect("the function answers before its deadline")
            .expect("the answer comes from the server")
    }

    /// The text of the init error, once the function reports one.
    pub async fn init_error(&self) -> String {
        let mut errors = self.inner.init_error.subscribe();
        let reported = errors.wait_for(Option::is_some);
        let reported = tokio::time::timeout(Duration::from_secs(30), reported);
        let text = reported.await.expect("the function reports an init error");
        text.expect("the sender lives").clone().unwrap_or_default()
    }
}

async fn next(State(inner): State<Arc<Inner>>) -> Response {
    let Some(event) = inner.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = event.deadline.duration_since(SystemTime::UNIX_EPOCH);
    let deadline = deadline.expect("after 1970").as_millis().to_string();
    let arn = "arn:aws:lambda:eu-west-1:111122223333:function:dial";
    let headers = [
        ("lambda-runtime-aws-request-id", event.id),
        ("lambda-runtime-deadline-ms", deadline),
        ("lambda-runtime-invoked-function-arn", arn.to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event.payload).into_response()
}

async fn response(state: State<Arc<Inner>>, id: Path<String>, body: Bytes) -> StatusCode {
    settle(&state, &id, Outcome::Response(text(&body)))
}

async fn error(state: State<Arc<Inner>>, id: Path<String>, body: Bytes) -> StatusCode {
    settle(&state, &id, Outcome::Error(text(&body)))
}

async fn init_error(State(inner): State<Arc<Inner>>, _: HeaderMap, body: Bytes) -> StatusCode {
    inner.init_error.send_replace(Some(text(&body)));
    StatusCode::ACCEPTED
}

fn settle(inner: &Inner, id: &str, outcome: Outcome) -> StatusCode {
    match inner.waiting.lock().unwrap().remove(id) {
        Some(waiting) => {
            // A test that gave up waiting has failed already.
            let _ = waiting.send(outcome);
            StatusCode::ACCEPTED
        }
        None => StatusCode::BAD_REQUEST,
    }
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

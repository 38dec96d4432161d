//! Fake Slack, TheHive and webhook servers: record what comes, answer as told.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

/// One request that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// `POST`, say.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Status that was answered; `None` where the answer never came.
    pub status: Option<u16>,
}

impl Received {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What to answer instead of the usual.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status with headers and no body to speak of.
    Status(u16, Vec<(&'static str, String)>),
    /// Never.
    Hang,
}

/// Which product the server plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Product {
    SlackWebhook,
    SlackApi,
    TheHive,
    Webhook,
    OpenSearch,
}

struct Inner {
    product: Product,
    received: Mutex<Vec<Received>>,
    script: Mutex<VecDeque<Answer>>,
    always: Mutex<Option<Answer>>,
    /// `sourceRef`s that TheHive has.
    alerts: Mutex<BTreeSet<String>>,
}

/// A server on loopback that plays a product.
#[derive(Clone)]
pub struct Receiver {
    url: String,
    inner: Arc<Inner>,
}

impl Receiver {
    /// A Slack incoming webhook: answers `ok`.
    pub async fn slack_webhook() -> Self {
        Self::start(Product::SlackWebhook).await
    }

    /// Slack's web API: `chat.postMessage` answers with channel and `ts`.
    pub async fn slack_api() -> Self {
        Self::start(Product::SlackApi).await
    }

    /// TheHive 5: 201 for a new alert, 400 `CreateError` for a `sourceRef` that it has.
    pub async fn thehive() -> Self {
        Self::start(Product::TheHive).await
    }

    /// A webhook that answers 204.
    pub async fn webhook() -> Self {
        Self::start(Product::Webhook).await
    }

    /// `OpenSearch`: takes every document of a bulk request.
    pub async fn opensearch() -> Self {
        Self::start(Product::OpenSearch).await
    }

    async fn start(product: Product) -> Self {
        let inner = Arc::new(Inner {
            product,
            received: Mutex::default(),
            script: Mutex::default(),
            always: Mutex::default(),
            alerts: Mutex::default(),
        });
        let routes = Router::new().fallback(take).with_state(Arc::clone(&inner));
        let address = crate::listen::serve(routes).await;
        Self {
            url: format!("http://{address}"),
            inner,
        }
    }

    /// Base URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next requests so, one each, before the usual answers come again.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.inner.script.lock().unwrap().extend(answers);
    }

    /// Answers every request so until told otherwise.
    pub fn answer_always(&self, answer: Option<Answer>) {
        *self.inner.always.lock().unwrap() = answer;
    }

    /// Everything that came, in order.
    pub fn received(&self) -> Vec<Received> {
        self.inner.received.lock().unwrap().clone()
    }

    /// What was answered with success.
    pub fn delivered(&self) -> Vec<Received> {
        let mut received = self.received();
        received.retain(|r| r.status.is_some_and(|status| (200..300).contains(&status)));
        received
    }

    /// Waits until at least `count` requests were answered with success.
    pub async fn wait_delivered(&self, count: usize) -> Vec<Received> {
        crate::poll::until("requests at a receiver", || async {
            Some(self.delivered()).filter(|delivered| delivered.len() >= count)
        })
        .await
    }

    /// Waits until at least `count` requests came, whatever was answered.
    pub async fn wait_received(&self, count: usize) -> Vec<Received> {
        crate::poll::until("requests at a receiver", || async {
            Some(self.received()).filter(|received| received.len() >= count)
        })
        .await
    }
}

async fn take(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(answer) = looked_at(parts.uri.path()) {
        return answer;
    }
    let body = axum::body::to_bytes(body, 16 << 20)
        .await
        .unwrap_or_default();
    let scripted = inner.script.lock().unwrap().pop_front();
    let scripted = scripted.or_else(|| inner.always.lock().unwrap().clone());
    let response = match &scripted {
        Some(Answer::Hang) => None,
        Some(Answer::Status(status, headers)) => Some(scripted_status(*status, headers)),
        None => Some(usual(&inner, parts.uri.path(), &body)),
    };
    inner.received.lock().unwrap().push(Received {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body,
        status: response.as_ref().map(|response| response.status().as_u16()),
    });
    match response {
        Some(response) => response,
        None => std::future::pending().await,
    }
}

/// The master looks at its sinks now and then; that is no message, and no script answers it.
pub(crate) fn looked_at(path: &str) -> Option<Response> {
    let answer = match path.rsplit('/').next()? {
        "auth.test" => json!({"ok": true, "team": "soc", "user": "dial"}),
        "current" => json!({"login": "dial@example.org"}),
        _ => return None,
    };
    Some(axum::Json(answer).into_response())
}

fn scripted_status(status: u16, headers: &[(&'static str, String)]) -> Response {
    let builder = headers.iter().fold(
        Response::builder().status(status),
        |builder, (name, value)| builder.header(*name, value),
    );
    builder
        .body(Body::from("scripted"))
        .expect("a valid answer")
}

fn usual(inner: &Inner, path: &str, body: &[u8]) -> Response {
    let count = inner.received.lock().unwrap().len();
    match inner.product {
        Product::SlackWebhook => "ok".into_response(),
        Product::SlackApi if path.ends_with("chat.postMessage") => {
            let sent: Value = serde_json::from_slice(body).unwrap_or_default();
            let ts = format!("1700000000.{count:06}");
            axum::Json(json!({"ok": true, "channel": sent["channel"], "ts": ts})).into_response()
        }
        Product::SlackApi => axum::Json(json!({"ok": true, "messages": []})).into_response(),
        Product::TheHive => alert(inner, body, count),
        Product::Webhook => StatusCode::NO_CONTENT.into_response(),
        Product::OpenSearch => bulk(body),
    }
}

/// An item for each pair of lines, named as the action of the pair.
fn bulk(body: &[u8]) -> Response {
    let text = String::from_utf8_lossy(body).into_owned();
    let heads = text.lines().step_by(2);
    let heads = heads.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let items = heads.map(|head| {
        let action = head.as_object().and_then(|head| head.iter().next());
        let (action, place) = action.expect("an action names itself");
        json!({ action.clone(): {"_id": place["_id"], "status": 201} })
    });
    let items: Vec<Value> = items.collect();
    axum::Json(json!({"took": 1, "errors": false, "items": items})).into_response()
}

fn alert(inner: &Inner, body: &[u8], count: usize) -> Response {
    let alert: Value = serde_json::from_slice(body).unwrap_or_default();
    let source_ref = alert["sourceRef"].as_str().unwrap_or_default().to_owned();
    let is_new = inner.alerts.lock().unwrap().insert(source_ref.clone());
    if is_new {
        let created = json!({"_id": format!("~{count}"), "sourceRef": source_ref});
        (StatusCode::CREATED, axum::Json(created)).into_response()
    } else {
        let message = format!("Alert dial:dial:{source_ref} already exist in organisation demo");
        let error = json!({"type": "CreateError", "message": message});
        (StatusCode::BAD_REQUEST, axum::Json(error)).into_response()
    }
}

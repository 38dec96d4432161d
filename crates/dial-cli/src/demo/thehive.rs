//! A TheHive look-alike on loopback: takes alerts as version 5 does and refuses a second one of
//! the same `type`, `source` and `sourceRef`.

use super::arrivals::{Arrivals, is_bearer};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// The organisation.
#[derive(Clone)]
pub(super) struct Organisation(Arc<Inner>);

struct Inner {
    key: String,
    alerts: Mutex<Vec<Value>>,
    arrivals: Arrivals,
}

impl Organisation {
    /// An organisation whose user has this API key.
    pub(super) fn new(key: &str, arrivals: Arrivals) -> Self {
        Self(Arc::new(Inner {
            key: key.to_owned(),
            alerts: Mutex::new(Vec::new()),
            arrivals,
        }))
    }

    /// The part of the API that makes and finds alerts.
    pub(super) fn api(&self) -> Router {
        Router::new()
            .route("/api/v1/alert", post(create))
            .route("/api/v1/alert/{id}", patch(change))
            .route("/api/v1/query", post(query))
            .route("/api/v1/user/current", get(user))
            .with_state(self.clone())
    }

    fn alerts(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.0.alerts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Answer = (StatusCode, Json<Value>);

fn refused(status: StatusCode, kind: &str, message: &str) -> Answer {
    (status, Json(json!({"type": kind, "message": message})))
}

fn unknown_user() -> Answer {
    refused(
        StatusCode::UNAUTHORIZED,
        "AuthenticationError",
        "Authentication failure",
    )
}

fn identity(alert: &Value) -> [&Value; 3] {
    ["type", "source", "sourceRef"].map(|name| &alert[name])
}

async fn create(
    State(organisation): State<Organisation>,
    headers: HeaderMap,
    Json(mut alert): Json<Value>,
) -> Answer {
    if !is_bearer(&headers, &organisation.0.key) {
        return unknown_user();
    }
    let missing = ["type", "source", "sourceRef", "title", "description"]
        .into_iter()
        .find(|name| alert[*name].as_str().is_none_or(str::is_empty));
    if let Some(name) = missing {
        let message = format!("{name} is missing");
        return refused(StatusCode::BAD_REQUEST, "AttributeCheckingError", &message);
    }
    let mut alerts = organisation.alerts();
    if alerts
        .iter()
        .any(|known| identity(known) == identity(&alert))
    {
        let message = format!(
            "Alert dial:{} already exist in organisation demo",
            alert["sourceRef"]
        );
        return refused(StatusCode::BAD_REQUEST, "CreateError", &message);
    }
    alert["_id"] = json!(format!("~{}", 4_096 * (alerts.len() + 1)));
    alerts.push(alert.clone());
    drop(alerts);
    organisation.0.arrivals.note("thehive", alert.clone());
    (StatusCode::CREATED, Json(alert))
}

/// Takes what is said of an alert; nothing of it is shown.
async fn change(
    State(organisation): State<Organisation>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    if !is_bearer(&headers, &organisation.0.key) {
        return unknown_user();
    }
    if organisation.alerts().iter().any(|alert| alert["_id"] == id) {
        return (StatusCode::NO_CONTENT, Json(Value::Null));
    }
    refused(StatusCode::NOT_FOUND, "NotFoundError", "Alert not found")
}

/// Says whose key it is.
async fn user(State(organisation): State<Organisation>, headers: HeaderMap) -> Answer {
    if !is_bearer(&headers, &organisation.0.key) {
        return unknown_user();
    }
    (StatusCode::OK, Json(json!({"login": "dial@demo"})))
}

/// Knows one query only: alerts by the fields that the filter names.
async fn query(
    State(organisation): State<Organisation>,
    headers: HeaderMap,
    Json(query): Json<Value>,
) -> Answer {
    if !is_bearer(&headers, &organisation.0.key) {
        return unknown_user();
    }
    let steps = query["query"].as_array().cloned().unwrap_or_default();
    let wanted: Vec<(String, Value)> = steps
        .iter()
        .filter_map(|step| step["_and"].as_array())
        .flatten()
        .filter_map(|field| {
            Some((
                field["_field"].as_str()?.to_owned(),
                field["_value"].clone(),
            ))
        })
        .collect();
    let alerts = organisation.alerts();
    let found: Vec<Value> = alerts
        .iter()
        .filter(|alert| {
            wanted
                .iter()
                .all(|(name, value)| &alert[name.as_str()] == value)
        })
        .cloned()
        .collect();
    (StatusCode::OK, Json(json!(found)))
}

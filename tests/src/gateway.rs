//! An API Gateway HTTP API in front of a Lambda function: HTTP in, payload format 2.0 to the function.

use crate::runtime_api::{Outcome, RuntimeApi};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Content types whose bodies a function gets as text; all others come as base64.
const TEXT: [&str; 4] = [
    "text/",
    "application/json",
    "application/xml",
    "application/javascript",
];

/// Serves on a free port of loopback; returns the base URL.
pub async fn serve(function: Arc<RuntimeApi>) -> String {
    let routes = Router::new().fallback(pass).with_state(function);
    format!("http://{}", crate::listen::serve(routes).await)
}

async fn pass(State(function): State<Arc<RuntimeApi>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 10 << 20).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let event = payload(&parts, &body).to_string();
    match function.invoke(event).await {
        Outcome::Response(answer) => respond(&answer),
        Outcome::Error(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The event of payload format 2.0.
fn payload(parts: &axum::http::request::Parts, body: &Bytes) -> Value {
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let (text, is_base64) = encode(&parts.headers, body);
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&parts.headers),
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.9",
                "userAgent": "test",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/May/2026:10:00:00 +0000",
            "timeEpoch": 1_777_629_600_000_i64,
        },
        "body": text,
        "isBase64Encoded": is_base64,
    })
}

/// Names in lower case, values of one name joined by commas.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let join = |name| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|v| String::from_utf8_lossy(v.as_bytes()))
            .collect();
        values.join(",")
    };
    headers
        .keys()
        .map(|name| (name.to_string(), join(name).into()))
        .collect()
}

fn encode(headers: &HeaderMap, body: &Bytes) -> (Value, bool) {
    if body.is_empty() {
        return (Value::Null, false);
    }
    let kind = headers
        .get("content-type")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    match std::str::from_utf8(body) {
        Ok(text) if TEXT.iter().any(|text| kind.starts_with(text)) => (text.into(), false),
        _ => (STANDARD.encode(body).into(), true),
    }
}

/// Turns the function's answer into HTTP.
fn respond(answer: &str) -> Response {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let status = answer["statusCode"]
        .as_u64()
        .and_then(|s| u16::try_from(s).ok());
    let mut builder = Response::builder().status(status.unwrap_or(502));
    let single = answer["headers"].as_object().into_iter().flatten();
    for (name, value) in single {
        builder = builder.header(name, value.as_str().unwrap_or_default());
    }
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true {
        STANDARD.decode(text).unwrap_or_default()
    } else {
        text.as_bytes().to_vec()
    };
    builder
        .body(Body::from(body))
        .expect("the function answers with valid headers")
}

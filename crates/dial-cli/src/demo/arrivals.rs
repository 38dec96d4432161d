//! What the look-alikes received, and when.

use axum::http::{HeaderMap, header};
use serde_json::Value;
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// One message that a look-alike took.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Which look-alike.
    pub(super) sink: &'static str,
    /// What was sent.
    pub(super) body: Value,
    /// When.
    pub(super) at: Instant,
}

/// Where look-alikes note what they take.
#[derive(Debug, Clone)]
pub(super) struct Arrivals(UnboundedSender<Arrival>);

impl Arrivals {
    /// A place to note, and the end to read.
    pub(super) fn new() -> (Self, UnboundedReceiver<Arrival>) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), receiver)
    }

    /// Notes a message taken now.
    pub(super) fn note(&self, sink: &'static str, body: Value) {
        let arrival = Arrival {
            sink,
            body,
            at: Instant::now(),
        };
        // Nobody reads any more once the demo has ended.
        let _ = self.0.send(arrival);
    }
}

/// Whether a request shows this bearer token.
pub(super) fn is_bearer(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(header::AUTHORIZATION);
    shown.is_some_and(|value| value.as_bytes() == format!("Bearer {token}").as_bytes())
}

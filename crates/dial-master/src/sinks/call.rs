//! What a sink asks the executor to send, and what it gets back.

use crate::message::text::inert;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use dial_core::Secret;
use dial_core::ports::Signing;
use dial_core::store::unanswered::Span;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::Url;
use serde::de::DeserializeOwned;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Longest part of a foreign answer that a reason repeats, characters.
const MAX_SAID: usize = 200;

/// One HTTP request; `Debug` shows neither path, header values nor body, for they hold secrets.
#[derive(Clone)]
pub struct Call {
    /// The sink's own word for it; comes back with the reply.
    pub step: &'static str,
    /// Method.
    pub method: Method,
    /// Checked by the address guard before it is used.
    pub url: Url,
    /// Headers; the secret ones are marked sensitive.
    pub headers: HeaderMap,
    /// Body, sent as it is.
    pub body: Vec<u8>,
    /// How long to wait before it is sent.
    pub wait: Duration,
    /// By which port it leaves.
    pub via: Via,
    /// Times of earlier attempts that are still to be looked at once it is answered, where this
    /// changes; see [`Job::unanswered`](super::Job::unanswered).
    pub unanswered: Option<Vec<Span>>,
}

/// By which port a call leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Via {
    /// HTTP as it is.
    #[default]
    Http,
    /// HTTP, signed for an AWS service as the last thing before it leaves.
    Signed(Box<Signing>),
    /// The body becomes a line of a file.
    File(Box<Line>),
}

/// A line of a file of JSON Lines; the body is its text, without line breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The file; made where it is missing.
    pub path: PathBuf,
    /// `metadata.uid` of the line, by which one that is there already is known.
    pub uid: String,
    /// Whether an earlier attempt may have written it.
    pub look: bool,
}

/// The answer to a [`Call`].
#[derive(Debug, Clone)]
pub struct Reply {
    /// Which call it answers.
    pub step: &'static str,
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, from now on.
    pub retry_after: Option<Duration>,
    /// The body's first bytes; the executor bounds them.
    pub body: Vec<u8>,
}

impl Call {
    /// A POST of JSON.
    pub fn post_json(step: &'static str, url: &Url, body: &serde_json::Value) -> Self {
        Self::post(step, url, body.to_string().into_bytes())
    }

    /// Another method with a body of JSON.
    pub fn json(step: &'static str, method: Method, url: &Url, body: &serde_json::Value) -> Self {
        Self {
            method,
            ..Self::post_json(step, url, body)
        }
    }

    /// A POST of JSON text.
    pub fn post(step: &'static str, url: &Url, body: Vec<u8>) -> Self {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        Self {
            step,
            method: Method::POST,
            url: url.clone(),
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json)]),
            body,
            wait: Duration::ZERO,
            via: Via::Http,
            unanswered: None,
        }
    }

    /// A GET: it changes nothing.
    pub fn get(step: &'static str, url: &Url) -> Self {
        Self {
            step,
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            wait: Duration::ZERO,
            via: Via::Http,
            unanswered: None,
        }
    }

    /// Remembers which times of earlier attempts are still to be looked at.
    #[must_use]
    pub fn unanswered(self, left: Vec<Span>) -> Self {
        Self {
            unanswered: Some(left),
            ..self
        }
    }

    /// Sends it only after a while; the time counts towards the attempt.
    #[must_use]
    pub fn wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// Has it signed for an AWS service.
    #[must_use]
    pub fn signed(mut self, signing: Signing) -> Self {
        self.via = Via::Signed(Box::new(signing));
        self
    }

    /// Appends a line to a file instead of sending it.
    pub fn append(step: &'static str, url: &Url, line: Line, body: Vec<u8>) -> Self {
        Self {
            via: Via::File(Box::new(line)),
            ..Self::post(step, url, body)
        }
    }

    /// Adds a header, replacing one of that name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// A header value that never prints itself; `None` where the secret holds what no header may.
pub fn secret_header(prefix: &str, secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("{prefix}{}", secret.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Basic authorization (RFC 7617) that never prints itself.
pub fn basic_header(user: &str, password: &Secret) -> HeaderValue {
    let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
    secret_header("Basic ", &Secret::new(&pair)).expect("base64 is ASCII")
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("step", &self.step)
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Reply {
    /// The body as JSON, where it is that.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What the other side said, short and harmless, for reasons that people read.
    pub fn said(&self) -> String {
        inert(&String::from_utf8_lossy(&self.body), MAX_SAID)
    }

    /// `answered 503: overloaded`.
    pub fn reason(&self) -> String {
        match self.said() {
            said if said.is_empty() => format!("answered {}", self.status),
            said => format!("answered {}: {said}", self.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let url = Url::parse("https://hooks.slack.com/services/T0/B0/sEcReT").unwrap();
        let value = secret_header("Bearer ", &Secret::new("xoxb-sEcReT")).unwrap();
        let call =
            Call::post("post", &url, b"sEcReT".to_vec()).header(header::AUTHORIZATION, value);
        let shown = format!("{call:?} {:?}", call.headers);
        assert!(!shown.contains("sEcReT"), "{shown}");
        assert!(shown.contains("hooks.slack.com"), "{shown}");
    }

    #[test]
    fn a_secret_with_a_line_break_makes_no_header() {
        assert!(secret_header("Bearer ", &Secret::new("a\r\nb: c")).is_none());
    }
}

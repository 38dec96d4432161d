//! Performs a sink's calls over HTTP: no redirects, no proxies, bounded answers, guarded names.

use crate::sinks::guard::{Guard, Refused};
use crate::sinks::{Call, Reply};
use async_trait::async_trait;
use http::{HeaderMap, header};
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Most bytes of an answer that are read; a page of Slack messages fits.
const MAX_REPLY: usize = 2 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no answer; whether the other side got the call is not known.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address is not one that sinks may have.
    #[error("address {0}")]
    Refused(#[from] Refused),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// Name, connection, TLS or HTTP failed; never holds the URL.
    #[error("{0}")]
    Failed(String),
}

/// Performs calls.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a call and reads its answer within `timeout`.
    async fn perform(&self, call: Call, timeout: Duration) -> Result<Reply, TransportError>;
}

/// The real one.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    guard: Guard,
}

impl Http {
    /// A client that reaches only addresses that the guard allows.
    pub fn new(guard: Guard) -> Result<Self, TransportError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("dial/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            // A proxy from the environment would resolve names where the guard cannot see.
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(Arc::new(Guarded { guard }))
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self { client, guard })
    }

    async fn exchange(&self, call: Call) -> Result<Reply, reqwest::Error> {
        let request = self.client.request(call.method, call.url);
        let mut response = request.headers(call.headers).body(call.body).send().await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            let room = MAX_REPLY.saturating_sub(body.len());
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if body.len() >= MAX_REPLY {
                break;
            }
        }
        Ok(Reply {
            step: call.step,
            status: response.status().as_u16(),
            retry_after: retry_after(response.headers(), Timestamp::now()),
            body,
        })
    }
}

#[async_trait]
impl Transport for Http {
    async fn perform(&self, call: Call, timeout: Duration) -> Result<Reply, TransportError> {
        self.guard.check(&call.url)?;
        match tokio::time::timeout(timeout, self.exchange(call)).await {
            Ok(result) => result.map_err(|error| failed(&error)),
            Err(_) => Err(TransportError::Timeout(timeout)),
        }
    }
}

/// Says what went wrong without the URL, which may be a secret.
fn failed(error: &reqwest::Error) -> TransportError {
    let mut deepest = error.source();
    while let Some(next) = deepest.and_then(std::error::Error::source) {
        deepest = Some(next);
    }
    let what = if error.is_connect() {
        "cannot connect"
    } else {
        "request failed"
    };
    TransportError::Failed(match deepest {
        Some(cause) => format!("{what}: {cause}"),
        None => what.to_owned(),
    })
}

/// Seconds or an HTTP date, as time from `now` on.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// Resolves names and keeps only the addresses that sinks may have, so that a name cannot be
/// moved inside after it was checked.
struct Guarded {
    guard: Guard,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(allowed(guard, found.collect())?)
        })
    }
}

fn allowed(guard: Guard, found: Vec<SocketAddr>) -> Result<Addrs, Refused> {
    let first = found.first().map(ToString::to_string).unwrap_or_default();
    let kept: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| guard.allows(address.ip()))
        .collect();
    if kept.is_empty() {
        return Err(Refused::Private(first));
    }
    Ok(Box::new(kept.into_iter()))
}

//! One signed POST to the master, and what its answer means.

use crate::keyring::Signer;
use crate::retry::retry_after;
use bytes::Bytes;
use dial_core::signature::{TOLERANCE_SECONDS, sign};
use dial_core::wire::{Accepted, CONTENT_TYPE, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{ACCEPT, CONTENT_ENCODING, DATE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Most bytes read of an answer; a hundred rejections with reasons stay far below.
const MAX_ANSWER: usize = 256 * 1024;
/// A frozen Lambda's connections are dead after the thaw; do not keep them long.
const IDLE: Duration = Duration::from_secs(30);

/// One HTTP client for all that goes to the master, built when first needed.
#[derive(Debug, Clone, Default)]
pub struct SharedClient(Arc<OnceLock<Client>>);

/// The door to one URL of the master.
pub(crate) struct Post {
    url: Url,
    client: SharedClient,
}

/// A single request that was not taken.
pub(crate) struct Untaken {
    /// What was met.
    pub(crate) reason: String,
    /// Whether the master does not know the key.
    pub(crate) unauthenticated: bool,
}

/// What one attempt needs.
pub(crate) struct Attempt<'a> {
    /// Signs.
    pub(crate) signer: &'a Signer,
    /// `webhook-id`.
    pub(crate) id: &'a str,
    /// Gzip, as signed and sent.
    pub(crate) body: &'a Bytes,
    /// How many findings the body holds.
    pub(crate) findings: usize,
    /// For the whole attempt.
    pub(crate) timeout: Duration,
}

/// What the attempt came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Durable at the master.
    Taken(Accepted),
    /// Come again.
    Again {
        /// What was met.
        reason: String,
        /// What the master asks for.
        after: Option<Duration>,
    },
    /// The master does not accept the key; another one may do.
    Unauthenticated(String),
    /// Asking again gives the same.
    Refused(String),
}

impl SharedClient {
    /// TLS roots cost more than a whole start without them: built at the first finding.
    pub(crate) fn get(&self) -> reqwest::Result<Client> {
        if let Some(client) = self.0.get() {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("dial-worker/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(self.0.get_or_init(|| client).clone())
    }
}

impl Post {
    pub(crate) fn new(url: Url, client: SharedClient) -> Self {
        Self { url, client }
    }

    /// Signs with the time of this attempt and sends.
    pub(crate) async fn attempt(&self, attempt: Attempt<'_>) -> Answer {
        match self.exchange(&attempt).await {
            Ok(answer) => answer,
            Err(error) => Answer::Again {
                reason: describe(&error),
                after: None,
            },
        }
    }

    /// Sends to another path of the same master, once; any status but 200 is an error.
    pub(crate) async fn knock(&self, url: &Url, attempt: &Attempt<'_>) -> Result<(), Untaken> {
        let sent = self.request(url, attempt).await;
        let (response, now) = sent.map_err(|error| Untaken {
            reason: describe(&error),
            unauthenticated: false,
        })?;
        match response.status() {
            StatusCode::OK => Ok(()),
            status => Err(Untaken {
                reason: refusal(status, &response, now),
                unauthenticated: status == StatusCode::UNAUTHORIZED,
            }),
        }
    }

    async fn exchange(&self, attempt: &Attempt<'_>) -> reqwest::Result<Answer> {
        let (response, now) = self.request(&self.url, attempt).await?;
        judge(response, attempt.findings, now).await
    }

    async fn request(
        &self,
        url: &Url,
        attempt: &Attempt<'_>,
    ) -> reqwest::Result<(Response, Timestamp)> {
        let now = Timestamp::now();
        let signer = attempt.signer;
        let signature = sign(&signer.key, attempt.id, now.as_second(), attempt.body);
        let response = self
            .client
            .get()?
            .post(url.clone())
            .timeout(attempt.timeout)
            .header("content-type", CONTENT_TYPE)
            .header(CONTENT_ENCODING, "gzip")
            .header(ACCEPT, "application/json")
            .header(header::ID, attempt.id)
            .header(header::TIMESTAMP, now.as_second())
            .header(header::SIGNATURE, signature)
            .header(header::WORKER, signer.worker.to_string())
            .header(header::KEY, signer.key_id.to_string())
            .body(attempt.body.clone())
            .send()
            .await?;
        Ok((response, now))
    }
}

async fn judge(response: Response, findings: usize, now: Timestamp) -> reqwest::Result<Answer> {
    let status = response.status();
    let asked = response.headers().get(RETRY_AFTER);
    let after = asked.and_then(|value| retry_after(value.to_str().ok()?, now));
    if status == StatusCode::OK {
        let body = bounded(response).await?;
        return Ok(counted(body.as_deref(), findings));
    }
    let reason = refusal(status, &response, now);
    let transient = status.is_server_error()
        || status.is_success()
        || matches!(status.as_u16(), 408 | 425 | 429);
    Ok(if transient {
        Answer::Again { reason, after }
    } else if status == StatusCode::UNAUTHORIZED {
        Answer::Unauthenticated(reason)
    } else {
        Answer::Refused(reason)
    })
}

/// The status; where the clocks differ by more than the master bears, that too: it says only 401.
pub(crate) fn refusal(status: StatusCode, response: &Response, now: Timestamp) -> String {
    let reason = format!("HTTP status {}", status.as_u16());
    if status != StatusCode::UNAUTHORIZED {
        return reason;
    }
    let date = response.headers().get(DATE);
    let date = date.and_then(|date| rfc2822::parse(date.to_str().ok()?).ok());
    let ahead = date.map(|date| now.as_second() - date.timestamp().as_second());
    match ahead {
        Some(ahead) if ahead.unsigned_abs() > TOLERANCE_SECONDS => {
            format!("{reason}; this clock is {ahead} s ahead of the master's, set it right")
        }
        _ => reason,
    }
}

/// Believes a 200 only when it accounts for every finding: something else may have answered.
fn counted(body: Option<&[u8]>, findings: usize) -> Answer {
    let again = |reason: &str| Answer::Again {
        reason: reason.into(),
        after: None,
    };
    let parsed = body.and_then(|body| serde_json::from_slice::<Accepted>(body).ok());
    let Some(accepted) = parsed else {
        return again("HTTP status 200 without the master's answer");
    };
    let counts = [accepted.accepted, accepted.duplicates]
        .map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let total = counts
        .into_iter()
        .fold(accepted.rejected.len(), usize::saturating_add);
    if total == findings {
        Answer::Taken(accepted)
    } else {
        again("HTTP status 200, but the counts do not add up")
    }
}

/// The body, or `None` when it is longer than any answer of a master.
pub(crate) async fn bounded(mut response: Response) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// The error with its causes: reqwest's own text stops at "error sending request".
pub(crate) fn describe(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

//! The key of a worker that enrols: asked of the master by proof of the account, kept in memory.
//!
//! Renewed at half its life. A master that is away costs nothing until the key has ended; then
//! findings cannot be signed, and whoever gave the event keeps it.

use crate::keyring::{Keyring, KeyringError, Signer};
use crate::post::{SharedClient, bounded, describe};
use crate::retry::{Policy, retry_after};
use async_trait::async_trait;
use dial_core::enrolment::{self, Audience, ENROL_PATH, Enrolled, Enrolment, QUESTION, SERVICE};
use dial_core::key::{KeyId, WorkerKey};
use dial_core::ports::{RequestSigner, Signing, Unsigned};
use dial_core::{Secret, WorkerId};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode, Url};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

/// Wait before another try to renew a key that still holds, seconds; as much again by jitter.
const PAUSE: i64 = 60;
/// A key this young that is refused would be followed by one that is refused as well, seconds.
const YOUNG: i64 = 60;
/// Seconds before its end in which a key is no longer signed with: the request takes its time.
const MARGIN: i64 = 30;
/// Tries of one enrolment.
const TRIES: Policy = Policy {
    attempts: 3,
    base: Duration::from_millis(200),
    cap: Duration::from_secs(2),
};

/// Says what time it is; tests decide.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Where to enrol, and as whom.
pub struct Settings {
    /// Base URL of the master.
    pub master: Url,
    /// Account and region that the key is asked for.
    pub worker: WorkerId,
    /// Longest enrolment with its retries.
    pub timeout: Duration,
}

/// The key that the master gave, if it gave one.
pub struct EnrolledKey {
    settings: Settings,
    audience: Audience,
    url: Url,
    signer: Arc<dyn RequestSigner>,
    client: SharedClient,
    clock: Clock,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    key: Option<Key>,
    /// No try to renew before.
    not_before: Option<Timestamp>,
}

struct Key {
    signer: Arc<Signer>,
    given_at: Timestamp,
    renew_at: Timestamp,
    ends_at: Timestamp,
}

/// Why a master cannot be enrolled at.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The answer holds a key.
    #[error("enrolment needs https: the answer holds a key")]
    Plain,
    /// The region has no STS.
    #[error("`{0}` is no region of AWS, so no STS there can prove the account")]
    Region(String),
    /// The URL does not do as a name.
    #[error(transparent)]
    Audience(#[from] enrolment::AudienceError),
}

impl EnrolledKey {
    /// Remembers where to enrol; asks nobody yet.
    pub fn new(
        settings: Settings,
        signer: Arc<dyn RequestSigner>,
        client: SharedClient,
        clock: Clock,
    ) -> Result<Self, UrlError> {
        if settings.master.scheme() != "https" && !crate::config::is_loopback(&settings.master) {
            return Err(UrlError::Plain);
        }
        let region = &settings.worker.region;
        if enrolment::sts_host(region).is_none() {
            return Err(UrlError::Region(region.to_string()));
        }
        Ok(Self {
            audience: Audience::parse(settings.master.as_str())?,
            url: crate::send::endpoint(&settings.master, ENROL_PATH),
            settings,
            signer,
            client,
            clock,
            held: Mutex::default(),
        })
    }

    /// A new key, after as many tries as there is time for.
    async fn enrol(&self, now: Timestamp) -> Result<Key, String> {
        let deadline = Instant::now() + self.settings.timeout;
        let mut made = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            made += 1;
            let failure = match self.ask(now, left).await {
                Ok(key) => return Ok(key),
                Err(failure) => failure,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = TRIES.wait(made, failure.after, left, rand::random());
            match wait.filter(|_| failure.may_pass) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(failure.reason),
            }
        }
    }

    async fn ask(&self, now: Timestamp, left: Duration) -> Result<Key, Failure> {
        let proof = self.prove().await?;
        let sent = self
            .client
            .get()
            .map_err(|error| Failure::passing(describe(&error)))?
            .post(self.url.clone())
            .timeout(left)
            .header("content-type", "application/json")
            .body(proof.to_json())
            .send()
            .await;
        let response = sent.map_err(|error| Failure::passing(describe(&error)))?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response, now).await);
        }
        let body = bounded(response).await;
        let body = body.map_err(|error| Failure::passing(describe(&error)))?;
        self.read(body.as_deref().unwrap_or_default(), now)
    }

    async fn prove(&self) -> Result<Enrolment, Failure> {
        let worker = &self.settings.worker;
        let to_sign = enrolment::to_sign(worker, &self.audience);
        let (url, headers) = to_sign.ok_or_else(|| Failure::lasting("no STS in this region"))?;
        let headers = headers
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let signing = Signing {
            service: SERVICE,
            region: worker.region.clone(),
            role: None,
        };
        let unsigned = Unsigned {
            method: "POST",
            url: &url,
            headers: &headers,
            body: QUESTION,
        };
        let signed = self.signer.sign(&signing, unsigned).await;
        let added = signed.map_err(|error| Failure::passing(error.to_string()))?;
        Enrolment::of(worker.clone(), &added)
            .ok_or_else(|| Failure::lasting("the credentials are of no role: only roles can enrol"))
    }

    fn read(&self, body: &[u8], now: Timestamp) -> Result<Key, Failure> {
        let wrong = |what: &str| Failure::passing(format!("HTTP status 200 with {what}"));
        let given: Enrolled =
            serde_json::from_slice(body).map_err(|_| wrong("something else than a key"))?;
        let worker = self.settings.worker.clone();
        if given.worker != worker.to_string() {
            return Err(wrong("another worker's key"));
        }
        let key = WorkerKey::parse(&Secret::new(&given.key)).map_err(|_| wrong("a broken key"))?;
        let key_id: KeyId = given.key_id.parse().map_err(|_| wrong("a broken key id"))?;
        let end = i64::try_from(key_id.not_after).ok().filter(|end| *end > 0);
        let ends_at = end.and_then(|end| Timestamp::from_second(end).ok());
        let ends_at = ends_at
            .filter(|end| *end > now)
            .ok_or_else(|| wrong("a key that has ended by this clock, or never ends"))?;
        Ok(Key {
            signer: Arc::new(Signer {
                worker,
                key,
                key_id,
            }),
            given_at: now,
            renew_at: renewal(now, ends_at, rand::random()),
            ends_at,
        })
    }
}

/// Half-way to the end, and up to a tenth of the life later; `jitter` is uniform in 0..1.
fn renewal(now: Timestamp, ends_at: Timestamp, jitter: f64) -> Timestamp {
    let life = ends_at.duration_since(now).as_secs_f64();
    let wait = life * (0.5 + jitter.clamp(0.0, 1.0) / 10.0);
    let wait = SignedDuration::try_from_secs_f64(wait).unwrap_or_default();
    now.checked_add(wait).unwrap_or(ends_at)
}

#[async_trait]
impl Keyring for EnrolledKey {
    async fn signer(&self, _place: &WorkerId) -> Result<Arc<Signer>, KeyringError> {
        // Held while asking, so that one enrolment serves all who wait.
        let mut held = self.held.lock().await;
        let now = (self.clock)();
        if let Some(signer) = held.current(now) {
            return Ok(signer);
        }
        match self.enrol(now).await {
            Ok(key) => {
                info!(key = %key.signer.key_id, "enrolled");
                let signer = Arc::clone(&key.signer);
                *held = Held {
                    key: Some(key),
                    not_before: None,
                };
                Ok(signer)
            }
            Err(reason) => held.old(now, reason, &self.settings.worker),
        }
    }

    async fn forget(&self, refused: &Signer) -> bool {
        let mut held = self.held.lock().await;
        let Some(key) = &held.key else { return true };
        if key.signer.key_id != refused.key_id {
            return true;
        }
        let age = (self.clock)().as_second() - key.given_at.as_second();
        if age < YOUNG {
            return false;
        }
        warn!(key = %refused.key_id, "key is refused; enrolling anew");
        *held = Held::default();
        true
    }
}

impl Held {
    /// The key, while nothing has to be done for it.
    fn current(&self, now: Timestamp) -> Option<Arc<Signer>> {
        let key = self.key.as_ref().filter(|key| key.holds(now))?;
        let rests = self.not_before.is_some_and(|not_before| now < not_before);
        (now < key.renew_at || rests).then(|| Arc::clone(&key.signer))
    }

    /// The old key, while it holds, after it could not be renewed.
    fn old(
        &mut self,
        now: Timestamp,
        reason: String,
        worker: &WorkerId,
    ) -> Result<Arc<Signer>, KeyringError> {
        let worker = worker.clone();
        let Some(key) = self.key.as_ref().filter(|key| key.holds(now)) else {
            return Err(KeyringError::Enrol { worker, reason });
        };
        warn!(reason, ends_at = %key.ends_at, "key not renewed; the old one holds");
        let pause = PAUSE + rand::random_range(0..=PAUSE);
        self.not_before = now.checked_add(SignedDuration::from_secs(pause)).ok();
        Ok(Arc::clone(&key.signer))
    }
}

impl Key {
    fn holds(&self, now: Timestamp) -> bool {
        now.as_second().saturating_add(MARGIN) < self.ends_at.as_second()
    }
}

/// One try that gave no key.
struct Failure {
    reason: String,
    /// Whether another try may give one.
    may_pass: bool,
    after: Option<Duration>,
}

impl Failure {
    fn passing(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            may_pass: true,
            after: None,
        }
    }

    fn lasting(reason: impl Into<String>) -> Self {
        Self {
            may_pass: false,
            ..Self::passing(reason)
        }
    }
}

/// What the master says of a refusal: a worker that is not allowed must say why in its log.
async fn refusal(response: Response, now: Timestamp) -> Failure {
    #[derive(serde::Deserialize)]
    struct Problem {
        detail: String,
    }
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER);
    let after = after.and_then(|value| retry_after(value.to_str().ok()?, now));
    let mut reason = crate::post::refusal(status, &response, now);
    let body = bounded(response).await.ok().flatten().unwrap_or_default();
    if let Ok(problem) = serde_json::from_slice::<Problem>(&body) {
        let detail: String = problem.detail.chars().take(300).collect();
        reason = format!("{reason}: {detail}");
    }
    if status == StatusCode::NOT_FOUND {
        reason.push_str("; the master has no [master.enrolment]");
    }
    let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    Failure {
        reason,
        may_pass,
        after,
    }
}

#[cfg(test)]
#[path = "enrol_tests.rs"]
mod tests;

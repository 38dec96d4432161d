//! Generic webhook: the finding as JSON, signed as Standard Webhooks lays down.

use super::configured::{self, Parts, Problem, Settings};
use super::{Call, Job, Reply, Sink, SinkKind, Step, judge_status};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use dial_core::Secret;
use dial_core::config::Check;
use dial_core::secret::SecretRef;
use dial_core::store::Audit;
use dial_core::wire::header::{ID, SIGNATURE, TIMESTAMP};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;

pub(super) static KIND: SinkKind = SinkKind {
    name: "webhook",
    summary: "Signed POST of the finding as JSON (Standard Webhooks)",
    min_interval: Duration::ZERO,
    concurrency: 4,
    build: configured::read::<WebhookSettings>,
};

const PREFIX: &str = "whsec_";

/// `[master.sinks.<name>]` with `type = "webhook"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookSettings {
    url: String,
    secret: SecretRef,
    /// Signs too while the receiver changes its key.
    next_secret: Option<SecretRef>,
    /// Whether the receiver also hears what became of a finding, as `finding.changed`.
    #[serde(default)]
    changes: bool,
}

struct Webhook {
    url: Url,
    keys: Vec<Key>,
    changes: bool,
}

/// 24 to 64 bytes that the receiver knows too.
struct Key(Vec<u8>);

impl Check for WebhookSettings {
    fn check(&self, _report: &mut dyn FnMut(&str, String)) {}
}

impl Settings for WebhookSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        vec![("url", &self.url)]
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let next = self.next_secret.iter().map(|s| ("next_secret", s));
        std::iter::once(("secret", &self.secret))
            .chain(next)
            .collect()
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let keys = self.secrets().into_iter().map(|(name, _)| {
            let key = Key::parse(parts.secret(name)?);
            key.ok_or_else(|| {
                Problem::new(
                    name,
                    "must be whsec_ and the standard base64 of 24 to 64 bytes",
                )
            })
        });
        Ok(Box::new(Webhook {
            keys: keys.collect::<Result<_, _>>()?,
            url: parts.url("url", &self.url)?,
            changes: self.changes,
        }))
    }
}

impl Sink for Webhook {
    fn updates(&self) -> bool {
        self.changes
    }

    fn start(&self, job: &Job<'_>) -> Step {
        let finding = job.finding.id.as_str();
        let told = match job.receipt {
            None => (finding.to_owned(), serde_json::to_vec(job.finding)),
            Some(_) => (change_id(job), serde_json::to_vec(&change(job))),
        };
        match told {
            (id, Ok(body)) => Step::Send(self.signed(&id, job, body)),
            _ => Step::Fail("finding cannot be written as JSON".into()),
        }
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        match reply.status {
            200..=299 if job.receipt.is_some() => {
                Step::Done(Some(json!({"told": job.stored.triage.revision})))
            }
            200..=299 => Step::Done(None),
            410 => Step::Fail(format!("{}; the receiver wants no more", reply.reason())),
            _ => judge_status(reply),
        }
    }
}

impl Webhook {
    fn signed(&self, id: &str, job: &Job<'_>, body: Vec<u8>) -> Call {
        let timestamp = job.now.as_second().to_string();
        let tags: Vec<String> = self
            .keys
            .iter()
            .map(|key| key.sign(id, &timestamp, &body))
            .collect();
        let headers = [
            (ID, id.to_owned()),
            (TIMESTAMP, timestamp),
            (SIGNATURE, tags.join(" ")),
        ];
        let call = Call::post("post", &self.url, body);
        headers.into_iter().fold(call, |call, (name, text)| {
            let value = HeaderValue::try_from(text).expect("ids, numbers and base64 are ASCII");
            call.header(HeaderName::from_static(name), value)
        })
    }
}

/// Constant over retries, another one for each state that is told.
fn change_id(job: &Job<'_>) -> String {
    format!("{}-r{}", job.finding.id, job.stored.triage.revision)
}

/// `finding.changed` in the shape that Standard Webhooks suggests.
fn change(job: &Job<'_>) -> Value {
    let told = job.receipt.and_then(|receipt| receipt["told"].as_u64());
    let told = told.unwrap_or_default();
    let revision = |line: &Audit| line.after.as_ref().map_or(0, |after| after.revision);
    let fresh: Vec<&Audit> = job.history.iter().filter(|l| revision(l) > told).collect();
    json!({
        "type": "finding.changed",
        "timestamp": job.now,
        "data": { "id": job.finding.id, "triage": job.stored.triage, "audit": fresh },
    })
}

impl Key {
    fn parse(secret: &Secret) -> Option<Self> {
        let bytes = STANDARD
            .decode(secret.expose().strip_prefix(PREFIX)?)
            .ok()?;
        (24..=64).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`.
    fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

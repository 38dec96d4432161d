//! The requests from worker to master: `POST /v1/findings` and `POST /v1/heartbeats`.

use crate::{Finding, FindingId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Path that takes batches of findings.
pub const FINDINGS_PATH: &str = "/v1/findings";
/// Path that takes heartbeats.
pub const HEARTBEATS_PATH: &str = "/v1/heartbeats";
/// Most bytes of a body on the wire (compressed).
pub const MAX_BODY: usize = 1024 * 1024;
/// Most bytes of a body once inflated.
pub const MAX_INFLATED: usize = 8 * 1024 * 1024;
/// Most findings of one batch.
pub const MAX_FINDINGS: usize = 100;
/// An HTTP API hands other types on as text, which would break the signature of gzip bytes.
pub const CONTENT_TYPE: &str = "application/octet-stream";

/// Names of the headers of a signed request.
pub mod header {
    /// Constant over the retries of one request.
    pub const ID: &str = "webhook-id";
    /// Unix seconds of this attempt.
    pub const TIMESTAMP: &str = "webhook-timestamp";
    /// Space-separated `v1,<base64>`.
    pub const SIGNATURE: &str = "webhook-signature";
    /// `<account>/<region>`.
    pub const WORKER: &str = "dial-worker";
    /// `<root key number>/<not-after>`.
    pub const KEY: &str = "dial-key";
}

/// The worker that judged an event, as findings and batches name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerInfo {
    /// Account that the worker runs in.
    pub account: String,
    /// Region that the worker runs in.
    pub region: String,
    /// Version of the worker's program.
    pub version: String,
    /// Hash of the rule pack that it runs.
    pub rules: String,
}

/// Body of `POST /v1/findings`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Batch {
    /// Who sends.
    pub worker: WorkerInfo,
    /// At most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
}

/// Answer to a batch: `accepted + duplicates + rejected.len()` is the number of findings sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// Stored now.
    pub accepted: u32,
    /// Stored before.
    pub duplicates: u32,
    /// Authenticated but invalid; each lies in the master's dead-letter bucket.
    pub rejected: Vec<Rejected>,
}

/// A finding that the master could not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rejected {
    /// Its id, where it had one.
    pub id: Option<FindingId>,
    /// What is wrong with it.
    pub reason: String,
}

/// Body of `POST /v1/heartbeats`: a worker lives, and this is what it did since the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Heartbeat {
    /// Who lives.
    pub worker: WorkerInfo,
    /// Hash of the event patterns that it knows to be deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patterns: Option<String>,
    /// The worker's clock.
    pub sent_at: Timestamp,
    /// What it did since the heartbeat before.
    #[serde(default)]
    pub counters: Counters,
}

/// What a worker did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Counters {
    /// Invocations.
    pub invocations: u64,
    /// Events judged.
    pub events: u64,
    /// Findings made.
    pub findings: u64,
    /// Dead letters written.
    pub dead_letters: u64,
    /// Invocations and messages that have to come again.
    pub errors: u64,
}

impl Counters {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            invocations: self.invocations.saturating_add(other.invocations),
            events: self.events.saturating_add(other.events),
            findings: self.findings.saturating_add(other.findings),
            dead_letters: self.dead_letters.saturating_add(other.dead_letters),
            errors: self.errors.saturating_add(other.errors),
        }
    }
}

//! The request from worker to master: `POST /v1/findings`.

use crate::{Finding, FindingId};
use serde::{Deserialize, Serialize};

/// Path that takes batches of findings.
pub const FINDINGS_PATH: &str = "/v1/findings";
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Batch {
    /// Who sends.
    pub worker: WorkerInfo,
    /// At most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
}

/// Answer to a batch: `accepted + duplicates + rejected.len()` is the number of findings sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Stored now.
    pub accepted: u32,
    /// Stored before.
    pub duplicates: u32,
    /// Authenticated but invalid; each lies in the master's dead-letter bucket.
    pub rejected: Vec<Rejected>,
}

/// A finding that the master could not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its id, where it had one.
    pub id: Option<FindingId>,
    /// What is wrong with it.
    pub reason: String,
}

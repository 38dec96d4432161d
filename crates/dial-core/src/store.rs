//! What a store of findings must do; held to one test suite in both implementations.

pub mod archive;
mod delivery;
pub mod document;
pub mod fleet;
pub mod group;
mod list;
pub mod outbox;
pub mod query;
pub mod session;
pub mod silence;
pub mod stats;
pub mod token;
pub mod triage;
pub mod unanswered;

pub use delivery::{Delivery, DeliveryState, Settlement};
pub use list::{Cursor, Page, Summary, shard, sort_key};
pub use query::Query;

use crate::FindingId;
use crate::finding::Finding;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use triage::{Triage, Triaging};

/// Most items of one page.
pub const MAX_PAGE: usize = 200;

/// Where a finding stands with the team.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody looked yet.
    #[default]
    Open,
    /// Someone is on it.
    Acknowledged,
    /// Done.
    Resolved,
    /// It was nothing.
    FalsePositive,
    /// Asleep until a time.
    Snoozed,
}

/// A finding to be stored, with everything that goes into its one transaction.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The finding.
    pub finding: Finding,
    /// Names of the sinks that get an outbox row each; none for a suppressed finding.
    pub sinks: Vec<String>,
    /// When the master accepted it.
    pub received_at: Timestamp,
    /// When the store may forget it.
    pub expires_at: Timestamp,
    /// Who sent it, `<account>/<region>`; kept in the audit item.
    pub sender: String,
}

/// What became of an acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Finding, audit item and outbox rows are durable now.
    New,
    /// They were already.
    Duplicate,
}

/// A finding as the store has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stored {
    /// The finding as it was accepted.
    pub finding: Finding,
    /// Where it stands.
    #[serde(flatten)]
    pub triage: Triage,
    /// When the master accepted it.
    pub received_at: Timestamp,
    /// When the store may forget it.
    pub expires_at: Timestamp,
}

/// One append-only line of a finding's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// When.
    pub at: Timestamp,
    /// Who: a worker, a person, a token's name.
    pub who: String,
    /// From which door: `worker`, `api`, `slack`, `cli`, `dashboard`, `clock`.
    pub door: String,
    /// What was done, such as `accepted`.
    pub action: String,
    /// How the finding stood before; absent for what is no change of its triage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Triage>,
    /// How it stood afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Triage>,
    /// Why, in the person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Why the store did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too busy now; nothing was written.
    #[error("store is throttled: {0}")]
    Throttled(String),
    /// Cannot be reached or is broken; nothing can be said about what was written.
    #[error("store is unavailable: {0}")]
    Unavailable(String),
    /// What lies there cannot be read.
    #[error("stored item is corrupt: {0}")]
    Corrupt(String),
}

/// Where findings, their history and their deliveries are kept.
#[async_trait::async_trait]
pub trait Store:
    archive::Archiving
    + document::Documents
    + outbox::Outbox
    + group::Grouping
    + silence::Silences
    + stats::Statistics
    + Triaging
    + Send
    + Sync
    + 'static
{
    /// Stores each finding with its audit item and outbox rows, one transaction each, unless its
    /// id is there already. Answers in the order given, only when everything is durable.
    async fn accept(&self, batch: Vec<Acceptance>) -> Vec<Result<Outcome, StoreError>>;

    /// One finding; `None` when unknown or expired at `now`.
    async fn finding(&self, id: &FindingId, now: Timestamp) -> Result<Option<Stored>, StoreError>;

    /// The history of a finding, in the order of its revisions.
    async fn audit(&self, id: &FindingId) -> Result<Vec<Audit>, StoreError>;

    /// Findings not expired at `now`, newest event first, at most `limit` (capped at [`MAX_PAGE`]).
    ///
    /// The work of one page is bounded: where filters leave little, the page is short, even empty,
    /// and its cursor goes on. Only a page without a cursor is the last.
    async fn list(
        &self,
        query: &Query,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page, StoreError>;

    /// The outbox rows of a finding, by sink name.
    async fn deliveries(&self, id: &FindingId) -> Result<Vec<Delivery>, StoreError>;

    /// Rows of one sink that may be claimed at `now`, longest due first, at most `limit`.
    async fn due(
        &self,
        sink: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Takes a due row for the time until `lease_until`; `None` when someone else has it.
    ///
    /// Sets `sending`, counts the attempt and moves `due_at` to the end of the lease.
    async fn claim(
        &self,
        id: &FindingId,
        sink: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError>;

    /// Records how claim number `attempt` (`attempts` of the row) ended; `false` when a later claim took the row over.
    async fn settle(
        &self,
        id: &FindingId,
        sink: &str,
        attempt: u32,
        settlement: Settlement,
    ) -> Result<bool, StoreError>;

    /// Whether the store answers; for `/readyz`.
    async fn ready(&self) -> Result<(), StoreError>;
}

//! Outbox rows as people look at them: what waits, what failed, how many there are.

use super::{Delivery, DeliveryState, StoreError};
use crate::FindingId;
use jiff::Timestamp;

/// Rows that are not at rest, by why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backlog {
    /// Pending or sending.
    Waiting,
    /// Given up.
    Failed,
}

/// How many rows of a sink are in a state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count {
    /// Name of the sink.
    pub sink: String,
    /// The state.
    pub state: DeliveryState,
    /// Rows.
    pub rows: u64,
}

/// What people ask of the outbox.
#[async_trait::async_trait]
pub trait Outbox: Send + Sync {
    /// Puts a failed row to work again, as a new errand that is due at `now`; `false` when it did
    /// not fail, is expired or unknown.
    async fn retry(&self, id: &FindingId, sink: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Rows of one sink that wait or failed and are not expired at `now`, longest first, at most
    /// `limit` (capped at [`super::MAX_PAGE`]).
    async fn backlog(
        &self,
        sink: &str,
        which: Backlog,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Counts rows of these sinks by state, from maintained numbers or an index, never from all
    /// rows. A store that cannot count what is at rest (sent, suppressed) leaves that out.
    async fn counts(&self, sinks: &[String]) -> Result<Vec<Count>, StoreError>;

    /// Remembers these sinks, and names every sink that may have rows which wait: also those that
    /// left the configuration.
    async fn known_sinks(&self, configured: &[String]) -> Result<Vec<String>, StoreError>;
}

//! What the archive needs of a store: which findings leave next.

use super::StoreError;
use crate::FindingId;
use jiff::Timestamp;

/// Findings by the time at which the store may forget them.
#[async_trait::async_trait]
pub trait Archiving: Send + Sync {
    /// The first time at or after `from` at which the store may forget a finding.
    async fn next_expiry(&self, from: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// Findings of one [`shard`](super::shard) that the store may forget at or after `from` and
    /// before `to`, by id.
    async fn expiring(
        &self,
        shard: u8,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<FindingId>, StoreError>;
}

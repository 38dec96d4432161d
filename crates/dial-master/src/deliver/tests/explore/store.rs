//! The SQL of the embedded store with a gate before each write; broken on demand.

use super::super::beside::{Kept, beside_delivery};
use super::gates::{Act, Gates};
use crate::store::in_memory::InMemory;
use async_trait::async_trait;
use dial_core::FindingId;
use dial_core::store::group::{Grouping, Join, Joined};
use dial_core::store::silence::{Ended, Silence, Silences};
use dial_core::store::unanswered::Unanswered;
use dial_core::store::{
    Acceptance, Audit, Cursor, Delivery, Outcome, Page, Query, Settlement, Status, Store,
    StoreError, Stored, Summary,
};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;

/// What is broken, to see whether the search finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// A claim keeps nobody else away.
    NoLease,
    /// A lease that never ends.
    EndlessLease,
    /// The end of an attempt is not recorded.
    ForgottenSettlement,
    /// A claim records the end already.
    EarlySettlement,
    /// A claim does not tell when there was one before.
    ForgottenTimes,
    /// Slack does not show what was posted.
    BlindLook,
}

/// One process's way to the store that all share.
pub(super) struct Gated {
    pub(super) process: usize,
    pub(super) gates: Arc<Gates>,
    pub(super) inner: Arc<InMemory>,
    pub(super) fault: Fault,
}

impl Gated {
    #[allow(
        clippy::unused_self,
        reason = "another store of the tests looks into its rows"
    )]
    fn sinks_with_rows(&self, configured: &[String]) -> Vec<String> {
        configured.to_vec()
    }

    async fn write<T: std::fmt::Debug>(&self, sink: &str, work: impl FnOnce() -> T) -> T {
        self.gates.pass(self.process, sink, Act::Write).await;
        let done = work();
        self.gates.told(self.process, sink, &format!("{done:?}"));
        done
    }
}

#[async_trait]
impl Store for Gated {
    async fn accept(&self, _: Vec<Acceptance>) -> Vec<Result<Outcome, StoreError>> {
        unreachable!("delivery accepts nothing")
    }

    async fn finding(&self, id: &FindingId, now: Timestamp) -> Result<Option<Stored>, StoreError> {
        self.inner.finding(id, now)
    }

    async fn audit(&self, _: &FindingId) -> Result<Vec<Audit>, StoreError> {
        unreachable!("nobody changed anything")
    }

    async fn list(
        &self,
        _: &Query,
        _: Option<&Cursor>,
        _: usize,
        _: Timestamp,
    ) -> Result<Page, StoreError> {
        unreachable!("nothing is inhibited")
    }

    async fn deliveries(&self, id: &FindingId) -> Result<Vec<Delivery>, StoreError> {
        let rows = self.inner.deliveries(id)?;
        for row in &rows {
            self.gates
                .told(self.process, &row.sink, &format!("{row:?}"));
        }
        Ok(rows)
    }

    async fn due(
        &self,
        sink: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = self.inner.due(sink, now, limit)?;
        self.gates.told(self.process, sink, &format!("{rows:?}"));
        Ok(rows)
    }

    async fn claim(
        &self,
        id: &FindingId,
        sink: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let lease_until = match self.fault {
            Fault::NoLease => now,
            Fault::EndlessLease => now + jiff::SignedDuration::from_hours(24 * 365),
            _ => lease_until,
        };
        let claim = || {
            let mut row = self.inner.claim(id, sink, now, lease_until)?;
            if let (Fault::ForgottenTimes, Some(row)) = (self.fault, &mut row) {
                row.unanswered = Unanswered::default();
            }
            if let (Fault::EarlySettlement, Some(row)) = (self.fault, &row) {
                let sent = Settlement::Sent {
                    receipt: None,
                    wanted: row.wanted,
                    at: now,
                };
                self.inner.settle(id, sink, row.attempts, &sent)?;
            }
            Ok(row)
        };
        self.write(sink, claim).await
    }

    async fn settle(
        &self,
        id: &FindingId,
        sink: &str,
        attempt: u32,
        settlement: Settlement,
    ) -> Result<bool, StoreError> {
        let settle = || match self.fault {
            Fault::ForgottenSettlement => Ok(true),
            _ => self.inner.settle(id, sink, attempt, &settlement),
        };
        self.write(sink, settle).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Grouping for Gated {
    async fn join(&self, join: &Join) -> Result<Joined, StoreError> {
        self.write(&join.sink, || self.inner.join(join)).await
    }

    async fn gather(
        &self,
        sink: &str,
        carrier: (&FindingId, u32),
        digest: &Value,
        members: &[(FindingId, u32)],
    ) -> Result<bool, StoreError> {
        let digest = digest.to_string();
        let gather = || Ok(self.inner.gather(sink, carrier, &digest, members));
        self.write(sink, gather).await
    }
}

#[async_trait]
impl Silences for Gated {
    async fn add_silence(&self, _: &Silence) -> Result<bool, StoreError> {
        unreachable!("delivery silences nothing")
    }

    async fn silences(&self, _: Timestamp) -> Result<Vec<Silence>, StoreError> {
        Ok(Vec::new())
    }

    async fn end_silence(&self, _: &str, _: &str, _: Timestamp) -> Result<Ended, StoreError> {
        unreachable!("delivery silences nothing")
    }
}

beside_delivery!(Gated);

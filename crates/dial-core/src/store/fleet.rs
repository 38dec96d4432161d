//! Workers: when each was heard last, what it runs and what it did, and where that is kept.

use super::StoreError;
use super::document::{self, Document, Documents};
use crate::WorkerId;
use crate::wire::{Counters, Heartbeat};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a worker that is silent can still be seen.
pub const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A worker as the master knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// `<account>/<region>`.
    pub worker: String,
    /// What it said last; absent for one that is expected and was never heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
    /// When the master heard of it first, or began to expect it.
    pub first_at: Timestamp,
    /// When the master heard of it last, or began to expect it.
    pub last_at: Timestamp,
    /// Since when it runs the rules that it runs.
    pub rules_since: Timestamp,
    /// Seconds that its clock is ahead of the master's, the way of the heartbeat included.
    pub clock_ahead: i64,
    /// Number of the root key that the key of its last heartbeat was derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_key: Option<u32>,
    /// What it did since `first_at`; a heartbeat whose answer got lost may count twice.
    pub totals: Counters,
}

/// Where workers are kept.
#[async_trait::async_trait]
pub trait Fleet: Send + Sync {
    /// Records a heartbeat, signed by a key of that root key; the worker as it was before, `None` for a new one.
    async fn beat(
        &self,
        worker: &WorkerId,
        heartbeat: &Heartbeat,
        root_key: Option<u32>,
        at: Timestamp,
    ) -> Result<Option<Member>, StoreError>;

    /// From now on the worker is missed even if it was never heard; one that is known stays as it is.
    async fn expect_worker(&self, worker: &WorkerId, now: Timestamp) -> Result<(), StoreError>;

    /// All workers heard or expected within [`KEPT`], by name.
    async fn workers(&self, now: Timestamp) -> Result<Vec<Member>, StoreError>;
}

impl Document for Member {
    const KIND: &'static str = "WRK";

    fn id(&self) -> &str {
        &self.worker
    }

    fn forgotten_at(&self) -> Timestamp {
        self.last_at.saturating_add(KEPT).unwrap_or(Timestamp::MAX)
    }
}

#[async_trait::async_trait]
impl<S: Documents + ?Sized> Fleet for S {
    async fn beat(
        &self,
        worker: &WorkerId,
        heartbeat: &Heartbeat,
        root_key: Option<u32>,
        at: Timestamp,
    ) -> Result<Option<Member>, StoreError> {
        let id = worker.to_string();
        let change = |before: Option<Member>| {
            let before = before.filter(|member| member.forgotten_at() > at);
            let after = Member::heard(before.as_ref(), &id, heartbeat, at);
            (Some(Member { root_key, ..after }), before)
        };
        document::change(self, &id, at, change).await
    }

    async fn expect_worker(&self, worker: &WorkerId, now: Timestamp) -> Result<(), StoreError> {
        let id = worker.to_string();
        let change = |before: Option<Member>| {
            let known = before.is_some_and(|member| member.forgotten_at() > now);
            ((!known).then(|| Member::expected(&id, now)), ())
        };
        document::change(self, &id, now, change).await
    }

    async fn workers(&self, now: Timestamp) -> Result<Vec<Member>, StoreError> {
        document::all(self, now).await
    }
}

impl Member {
    /// A worker that was never heard.
    fn expected(worker: &str, now: Timestamp) -> Self {
        Self {
            worker: worker.to_owned(),
            heartbeat: None,
            first_at: now,
            last_at: now,
            rules_since: now,
            clock_ahead: 0,
            root_key: None,
            totals: Counters::default(),
        }
    }

    /// The worker after a heartbeat.
    fn heard(before: Option<&Self>, worker: &str, heartbeat: &Heartbeat, at: Timestamp) -> Self {
        let new = Self::expected(worker, at);
        let before = before.unwrap_or(&new);
        let same_rules = before.rules() == Some(heartbeat.worker.rules.as_str());
        Self {
            worker: worker.to_owned(),
            first_at: before.first_at,
            last_at: at.max(before.last_at),
            rules_since: if same_rules { before.rules_since } else { at },
            clock_ahead: heartbeat.sent_at.as_second() - at.as_second(),
            root_key: None,
            totals: before.totals.plus(heartbeat.counters),
            heartbeat: Some(heartbeat.clone()),
        }
    }

    /// Hash of the rules that it runs, where it was ever heard.
    pub fn rules(&self) -> Option<&str> {
        self.heartbeat
            .as_ref()
            .map(|beat| beat.worker.rules.as_str())
    }

    /// How long nothing was heard of it.
    pub fn silence(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.last_at).max(SignedDuration::ZERO)
    }
}

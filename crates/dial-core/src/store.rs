//! What a store of findings must do; held to one test suite in both implementations.

pub mod archive;
pub mod document;
pub mod fleet;
pub mod group;
pub mod outbox;
pub mod query;
pub mod session;
pub mod silence;
pub mod stats;
pub mod token;
pub mod triage;

pub use query::Query;

use crate::finding::{Account, Finding, RuleRef, Suppression};
use crate::{FindingId, Severity};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
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

/// One line of a list: never holds the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Finding id.
    pub id: FindingId,
    /// The rule.
    pub rule: RuleRef,
    /// Severity.
    pub severity: Severity,
    /// One line for people.
    pub title: String,
    /// Where it stands.
    pub status: Status,
    /// Who is to look after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// End of its sleep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
    /// When somebody first acknowledged or closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// The account.
    pub account: Account,
    /// The region.
    pub region: String,
    /// The service that was called, such as `iam`.
    #[serde(default)]
    pub service: String,
    /// ATT&CK technique ids, such as `T1530`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<String>,
    /// When the call was made.
    pub time: Timestamp,
    /// When the worker judged it.
    pub detected_at: Timestamp,
    /// ARN, else name, else type of who called.
    pub principal: String,
    /// Access key that signed the call; a temporary one stands for its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// ARN, else `type/name` of what was touched; may be empty.
    pub resource: String,
    /// `sourceIPAddress`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// Why nobody was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
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

/// A place in a list, newest first: everything after this sort key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(String);

/// A page of a list and where the next one starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Newest first.
    pub items: Vec<Summary>,
    /// Absent on the last page, and only there: any other page may be short.
    pub next: Option<Cursor>,
}

/// State of one outbox row.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its time.
    #[default]
    Pending,
    /// Claimed by a deliverer until its lease ends.
    Sending,
    /// The sink has it.
    Sent,
    /// Given up, visible and replayable.
    Failed,
    /// Routing decided that nobody is to be told.
    Suppressed,
}

/// One outbox row: one finding, one sink.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Delivery {
    /// The finding.
    pub finding: FindingId,
    /// Name of the sink in the configuration.
    pub sink: String,
    /// State.
    pub state: DeliveryState,
    /// Claims so far; the fence against a deliverer whose lease ended, so it never starts anew.
    pub attempts: u32,
    /// Those that belong to errands before the present one, see [`Delivery::attempt`].
    #[serde(default)]
    pub earlier: u32,
    /// How often what the sink should show has changed since the finding was accepted.
    #[serde(default)]
    pub wanted: u32,
    /// Value of `wanted` that the sink shows.
    #[serde(default)]
    pub shown: u32,
    /// When it may be claimed: next attempt, or the end of the lease.
    pub due_at: Timestamp,
    /// When the master accepted the finding.
    pub received_at: Timestamp,
    /// When the present errand began: accepted, changed, or retried by command; giving up counts
    /// from here.
    pub since: Timestamp,
    /// When the sink last took it; absent until it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// Why the last attempt did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Who decided that nobody is to be told: `route`, `silence <id>`, `group <parent id>`,
    /// `inhibited by <id>`, `digest <id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_by: Option<String>,
    /// The finding that this one repeats at the sink; its own id where it opened a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<FindingId>,
    /// When it opened its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grouped_at: Option<Timestamp>,
    /// How many findings repeat this one at the sink.
    #[serde(default)]
    pub repeats: u32,
    /// When the last of them came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated_at: Option<Timestamp>,
    /// What the sink is told instead of this finding alone, for this and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<serde_json::Value>,
    /// What the sink answered, such as a message's channel and `ts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<serde_json::Value>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Settlement {
    /// The sink has it.
    Sent {
        /// What the sink answered; without an answer an earlier one stays.
        receipt: Option<serde_json::Value>,
        /// `wanted` as it was claimed: what grew meanwhile makes the row pending again at once.
        wanted: u32,
        /// When.
        at: Timestamp,
    },
    /// Routing decided that this sink is not told; the row never wakes up.
    Suppressed {
        /// See [`Delivery::suppressed_by`].
        by: String,
    },
    /// Try again at that time.
    Retry {
        /// Not before.
        at: Timestamp,
        /// Why.
        error: String,
    },
    /// Trying again would not help.
    Failed {
        /// Why.
        error: String,
    },
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

impl Cursor {
    /// The cursor that continues after this item.
    pub fn after(time: Timestamp, id: &FindingId) -> Self {
        Self(sort_key(time, id))
    }

    /// Reads what [`Cursor::to_opaque`] wrote; `None` for anything else.
    pub fn from_opaque(text: &str) -> Option<Self> {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let key = String::from_utf8(bytes).ok()?;
        let (time, id) = key.split_once('#')?;
        let time: Timestamp = time.parse().ok()?;
        let id = FindingId::parse(id).ok()?;
        (sort_key(time, &id) == key).then_some(Self(key))
    }

    /// The cursor as clients see it.
    pub fn to_opaque(&self) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.encode(&self.0)
    }

    /// Time of the item that it continues after.
    pub fn time(&self) -> Option<Timestamp> {
        self.0.split_once('#')?.0.parse().ok()
    }

    /// The sort key that it continues after.
    pub fn sort_key(&self) -> &str {
        &self.0
    }
}

/// `<time>#<id>`, with time in fixed-width milliseconds so that text order is time order.
pub fn sort_key(time: Timestamp, id: &FindingId) -> String {
    format!("{time:.3}#{id}")
}

/// Partition shard of an id, 0 to 7; over all digits, for the last one holds only three bits.
pub fn shard(id: &FindingId) -> u8 {
    id.as_str().bytes().fold(0, u8::wrapping_add) & 7
}

impl Summary {
    /// The line of a finding.
    pub fn of(finding: &Finding, triage: &Triage) -> Self {
        Self {
            id: finding.id.clone(),
            rule: finding.rule.clone(),
            severity: finding.severity,
            title: finding.title.clone(),
            status: triage.status,
            assignee: triage.assignee.clone(),
            snoozed_until: triage.snoozed_until,
            answered_at: None,
            account: finding.account.clone(),
            region: finding.region.clone(),
            service: query::service(&finding.event.source).to_owned(),
            attack: finding.attack.clone(),
            time: finding.time,
            detected_at: finding.detected_at,
            principal: finding.principal.key().to_owned(),
            access_key_id: finding.principal.access_key_id.clone(),
            resource: finding.resource_key(),
            source_ip: finding.source.ip.clone(),
            suppressed: finding.suppressed.clone(),
        }
    }

    /// The key that stores index, if there is one.
    pub fn access_key(&self) -> Option<&str> {
        self.access_key_id.as_deref().filter(|key| !key.is_empty())
    }

    /// The address that the call came from, in the one spelling that stores index; `None` where a
    /// service called.
    pub fn address(&self) -> Option<String> {
        let address: IpAddr = self.source_ip.as_deref()?.parse().ok()?;
        Some(address.to_canonical().to_string())
    }

    /// The line after a change at `at`.
    #[must_use]
    pub fn changed(mut self, triage: &Triage, at: Timestamp) -> Self {
        self.status = triage.status;
        self.assignee.clone_from(&triage.assignee);
        self.snoozed_until = triage.snoozed_until;
        let answer = stats::is_answer(triage.status).then_some(at);
        self.answered_at = self.answered_at.or(answer);
        self
    }

    /// The line as it reads at a time: a sleep that is over is over before anyone wrote it down.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        let over = self.snoozed_until.is_none_or(|until| until <= now);
        if self.status == Status::Snoozed && over {
            self.status = Status::Open;
            self.snoozed_until = None;
        }
        self
    }
}

impl Delivery {
    /// The row of a finding that was just accepted.
    pub fn new(finding: FindingId, sink: impl Into<String>, received_at: Timestamp) -> Self {
        Self {
            finding,
            sink: sink.into(),
            state: DeliveryState::Pending,
            attempts: 0,
            earlier: 0,
            wanted: 0,
            shown: 0,
            due_at: received_at,
            received_at,
            since: received_at,
            sent_at: None,
            last_error: None,
            suppressed_by: None,
            group: None,
            grouped_at: None,
            repeats: 0,
            repeated_at: None,
            digest: None,
            receipt: None,
        }
    }

    /// Which attempt of the present errand it is, counted from 1.
    pub fn attempt(&self) -> u32 {
        self.attempts.saturating_sub(self.earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_forged_ones_are_refused() {
        let id = FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
        let cursor = Cursor::after("2026-05-01T10:00:00Z".parse().unwrap(), &id);
        assert_eq!(
            cursor.sort_key(),
            "2026-05-01T10:00:00.000Z#f-aaaaaaaaaaaaaaaaaaaaaaaaaa"
        );
        assert_eq!(Cursor::from_opaque(&cursor.to_opaque()), Some(cursor));
        for text in ["", "!", "MjAyNg", "MjAyNi0wNS0wMVQxMDowMDowMFojeA"] {
            assert_eq!(Cursor::from_opaque(text), None, "{text}");
        }
    }

    #[test]
    fn shards_fill_evenly() {
        let mut counts = [0_u32; 8];
        for n in 0..8_000_u32 {
            let identity = crate::id::Identity {
                rule: "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11",
                account: "111122223333",
                region: "eu-west-1",
                event: &n.to_string(),
                resource: "",
            };
            counts[usize::from(shard(&identity.id()))] += 1;
        }
        assert!(
            counts.iter().all(|n| (900..=1_100).contains(n)),
            "{counts:?}"
        );
    }

    #[test]
    fn text_order_is_time_order() {
        let id = FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
        let key = |text: &str| sort_key(text.parse().unwrap(), &id);
        assert!(key("2026-05-01T10:00:00Z") < key("2026-05-01T10:00:00.5Z"));
        assert!(key("2026-05-01T10:00:00.5Z") < key("2026-05-01T10:00:01Z"));
    }
}

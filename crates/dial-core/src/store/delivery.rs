//! Outbox rows: one finding, one sink, and how attempts at it end.

use super::group::Before;
use super::unanswered::Unanswered;
use crate::FindingId;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// What was told of the same before it opened its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// What the sink is told instead of this finding alone, for this and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<serde_json::Value>,
    /// What the sink answered, such as a message's channel and `ts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<serde_json::Value>,
    /// When attempts may have got through though nobody saw an answer.
    #[serde(default, skip_serializing_if = "Unanswered::is_empty")]
    pub unanswered: Unanswered,
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
        /// What of [`Delivery::unanswered`] is still open.
        unanswered: Unanswered,
    },
    /// Trying again would not help.
    Failed {
        /// Why.
        error: String,
    },
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
            before: None,
            digest: None,
            receipt: None,
            unanswered: Unanswered::default(),
        }
    }

    /// Which attempt of the present errand it is, counted from 1.
    pub fn attempt(&self) -> u32 {
        self.attempts.saturating_sub(self.earlier)
    }
}

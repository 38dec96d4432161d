//! Silences: what nobody is told of until when, who answers for it, and where they are kept.

use super::StoreError;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest life of a silence.
pub const MAX_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long an ended silence can still be read.
pub const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// Mutes findings that every one of its matchers fits, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Silence {
    /// `s-` and 26 characters.
    pub id: String,
    /// Such as `rule=s3_bucket_policy_public`; all must fit.
    pub matchers: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// Who made it and through which door, such as `soc (api)`.
    pub created_by: String,
    /// From when on it mutes.
    pub created_at: Timestamp,
    /// Up to when it mutes; moved forward when somebody ends it.
    pub ends_at: Timestamp,
    /// Who ended it before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

/// What became of the wish to end a silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It mutes nothing any more.
    Now(Silence),
    /// It had ended before.
    Before(Silence),
    /// There is none with this id.
    Unknown,
}

/// Where silences are kept.
#[async_trait::async_trait]
pub trait Silences: Send + Sync {
    /// Keeps a silence; `false` when its id is there already, which changes nothing.
    async fn add_silence(&self, silence: &Silence) -> Result<bool, StoreError>;

    /// The silences that end after `since`, the next to end first: with the present time, those
    /// in force; with an earlier one, also those that ended meanwhile, up to [`KEPT`] ago.
    async fn silences(&self, since: Timestamp) -> Result<Vec<Silence>, StoreError>;

    /// Ends a silence at `now`; it can still be read.
    async fn end_silence(&self, id: &str, by: &str, now: Timestamp) -> Result<Ended, StoreError>;
}

impl Silence {
    /// Whether it mutes at that time.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.created_at <= now && now < self.ends_at
    }

    /// This silence as it is once somebody ended it; `None` where it had ended.
    pub fn ended(&self, by: &str, now: Timestamp) -> Option<Self> {
        (now < self.ends_at).then(|| Self {
            ends_at: now.max(self.created_at),
            ended_by: Some(by.to_owned()),
            ..self.clone()
        })
    }

    /// When the store may forget it.
    pub fn expires_at(&self) -> Timestamp {
        self.ends_at.saturating_add(KEPT).unwrap_or(Timestamp::MAX)
    }
}

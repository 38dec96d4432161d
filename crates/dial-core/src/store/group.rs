//! Groups and digests: findings that are told as one, decided and kept in one transaction each.

use super::{Delivery, DeliveryState, Status, StoreError};
use crate::FindingId;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most members that one call of [`Grouping::gather`] takes; a transaction holds a hundred actions.
pub const MAX_GATHERED: usize = 90;

/// A claimed outbox row that is to be told as a group's first, or as a repeat of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// The finding.
    pub finding: FindingId,
    /// The sink.
    pub sink: String,
    /// Number of the claim.
    pub attempt: u32,
    /// Hash of the values that make findings one alert.
    pub key: String,
    /// How long after its last finding a group takes another one.
    pub window: SignedDuration,
    /// After how long a group that goes on is told anew.
    pub repeat: SignedDuration,
    /// Whether the sink can show the count at the message that it has.
    pub shows: bool,
    /// When.
    pub now: Timestamp,
}

/// What a row is in its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// It opened the group, now or at an earlier attempt; what was told before of the same.
    First(Option<Before>),
    /// It repeats this finding, now or since an earlier attempt.
    Repeat(FindingId),
    /// A later claim has the row.
    Lost,
}

/// What was told of the same before a group ended and another one began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Before {
    /// Findings, those that were only counted among them.
    pub findings: u32,
    /// When the first of them was told.
    pub since: Timestamp,
}

impl Before {
    /// Of the first finding of the group that ended; nothing where nobody was told of it, or
    /// somebody closed it: then it is a problem of its own.
    pub fn of(first: &Delivery, status: Status) -> Option<Self> {
        if !is_told(first, status) {
            return None;
        }
        let own = first.repeats.saturating_add(1);
        let began = first.grouped_at.unwrap_or(first.received_at);
        let before = first.before.as_ref();
        Some(Self {
            findings: before.map_or(own, |before| before.findings.saturating_add(own)),
            since: before.map_or(began, |before| before.since),
        })
    }
}

/// Whether people know of an open problem by this row's own message, or will.
fn is_told(first: &Delivery, status: Status) -> bool {
    let told = matches!(
        first.state,
        DeliveryState::Pending | DeliveryState::Sending | DeliveryState::Sent
    );
    let open = !matches!(status, Status::Resolved | Status::FalsePositive);
    told && open && first.digest.is_none()
}

/// Where groups and digests are kept.
#[async_trait::async_trait]
pub trait Grouping: Send + Sync {
    /// Makes a claimed row the first of a new group or a repeat of a live one, for good.
    ///
    /// A repeat counts at the first one's row and, where the sink shows that, wakes it.
    async fn join(&self, join: &Join) -> Result<Joined, StoreError>;

    /// Suppresses claimed rows (finding, number of the claim) because the row of `carrier`, also
    /// claimed, tells them as `digest`; at most [`MAX_GATHERED`] in one call, further calls add to
    /// them. `false` when one of the rows has a later claim; nothing is written then.
    async fn gather(
        &self,
        sink: &str,
        carrier: (&FindingId, u32),
        digest: &Value,
        members: &[(FindingId, u32)],
    ) -> Result<bool, StoreError>;
}

/// Whether a group takes another finding: its first one is told or will be, by a message of its
/// own, nobody closed it, and neither window is over.
pub fn is_live(first: &Delivery, status: Status, join: &Join) -> bool {
    let opened = first.grouped_at.unwrap_or(first.received_at);
    let last = first.repeated_at.unwrap_or(opened);
    is_told(first, status)
        && first.finding != join.finding
        && join.now.duration_since(last) <= join.window
        && join.now.duration_since(opened) <= join.repeat
}

impl Join {
    /// When the store may forget which group is live.
    pub fn expires_at(&self) -> Timestamp {
        let day = SignedDuration::from_hours(24);
        let after = self.repeat.max(self.window).saturating_add(day);
        self.now.saturating_add(after).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, what is done to the row, status, milliseconds later, and the answer.
    type Case = (&'static str, fn(&mut Delivery), Status, i64, bool);

    #[test]
    fn a_group_lives_while_it_is_told_open_and_within_its_windows() {
        let at = |minutes: i64| Timestamp::from_second(1_777_629_600 + minutes * 60).unwrap();
        let id = |c: char| FindingId::parse(&format!("f-{}", c.to_string().repeat(26))).unwrap();
        let join = |now| Join {
            finding: id('b'),
            sink: "chat".into(),
            attempt: 1,
            key: "k".into(),
            window: SignedDuration::from_mins(60),
            repeat: SignedDuration::from_hours(24),
            shows: true,
            now: at(now),
        };
        let first = |change: fn(&mut Delivery)| {
            let mut row = Delivery::new(id('a'), "chat", at(0));
            row.grouped_at = Some(at(0));
            change(&mut row);
            row
        };
        let cases: [Case; 11] = [
            ("pending", |_| {}, Status::Open, 60, true),
            ("too late", |_| {}, Status::Open, 61, false),
            (
                "sent",
                |r| r.state = DeliveryState::Sent,
                Status::Acknowledged,
                60,
                true,
            ),
            (
                "failed",
                |r| r.state = DeliveryState::Failed,
                Status::Open,
                1,
                false,
            ),
            (
                "muted",
                |r| r.state = DeliveryState::Suppressed,
                Status::Open,
                1,
                false,
            ),
            ("resolved", |_| {}, Status::Resolved, 1, false),
            ("nothing", |_| {}, Status::FalsePositive, 1, false),
            ("asleep", |_| {}, Status::Snoozed, 1, true),
            (
                "digest",
                |r| r.digest = Some(Value::Null),
                Status::Open,
                1,
                false,
            ),
            (
                "repeated",
                |r| r.repeated_at = Some("2026-05-01T11:00:00Z".parse().unwrap()),
                Status::Open,
                120,
                true,
            ),
            (
                "told anew",
                |r| r.repeated_at = Some("2026-05-02T10:00:00Z".parse().unwrap()),
                Status::Open,
                24 * 60 + 1,
                false,
            ),
        ];
        for (name, change, status, now, expected) in cases {
            assert_eq!(
                is_live(&first(change), status, &join(now)),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn what_was_told_before_adds_up_and_ends_when_somebody_closes_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let id = FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
        let mut row = Delivery::new(id, "chat", at(0));
        (row.grouped_at, row.repeats) = (Some(at(5)), 3);
        let told = |findings, second| {
            let since = at(second);
            Some(Before { findings, since })
        };
        assert_eq!(Before::of(&row, Status::Open), told(4, 5));
        assert_eq!(Before::of(&row, Status::Resolved), None);
        row.before = told(10, 1);
        assert_eq!(Before::of(&row, Status::Acknowledged), told(14, 1));
        row.state = DeliveryState::Failed;
        assert_eq!(Before::of(&row, Status::Open), None);
    }
}

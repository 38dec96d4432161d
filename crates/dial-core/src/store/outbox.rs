//! Outbox rows as people look at them: what waits, what failed, how many there are.

use super::{Delivery, DeliveryState, StoreError};
use crate::FindingId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// A place among the rows of a backlog, in their order: by `due_at` in whole milliseconds, then by
/// finding, then by sink.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    due: i64,
    finding: FindingId,
    sink: String,
}

impl Place {
    /// Where a row stands.
    pub fn of(row: &Delivery) -> Self {
        Self {
            due: row.due_at.as_millisecond(),
            finding: row.finding.clone(),
            sink: row.sink.clone(),
        }
    }

    /// Its millisecond.
    pub fn due(&self) -> Timestamp {
        Timestamp::from_millisecond(self.due).unwrap_or(Timestamp::MAX)
    }

    /// Its finding.
    pub fn finding(&self) -> &FindingId {
        &self.finding
    }

    /// The place as clients see it.
    pub fn to_opaque(&self) -> String {
        let Self { due, finding, sink } = self;
        URL_SAFE_NO_PAD.encode(format!("{due}#{finding}#{sink}"))
    }

    /// Reads what [`Place::to_opaque`] wrote; `None` for anything else.
    pub fn from_opaque(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = text.splitn(3, '#');
        let due = parts.next()?.parse().ok()?;
        Timestamp::from_millisecond(due).ok()?;
        let finding = FindingId::parse(parts.next()?).ok()?;
        let sink = parts.next()?.to_owned();
        Some(Self { due, finding, sink })
    }
}

/// What people ask of the outbox.
#[async_trait::async_trait]
pub trait Outbox: Send + Sync {
    /// Puts a failed row to work again, as a new errand that is due at `now`; `false` when it did
    /// not fail, is expired or unknown.
    async fn retry(&self, id: &FindingId, sink: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Rows of one sink that wait or failed and are not expired at `now`, in the order of their
    /// places, at most `limit` (capped at [`super::MAX_PAGE`]); with `from` those whose millisecond
    /// and finding are at that place or behind it.
    async fn backlog(
        &self,
        sink: &str,
        which: Backlog,
        from: Option<&Place>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Counts rows of these sinks by state at `now`, from maintained numbers or an index, never
    /// from all rows; states without a row are left out. Rows of expired findings may be counted
    /// until they are removed.
    async fn counts(&self, sinks: &[String], now: Timestamp) -> Result<Vec<Count>, StoreError>;

    /// Remembers these sinks, and names every sink that may have rows which wait: also those that
    /// left the configuration.
    async fn known_sinks(&self, configured: &[String]) -> Result<Vec<String>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_round_trip_and_forged_ones_are_refused() {
        let id = FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
        let at = "2026-05-01T10:00:00.5Z".parse().unwrap();
        for sink in ["slack", "a#b", ""] {
            let place = Place::of(&Delivery::new(id.clone(), sink, at));
            assert_eq!(
                Place::from_opaque(&place.to_opaque()),
                Some(place),
                "{sink}"
            );
        }
        for text in ["1", "1#f-a#s", "x#f-aaaaaaaaaaaaaaaaaaaaaaaaaa#s", ""] {
            let forged = URL_SAFE_NO_PAD.encode(text);
            assert_eq!(Place::from_opaque(&forged), None, "{text}");
        }
        let far = format!("{}#{id}#s", i64::MAX);
        assert_eq!(Place::from_opaque(&URL_SAFE_NO_PAD.encode(far)), None);
        assert_eq!(Place::from_opaque("!"), None);
    }
}

//! Keys of items and indexes: how they are spelled, and kept within DynamoDB's lengths.

use dial_core::FindingId;
use dial_core::store::{shard, sort_key};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Sort key of a finding's item.
pub(crate) const META: &str = "META";
/// Start of the sort key of an audit line.
pub(crate) const AUDIT: &str = "AUD#";
/// Start of the sort key of an outbox row.
pub(crate) const OUT: &str = "OUT#";
/// Sort key of the item that lies in `by_due` while a finding sleeps.
pub(crate) const WAKE: &str = "WAKE";
/// Value of `by_due` for those; no sink has such a name.
pub(crate) const WAKING: &str = "#wake";
/// Value of `by_due` for rows that are settled and not counted yet; no sink has such a name.
pub(crate) const RESTING: &str = "#rest";
/// Shards of a partition of an index.
pub(crate) const SHARDS: u8 = 8;
/// Value of the index that holds every finding.
pub(crate) const ALL: &str = "all";
/// Longest value that becomes a key as it is, bytes: a sort key holds 1,024, a partition 2,048.
const MAX_VALUE: usize = 1_000;

/// Partition of a finding and of all that belongs to it.
pub(crate) fn finding(id: &FindingId) -> String {
    format!("F#{id}")
}

/// The finding of a partition; `None` for other items.
pub(crate) fn finding_of(pk: &str) -> Option<FindingId> {
    FindingId::parse(pk.strip_prefix("F#")?).ok()
}

/// Sort key of an audit line; `n` orders lines of the same millisecond.
pub(crate) fn audit(at: Timestamp, n: u64) -> String {
    format!("{AUDIT}{at:.3}#{n:04}")
}

/// Sort key of the outbox row of a sink.
pub(crate) fn out(sink: &str) -> String {
    format!("{OUT}{}", bounded(sink))
}

/// Value of `by_due` for rows of a sink that failed; no sink has such a name.
pub(crate) fn failed(sink: &str) -> String {
    format!("#failed#{sink}")
}

/// Partition of an index, of the shard that a finding falls in.
pub(crate) fn partition(value: &str, id: &FindingId) -> String {
    partition_of(value, shard(id))
}

/// Partition of an index.
pub(crate) fn partition_of(value: &str, shard: u8) -> String {
    format!("{}#{shard}", bounded(value))
}

/// Sort key of `by_due`.
pub(crate) fn due(at: Timestamp, id: &FindingId) -> String {
    sort_key(at, id)
}

/// Sort key of `by_expiry`.
pub(crate) fn expiry(at: Timestamp, id: &FindingId) -> String {
    format!("{}#{id}", instant(at))
}

/// A time as text of fixed width, so that text order is time order, to the nanosecond.
pub(crate) fn instant(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// The value itself, or its hash where it is too long for a key.
pub(crate) fn bounded(value: &str) -> Cow<'_, str> {
    if value.len() <= MAX_VALUE {
        return Cow::Borrowed(value);
    }
    let digest = Sha256::digest(value.as_bytes());
    Cow::Owned(format!("sha256:{}", dial_core::id::base32(&digest)))
}

/// The sort keys of an index that may hold findings between two times, after a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    /// Smallest, inclusive.
    pub(crate) low: String,
    /// Largest, inclusive.
    pub(crate) high: String,
}

impl Range {
    /// `None` where nothing can lie. Both ends are a millisecond wide, so results are filtered.
    pub(crate) fn new(
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        after: Option<&str>,
    ) -> Option<Self> {
        // `!` sorts before every time, `~` after; `$` is the character after the `#` of a key.
        let low = since.map_or_else(|| "!".to_owned(), |at| format!("{at:.3}"));
        let until = until.map_or_else(|| "~".to_owned(), |at| format!("{at:.3}$"));
        let high = after.map_or(until.clone(), |after| until.min(after.to_owned()));
        (low <= high).then_some(Self { low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> FindingId {
        FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn keys_are_spelled_as_the_table_says() {
        let noon = at("2026-05-01T12:00:00.25Z");
        let cases = [
            (finding(&id()), "F#f-aaaaaaaaaaaaaaaaaaaaaaaaaa"),
            (audit(noon, 3), "AUD#2026-05-01T12:00:00.250Z#0003"),
            (out("slack"), "OUT#slack"),
            (partition_of("111122223333", 7), "111122223333#7"),
            (
                due(noon, &id()),
                "2026-05-01T12:00:00.250Z#f-aaaaaaaaaaaaaaaaaaaaaaaaaa",
            ),
            (instant(noon), "2026-05-01T12:00:00.250000000Z"),
        ];
        for (key, expected) in cases {
            assert_eq!(key, expected);
        }
        assert_eq!(finding_of(&finding(&id())), Some(id()));
        for other in ["", "F#", "F#x", "WRK#111122223333/eu-west-1"] {
            assert_eq!(finding_of(other), None, "{other}");
        }
    }

    #[test]
    fn long_values_become_hashes_that_differ() {
        let (a, b) = ("a".repeat(5_000), "a".repeat(5_001));
        assert!(partition_of(&a, 0).len() <= 2_048);
        assert!(out(&a).len() <= 1_024);
        assert_ne!(partition_of(&a, 0), partition_of(&b, 0));
        let fits = "é".repeat(500);
        assert_eq!(partition_of(&fits, 0), format!("{fits}#0"));
    }

    #[test]
    fn ranges_hold_their_millisecond_and_nothing_else() {
        let key = |time: &str| sort_key(at(time), &id());
        let since = Some(at("2026-05-01T10:00:00.0005Z"));
        let until = Some(at("2026-05-01T11:00:00.0005Z"));
        let cases = [
            ("before", "2026-05-01T09:59:59.999Z", false),
            (
                "same millisecond as since",
                "2026-05-01T10:00:00.0009Z",
                true,
            ),
            ("between", "2026-05-01T10:30:00Z", true),
            (
                "same millisecond as until",
                "2026-05-01T11:00:00.0001Z",
                true,
            ),
            ("after", "2026-05-01T11:00:00.001Z", false),
        ];
        let range = Range::new(since, until, None).unwrap();
        for (name, time, inside) in cases {
            let key = key(time);
            assert_eq!(range.low <= key && key <= range.high, inside, "{name}");
        }
        let cursor = key("2026-05-01T10:30:00Z");
        let range = Range::new(since, until, Some(&cursor)).unwrap();
        assert_eq!(range.high, cursor);
        assert_eq!(Range::new(until, since, None), None);
        assert!(Range::new(None, None, None).is_some());
    }
}

//! What suppressions in the workers' configuration kept silent of late, and until when they hold.

use super::line::Line;
use super::words;
use dial_core::store::{MAX_PAGE, Query, Store, StoreError, Summary};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How far back findings are looked for.
pub(super) const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Days before its last day at which a suppression is said to end soon.
const SOON: i64 = 14;

/// A suppression, as its findings tell of it.
#[derive(Debug)]
pub(super) struct Muted {
    pub(super) reason: String,
    pub(super) owner: String,
    pub(super) expires: Date,
    /// Whether its end is near or past.
    pub(super) ends_soon: bool,
    pub(super) findings: usize,
    /// The latest of them.
    pub(super) latest: Line,
}

/// The suppressions of the latest findings that one fits, that of most findings first.
pub(super) async fn find(store: &dyn Store, now: Timestamp) -> Result<Vec<Muted>, StoreError> {
    let query = Query {
        suppressed: Some(true),
        since: now.checked_sub(RECENT).ok(),
        ..Query::default()
    };
    let page = store.list(&query, None, MAX_PAGE, now).await?;
    Ok(grouped(&page.items, now))
}

fn grouped(items: &[Summary], now: Timestamp) -> Vec<Muted> {
    let mut by_id: BTreeMap<&str, Muted> = BTreeMap::new();
    for item in items {
        let Some(by) = &item.suppressed else { continue };
        let muted = by_id.entry(&by.id).or_insert_with(|| Muted {
            reason: words::one_line(&by.reason),
            owner: words::one_line(&by.owner),
            expires: by.expires,
            ends_soon: ends_soon(by.expires, now),
            findings: 0,
            latest: Line::new(item, now),
        });
        muted.findings += 1;
    }
    let mut all: Vec<Muted> = by_id.into_values().collect();
    all.sort_by(|a, b| (b.findings, &a.reason).cmp(&(a.findings, &b.reason)));
    all
}

fn ends_soon(last: Date, now: Timestamp) -> bool {
    let today = now.to_zoned(TimeZone::UTC).date();
    last.duration_since(today) < SignedDuration::from_hours(24 * SOON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::samples;
    use dial_core::finding::Suppression;
    use dial_core::store::triage::Triage;

    #[test]
    fn findings_are_told_by_what_suppressed_them() {
        let now: Timestamp = "2026-05-04T10:00:00Z".parse().unwrap();
        let item = |id: &str, expires: &str| {
            let mut finding = samples::benign();
            finding.suppressed = Some(Suppression {
                id: id.into(),
                owner: "team-net".into(),
                reason: format!("known scanner {id}"),
                expires: expires.parse().unwrap(),
            });
            Summary::of(&finding, &Triage::default())
        };
        let not = Summary::of(&samples::benign(), &Triage::default());
        let items = [
            item("s-1", "2026-05-17"),
            item("s-2", "2026-05-18"),
            not,
            item("s-2", "2026-05-18"),
        ];
        let muted = grouped(&items, now);
        let shown: Vec<_> = muted
            .iter()
            .map(|one| (one.reason.as_str(), one.findings, one.ends_soon))
            .collect();
        assert_eq!(
            shown,
            [
                ("known scanner s-2", 2, false),
                ("known scanner s-1", 1, true)
            ]
        );
    }
}

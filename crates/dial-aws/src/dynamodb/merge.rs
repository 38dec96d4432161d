//! A page out of many partitions: merged newest first, filtered, with a bounded amount of reading.

use super::StoreError;
use super::item::Item;
use dial_core::store::{Cursor, Page, Summary};
use std::collections::VecDeque;

/// Most reads of one page; where filters leave little, the page is short and its cursor goes on.
const MAX_READS: usize = 64;
/// Most rows of one read; 250 lines are about a quarter of what one answer can hold.
const MAX_PIECE: usize = 250;

/// A finding as an index gave it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its sort key.
    pub(super) sort: String,
    /// The line.
    pub(super) summary: Summary,
    /// Whether it belongs to the list.
    pub(super) wanted: bool,
}

/// What one read gave.
#[derive(Debug, Default)]
pub(super) struct Slice {
    /// Newest first.
    pub(super) rows: Vec<Row>,
    /// Where the next read starts; absent at the end.
    pub(super) next: Option<Item>,
}

/// Partitions that can be read piece by piece, newest first.
pub(super) trait Source {
    /// How many there are.
    fn lanes(&self) -> usize;
    /// Reads on in one of them, at most `piece` rows.
    async fn read(
        &self,
        lane: usize,
        from: Option<Item>,
        piece: usize,
    ) -> Result<Slice, StoreError>;
}

/// One partition: what was read of it, and whether there is more.
#[derive(Default)]
struct Lane {
    rows: VecDeque<Row>,
    next: Option<Item>,
    started: bool,
}

impl Lane {
    fn must_read(&self) -> bool {
        self.rows.is_empty() && (!self.started || self.next.is_some())
    }
}

/// The newest `limit` wanted rows, read in pieces that double from `piece` on: whoever has to read
/// again has a filter that leaves little.
///
/// The cursor stands behind the last row looked at, so that nothing is skipped or shown twice.
pub(super) async fn page(
    source: &impl Source,
    limit: usize,
    mut piece: usize,
) -> Result<Page, StoreError> {
    let mut lanes: Vec<Lane> = (0..source.lanes()).map(|_| Lane::default()).collect();
    // Each lane is read once in any case, and a page of many lanes is not cut off right after.
    let most = MAX_READS.max(3 * lanes.len());
    let (mut items, mut seen, mut reads) = (Vec::new(), None, 0);
    loop {
        let dry = dry(&lanes);
        if !dry.is_empty() {
            if seen.is_some() && reads + dry.len() > most {
                return Ok(Page { items, next: seen });
            }
            reads += dry.len();
            fill(source, &mut lanes, &dry, piece.min(MAX_PIECE)).await?;
            piece = piece.saturating_mul(2);
            continue;
        }
        let Some(row) = newest(&mut lanes) else {
            return Ok(Page { items, next: None });
        };
        if row.wanted && items.len() == limit {
            return Ok(Page { items, next: seen });
        }
        seen = Some(Cursor::after(row.summary.time, &row.summary.id));
        items.extend(row.wanted.then_some(row.summary));
    }
}

fn dry(lanes: &[Lane]) -> Vec<usize> {
    let lanes = lanes.iter().enumerate();
    lanes
        .filter(|(_, l)| l.must_read())
        .map(|(n, _)| n)
        .collect()
}

/// Reads on in the given lanes, all at once.
async fn fill(
    source: &impl Source,
    lanes: &mut [Lane],
    dry: &[usize],
    piece: usize,
) -> Result<(), StoreError> {
    let reads = dry
        .iter()
        .map(|&n| source.read(n, lanes[n].next.take(), piece));
    let slices = futures::future::try_join_all(reads).await?;
    for (&n, slice) in dry.iter().zip(slices) {
        lanes[n] = Lane {
            rows: slice.rows.into(),
            next: slice.next,
            started: true,
        };
    }
    Ok(())
}

/// Takes the newest row, and the same finding off every other lane.
fn newest(lanes: &mut [Lane]) -> Option<Row> {
    let fronts = lanes.iter().filter_map(|lane| lane.rows.front());
    let sort = fronts.map(|row| &row.sort).max()?.clone();
    let mut found = None;
    for lane in lanes {
        if lane.rows.front().is_some_and(|row| row.sort == sort) {
            found = lane.rows.pop_front();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamodb::sample;
    use aws_sdk_dynamodb::types::AttributeValue;
    use dial_core::store::{sort_key, triage::Triage};
    use proptest::prelude::*;
    use std::cell::Cell;

    /// Lanes in memory, read in pieces.
    struct Memory {
        lanes: Vec<Vec<Row>>,
        reads: Cell<usize>,
    }

    impl Source for Memory {
        fn lanes(&self) -> usize {
            self.lanes.len()
        }

        async fn read(
            &self,
            lane: usize,
            from: Option<Item>,
            piece: usize,
        ) -> Result<Slice, StoreError> {
            assert!(piece <= MAX_PIECE);
            self.reads.set(self.reads.get() + 1);
            let start = from.map_or(0, |item| item["n"].as_n().unwrap().parse().unwrap());
            let end = self.lanes[lane].len().min(start + piece);
            // As DynamoDB does: a full piece says that there is more, even where there is not.
            let more = end - start == piece;
            let next = AttributeValue::N(end.to_string());
            Ok(Slice {
                rows: self.lanes[lane][start..end].to_vec(),
                next: more.then(|| Item::from([("n".to_owned(), next)])),
            })
        }
    }

    fn row(second: u32, wanted: bool) -> Row {
        let mut finding = sample::acceptance(&second.to_string(), 0).finding;
        finding.time += jiff::SignedDuration::from_secs(i64::from(second));
        let summary = Summary::of(&finding, &Triage::default());
        Row {
            sort: sort_key(summary.time, &summary.id),
            summary,
            wanted,
        }
    }

    /// What lies behind the cursor, dealt out to lanes.
    fn memory(rows: &[(Row, usize)], lanes: usize, after: Option<&Cursor>) -> Memory {
        let mut dealt = vec![Vec::new(); lanes];
        for (row, lane) in rows {
            if after.is_none_or(|after| row.sort.as_str() < after.sort_key()) {
                dealt[lane % lanes].push(row.clone());
            }
        }
        for lane in &mut dealt {
            lane.sort_by(|a, b| b.sort.cmp(&a.sort));
        }
        Memory {
            lanes: dealt,
            reads: Cell::new(0),
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(future)
    }

    proptest! {
        #[test]
        fn following_the_cursor_shows_every_wanted_row_once(
            kinds in prop::collection::vec((any::<bool>(), 0..8_usize), 0..80),
            lanes in 1..9_usize,
            piece in 1..7_usize,
            limit in 1..9_usize,
        ) {
            let rows: Vec<_> = (0..).zip(&kinds).map(|(n, (wanted, lane))| (row(n, *wanted), *lane)).collect();
            let (mut shown, mut after) = (Vec::new(), None);
            loop {
                let source = memory(&rows, lanes, after.as_ref());
                let page = run(page(&source, limit, piece)).unwrap();
                prop_assert!(page.items.len() <= limit);
                shown.extend(page.items.into_iter().map(|s| s.id));
                prop_assert!(page.next.is_none() || page.next != after, "no progress");
                let Some(next) = page.next else { break };
                after = Some(next);
            }
            let wanted = rows.iter().rev().filter(|(row, _)| row.wanted);
            let wanted: Vec<_> = wanted.map(|(row, _)| row.summary.id.clone()).collect();
            prop_assert_eq!(shown, wanted);
        }
    }

    #[test]
    fn a_page_that_finds_nothing_ends_after_so_many_reads() {
        let rows: Vec<_> = (0..20_000).map(|n| (row(n, false), 0)).collect();
        let source = memory(&rows, 8, None);
        let page = run(page(&source, 10, 10)).unwrap();
        assert!(page.items.is_empty());
        assert!(source.reads.get() <= MAX_READS);
        let (oldest, newest) = (&rows[0].0.sort, &rows[19_999].0.sort);
        let next = page.next.unwrap();
        assert!(oldest.as_str() < next.sort_key() && next.sort_key() < newest.as_str());
    }

    #[test]
    fn the_last_page_has_no_cursor_even_where_a_lane_ends_on_a_full_piece() {
        let rows: Vec<_> = (0..10).map(|n| (row(n, true), 0)).collect();
        let page = run(page(&memory(&rows, 2, None), 10, 5)).unwrap();
        assert_eq!(page.items.len(), 10);
        assert_eq!(page.next, None);
    }

    #[test]
    fn a_finding_in_two_lanes_is_shown_once() {
        let rows = [(row(1, true), 0), (row(1, true), 1), (row(2, true), 1)];
        let page = run(page(&memory(&rows, 2, None), 10, 5)).unwrap();
        assert_eq!(page.items.len(), 2);
    }
}

//! A page out of many partitions: merged newest first, filtered, with a bounded amount of reading.

use super::StoreError;
use super::item::Item;
use dial_core::store::{Cursor, Page, Summary};
use std::collections::VecDeque;

/// Most reads of one page; where filters leave little, the page is short and its cursor goes on.
const MAX_READS: usize = 64;

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
    /// Reads on in one of them.
    async fn read(&self, lane: usize, from: Option<Item>) -> Result<Slice, StoreError>;
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

/// The newest `limit` wanted rows.
///
/// The cursor stands behind the last row looked at, so that nothing is skipped or shown twice.
pub(super) async fn page(source: &impl Source, limit: usize) -> Result<Page, StoreError> {
    let mut lanes: Vec<Lane> = (0..source.lanes()).map(|_| Lane::default()).collect();
    let (mut items, mut seen, mut reads) = (Vec::new(), None, 0);
    loop {
        let dry = dry(&lanes);
        if !dry.is_empty() {
            if seen.is_some() && reads + dry.len() > MAX_READS {
                return Ok(Page { items, next: seen });
            }
            reads += dry.len();
            fill(source, &mut lanes, &dry).await?;
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
async fn fill(source: &impl Source, lanes: &mut [Lane], dry: &[usize]) -> Result<(), StoreError> {
    let reads = dry.iter().map(|&n| source.read(n, lanes[n].next.take()));
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

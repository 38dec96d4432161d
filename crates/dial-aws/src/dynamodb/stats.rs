//! Counters: a change leaves a note in its own transaction, folding adds notes to cells.
//!
//! A delivery that is settled is its own note: it lies in `by_due` until its sink's rows count it.
//!
//! Counters in the transaction of every finding would make findings wait for one another. A note
//! is an item of its own; one transaction deletes many of them and adds their sums, so that each
//! is added once whoever folds, and however often.

use super::census::Entry;
use super::item::{self, Item};
use super::outbox::state;
use super::retry::patiently;
use super::table::{BY_DUE, BY_STATUS, EXPIRES, PK, SK};
use super::{DynamoStore, StoreError, accept, key};
use async_trait::async_trait;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, TransactWriteItem, Update,
};
use dial_core::FindingId;
use dial_core::store::stats::{Cells, Statistics};
use dial_core::store::{Status, Summary, sort_key};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Start of the sort key of a note.
const NOTE: &str = "CNT#";
/// Value of `by_due` under which notes wait; no sink has this name.
const WAITING: &str = "#counters";
/// Most actions of one transaction.
const MAX_ACTIONS: usize = 100;
/// Notes of one read.
const PIECE: i32 = 200;
/// Most reads of one shard in one call; the next call goes on.
const MAX_READS: usize = 25;
/// Most findings of one shard that are passed over in the search for the oldest.
const MAX_PASSED: i32 = 50;

/// What is to be added to cells, as it waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Note {
    pk: String,
    sk: String,
    due_pk: String,
    due_sort: String,
    expires: i64,
    /// JSON.
    cells: String,
}

/// The note of change number `n` of a finding.
pub(super) fn note(
    id: &FindingId,
    n: u64,
    cells: &Cells,
    at: Timestamp,
    expires: i64,
) -> Result<Item, StoreError> {
    item::encode(&Note {
        pk: key::finding(id),
        sk: format!("{NOTE}{n:06}"),
        due_pk: key::partition(WAITING, id),
        due_sort: key::due(at, id),
        expires,
        cells: item::json(cells)?,
    })
}

#[async_trait]
impl Statistics for DynamoStore {
    async fn cells(&self, low: &str, high: &str) -> Result<Cells, StoreError> {
        let shards = (0..key::SHARDS).map(|shard| self.cells_of_shard(shard, low, high));
        let mut sums = Cells::new();
        for (cell, n) in futures::future::try_join_all(shards)
            .await?
            .into_iter()
            .flatten()
        {
            *sums.entry(cell).or_default() += n;
        }
        Ok(sums)
    }

    async fn oldest(&self, status: Status, now: Timestamp) -> Result<Option<Summary>, StoreError> {
        let shards = (0..key::SHARDS).map(|shard| self.oldest_of_shard(shard, status, now));
        let lines = futures::future::try_join_all(shards).await?;
        let lines = lines.into_iter().flatten();
        Ok(lines.min_by_key(|line| sort_key(line.time, &line.id)))
    }

    async fn fold(&self) -> Result<usize, StoreError> {
        let waiting: [(&str, Read); 2] = [(WAITING, Waiting::note), (key::RESTING, Waiting::row)];
        let shards = waiting.iter().flat_map(|(value, read)| {
            (0..key::SHARDS).map(move |shard| self.fold_shard(value, *read, shard))
        });
        let folded = futures::future::try_join_all(shards).await?;
        Ok(folded.into_iter().sum())
    }
}

impl DynamoStore {
    async fn cells_of_shard(
        &self,
        shard: u8,
        low: &str,
        high: &str,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        let client = self.clients.dynamodb().await;
        let items: Vec<Item> = client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :low AND :high")
            .expression_attribute_values(":pk", text(partition(shard)))
            .expression_attribute_values(":low", text(low.to_owned()))
            .expression_attribute_values(":high", text(high.to_owned()))
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(|e| self.failed(&e, "dynamodb:Query"))?;
        items.iter().map(cell).collect()
    }

    async fn oldest_of_shard(
        &self,
        shard: u8,
        status: Status,
        now: Timestamp,
    ) -> Result<Option<Summary>, StoreError> {
        let value = key::partition_of(item::status_name(status), shard);
        let answer = self
            .query(BY_STATUS.name)
            .await
            .key_condition_expression("#partition = :value")
            .expression_attribute_names("#partition", BY_STATUS.partition)
            .expression_attribute_values(":value", text(value))
            .limit(MAX_PASSED)
            .send()
            .await
            .map_err(|e| self.failed(&e, "dynamodb:Query"))?;
        for row in answer.items.unwrap_or_default() {
            let (line, expired) = item::line(row, now)?;
            if !expired && line.suppressed.is_none() {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    async fn fold_shard(&self, value: &str, read: Read, shard: u8) -> Result<usize, StoreError> {
        let (mut folded, mut from) = (0, None);
        for _ in 0..MAX_READS {
            let answer = self
                .query(BY_DUE.name)
                .await
                .key_condition_expression("due_pk = :waiting")
                .expression_attribute_values(":waiting", text(key::partition_of(value, shard)))
                .limit(PIECE)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|e| self.failed(&e, "dynamodb:Query"))?;
            let notes = answer.items.unwrap_or_default();
            let notes = notes.into_iter().map(|item| read(item, shard));
            for batch in batches(notes.collect::<Result<_, _>>()?) {
                folded += self.fold_batch(shard, batch).await?;
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(folded)
    }

    /// Adds a batch of notes and deletes them. The index may show notes that are folded already,
    /// and others may fold the same ones: those are left out, and the rest tried again.
    async fn fold_batch(&self, shard: u8, mut notes: Vec<Waiting>) -> Result<usize, StoreError> {
        let deadline = Self::deadline();
        while !notes.is_empty() {
            let gone = patiently(deadline, || self.fold_once(shard, &notes)).await?;
            if gone.is_empty() {
                return Ok(notes.len());
            }
            let mut n = 0..;
            notes.retain(|_| n.next().is_none_or(|n| !gone.contains(&n)));
        }
        Ok(0)
    }

    /// One transaction; which of the notes were gone, in which case nothing was done.
    async fn fold_once(&self, shard: u8, notes: &[Waiting]) -> Result<Vec<usize>, StoreError> {
        let token = format!("{:032x}", rand::random::<u128>());
        let client = self.clients.dynamodb().await;
        let answer = client
            .transact_write_items()
            .set_transact_items(Some(self.fold_actions(shard, notes)?))
            .client_request_token(token)
            .send()
            .await;
        let Err(e) = answer else {
            return Ok(Vec::new());
        };
        match e.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons();
                let gone = gone(reasons);
                if gone.is_empty() {
                    return accept::refused(reasons);
                }
                Ok(gone)
            }
            _ => Err(self.failed(&e, "dynamodb:DeleteItem")),
        }
    }

    /// The notes go first, so that positions of reasons are positions of notes.
    fn fold_actions(
        &self,
        shard: u8,
        notes: &[Waiting],
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let expires = notes
            .iter()
            .map(|note| note.expires)
            .max()
            .unwrap_or_default();
        let mut sums = Cells::new();
        for (cell, n) in notes.iter().flat_map(|note| &note.cells) {
            *sums.entry(cell.clone()).or_default() += n;
        }
        let done = notes.iter().map(|note| match &note.row {
            None => self.delete(note),
            Some(row) => self.counted(note, row),
        });
        let updates = sums.iter().map(|(cell, n)| {
            let update = Update::builder().table_name(&self.table);
            let update = update
                .key(PK, text(partition(shard)))
                .key(SK, text(cell.clone()))
                .update_expression("ADD n :n SET #expires = :expires")
                .expression_attribute_names("#expires", EXPIRES)
                .expression_attribute_values(":n", number(*n))
                .expression_attribute_values(":expires", number(expires))
                .build();
            update.map(|update| TransactWriteItem::builder().update(update).build())
        });
        let unknown = |e: BuildError| StoreError::Unavailable(e.to_string());
        done.chain(updates)
            .map(|action| action.map_err(unknown))
            .collect()
    }
}

impl DynamoStore {
    fn delete(&self, note: &Waiting) -> Result<TransactWriteItem, BuildError> {
        let delete = Delete::builder().table_name(&self.table);
        let delete = delete
            .key(PK, text(note.pk.clone()))
            .key(SK, text(note.sk.clone()))
            .condition_expression("attribute_exists(pk)")
            .build();
        delete.map(|delete| TransactWriteItem::builder().delete(delete).build())
    }

    /// The row leaves `by_due`, if it still is as it was read.
    fn counted(&self, note: &Waiting, row: &Entry) -> Result<TransactWriteItem, BuildError> {
        let before = match row.counted {
            None => "attribute_not_exists(counted)",
            Some(_) => "counted = :before",
        };
        let resting = key::partition_of(key::RESTING, note.shard);
        let mut update = Update::builder()
            .table_name(&self.table)
            .key(PK, text(note.pk.clone()))
            .key(SK, text(note.sk.clone()))
            .condition_expression(format!(
                "due_pk = :resting AND #state = :state AND {before}"
            ))
            .update_expression("SET counted = :state REMOVE due_pk, due_sort")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":resting", text(resting))
            .expression_attribute_values(":state", state(row.state));
        if let Some(counted) = row.counted {
            update = update.expression_attribute_values(":before", state(counted));
        }
        let update = update.build();
        update.map(|update| TransactWriteItem::builder().update(update).build())
    }
}

/// How an item of `by_due` is read.
type Read = fn(Item, u8) -> Result<Waiting, StoreError>;

/// What waits to be added: a note, or a row that is settled.
struct Waiting {
    pk: String,
    sk: String,
    shard: u8,
    /// When the cells may go.
    expires: i64,
    cells: Cells,
    row: Option<Entry>,
}

impl Waiting {
    fn row(item: Item, shard: u8) -> Result<Self, StoreError> {
        let row = Entry::read(item)?;
        Ok(Self {
            pk: row.pk.clone(),
            sk: row.sk.clone(),
            shard,
            expires: row.cells_expire(),
            cells: row.cells()?,
            row: Some(row),
        })
    }

    fn note(item: Item, shard: u8) -> Result<Self, StoreError> {
        let note: Note = item::read(item)?;
        let cells = serde_json::from_str(&note.cells);
        Ok(Self {
            cells: cells
                .map_err(|e| StoreError::Corrupt(format!("{} {}: {e}", note.pk, note.sk)))?,
            pk: note.pk,
            sk: note.sk,
            shard,
            expires: note.expires,
            row: None,
        })
    }
}

/// Notes as they fit into one transaction each, together with the cells that they add to.
fn batches(notes: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let mut batches: Vec<Vec<Waiting>> = Vec::new();
    let mut cells = std::collections::BTreeSet::new();
    for note in notes {
        let all: Vec<String> = note.cells.keys().cloned().collect();
        let new = all.iter().filter(|cell| !cells.contains(*cell)).count();
        let notes = batches.last().map_or(MAX_ACTIONS, Vec::len);
        if notes + 1 + cells.len() + new > MAX_ACTIONS {
            batches.push(Vec::new());
            cells.clear();
        }
        cells.extend(all);
        batches
            .last_mut()
            .expect("the first note opens a batch")
            .push(note);
    }
    batches
}

fn gone(reasons: &[CancellationReason]) -> Vec<usize> {
    let reasons = reasons.iter().enumerate();
    reasons
        .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
        .map(|(n, _)| n)
        .collect()
}

/// Partition of the cells of a shard: folding writes one shard at a time.
fn partition(shard: u8) -> String {
    format!("CNT#{shard}")
}

fn cell(item: &Item) -> Result<(String, i64), StoreError> {
    let name = item.get(SK).and_then(|value| value.as_s().ok());
    let n = item.get("n").and_then(|value| value.as_n().ok());
    let n = n.and_then(|n| n.parse().ok());
    name.cloned()
        .zip(n)
        .ok_or_else(|| StoreError::Corrupt(format!("counter {name:?} has no number")))
}

fn text(text: String) -> AttributeValue {
    AttributeValue::S(text)
}

fn number(n: i64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(n: usize, cells: usize) -> Waiting {
        let cell = |c| (format!("D#2026-05-01#rule#{n}-{c}"), 1);
        Waiting {
            pk: format!("F#{n}"),
            sk: "CNT#000000".into(),
            shard: 0,
            expires: 1,
            row: None,
            cells: (0..cells).map(cell).collect(),
        }
    }

    #[test]
    fn a_batch_fits_into_a_transaction() {
        let own = |count, cells| (0..count).map(|n| waiting(n, cells)).collect::<Vec<_>>();
        let shared = |count| (0..count).map(|_| waiting(0, 8)).collect::<Vec<_>>();
        let cases: [(&str, Vec<Waiting>, &[usize]); 5] = [
            ("nothing", own(0, 8), &[]),
            ("one", own(1, 8), &[1]),
            ("cells of their own", own(24, 8), &[11, 11, 2]),
            ("the same cells", shared(100), &[92, 8]),
            ("no cells", own(101, 0), &[100, 1]),
        ];
        for (name, notes, expected) in cases {
            let sizes: Vec<_> = batches(notes).iter().map(Vec::len).collect();
            assert_eq!(sizes, expected, "{name}");
        }
    }
}

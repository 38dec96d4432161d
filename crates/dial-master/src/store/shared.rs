//! The transaction that a group of works shares: all of it becomes durable together, or nothing.

use super::failed;
use super::stats;
use dial_core::store::StoreError;
use dial_core::store::stats::Cells;
use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Deref, DerefMut};

/// What is added to each cell, and until when it stays.
pub(super) type Sums = BTreeMap<String, (i64, Timestamp)>;

/// A transaction, and what is written only at its end.
pub(super) struct Shared<'c> {
    transaction: Transaction<'c>,
    sums: Sums,
    spoilt: bool,
}

impl<'c> Shared<'c> {
    /// Begins to write.
    pub(super) fn begin(connection: &'c mut Connection) -> rusqlite::Result<Self> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(Self {
            transaction,
            sums: Sums::new(),
            spoilt: false,
        })
    }

    /// Adds to cells, which stay at least until `expires_at`. Neighbours count in the same cells,
    /// so each is written once, with the sum.
    pub(super) fn count(&mut self, cells: Cells, expires_at: Timestamp) {
        for (cell, n) in cells {
            match self.sums.entry(cell) {
                Entry::Vacant(new) => {
                    new.insert((n, expires_at));
                }
                Entry::Occupied(mut sum) => {
                    let (sum, until) = sum.get_mut();
                    *sum = sum.saturating_add(n);
                    *until = (*until).max(expires_at);
                }
            }
        }
    }

    /// Something half-written could not be taken back: nothing of the group may stay.
    pub(super) fn spoil(&mut self) {
        self.spoilt = true;
    }

    /// Whether nothing can be written any more. The database ends a transaction by itself where,
    /// say, the disk is full; what came after would be written by itself, and its caller told that
    /// it was not.
    pub(super) fn is_over(&self) -> bool {
        self.spoilt || self.transaction.is_autocommit()
    }

    /// Makes everything durable, or undoes it.
    pub(super) fn commit(self) -> Result<(), StoreError> {
        if !self.is_over() {
            stats::add(&self.transaction, &self.sums).map_err(|error| failed(&error))?;
        }
        if self.is_over() {
            return Err(ended());
        }
        self.transaction.commit().map_err(|error| failed(&error))
    }
}

impl<'c> Deref for Shared<'c> {
    type Target = Transaction<'c>;

    fn deref(&self) -> &Transaction<'c> {
        &self.transaction
    }
}

impl<'c> DerefMut for Shared<'c> {
    fn deref_mut(&mut self) -> &mut Transaction<'c> {
        &mut self.transaction
    }
}

/// What everyone is told whose work was undone with the transaction.
pub(super) fn ended() -> StoreError {
    let message = "the transaction ended before its time, as with a full disk";
    StoreError::Unavailable(message.into())
}

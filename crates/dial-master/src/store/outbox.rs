//! What people ask of the outbox, in SQLite.

use super::{Sqlite, failed, read, row};
use dial_core::FindingId;
use dial_core::store::outbox::{Backlog, Count, Outbox, Place};
use dial_core::store::{Delivery, MAX_PAGE, StoreError};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

const RETRY: &str = "UPDATE outbox
    SET state = 'pending', due_at = ?3, since = ?3, earlier = attempts
    WHERE finding = ?1 AND sink = ?2 AND state = 'failed'
    AND EXISTS (SELECT 1 FROM findings WHERE id = outbox.finding AND expires_at > ?3)";
const COUNTS: &str = "SELECT sink, state, n FROM outbox_counts ORDER BY sink, state";
const WAITING: &str = "SELECT DISTINCT sink FROM outbox_counts
    WHERE n > 0 AND state IN ('pending', 'sending') ORDER BY sink";

#[async_trait::async_trait]
impl Outbox for Sqlite {
    async fn retry(&self, id: &FindingId, sink: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (id, sink) = (id.clone(), sink.to_owned());
        self.writer
            .run(move |tx| retry(tx, &id, &sink, now))
            .await?
    }

    async fn backlog(
        &self,
        sink: &str,
        which: Backlog,
        from: Option<&Place>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (sink, from) = (sink.to_owned(), from.cloned());
        self.read(move |c| backlog(c, &sink, which, from.as_ref(), now, limit))
            .await
    }

    async fn counts(&self, sinks: &[String], _: Timestamp) -> Result<Vec<Count>, StoreError> {
        let wanted: BTreeSet<String> = sinks.iter().cloned().collect();
        let counts = self.read(counts).await?;
        let wanted = |count: &Count| wanted.contains(&count.sink);
        Ok(counts.into_iter().filter(wanted).collect())
    }

    async fn known_sinks(&self, configured: &[String]) -> Result<Vec<String>, StoreError> {
        let mut known: BTreeSet<String> = configured.iter().cloned().collect();
        let waiting = self.read(|c| read::collect(c, WAITING, [], |row| Ok(Ok(row.get(0)?))));
        known.extend(waiting.await?);
        Ok(known.into_iter().collect())
    }
}

fn retry(
    connection: &Connection,
    id: &FindingId,
    sink: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let arguments = params![id.as_str(), sink, now.as_microsecond()];
    connection
        .prepare_cached(RETRY)
        .and_then(|mut update| update.execute(arguments))
        .map(|changed| changed > 0)
        .map_err(|error| failed(&error))
}

/// The states are spelled out as in the partial indexes, which are used only then.
fn backlog(
    connection: &Connection,
    sink: &str,
    which: Backlog,
    from: Option<&Place>,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let states = match which {
        Backlog::Waiting => "state IN ('pending', 'sending')",
        Backlog::Failed => "state = 'failed'",
    };
    let sql = format!(
        "SELECT {} FROM outbox WHERE sink = ?1 AND {states}
         AND EXISTS (SELECT 1 FROM findings WHERE id = outbox.finding AND expires_at > ?2)
         AND (due_at / 1000, finding) >= (?4, ?5)
         ORDER BY due_at / 1000, finding LIMIT ?3",
        row::DELIVERY
    );
    let limit = i64::try_from(limit.min(MAX_PAGE)).unwrap_or(i64::MAX);
    let due = from.map_or(i64::MIN, |from| from.due().as_millisecond());
    let finding = from.map_or("", |from| from.finding().as_str());
    let arguments = params![sink, now.as_microsecond(), limit, due, finding];
    read::collect(connection, &sql, arguments, row::delivery)
}

pub(super) fn counts(connection: &Connection) -> Result<Vec<Count>, StoreError> {
    read::collect(connection, COUNTS, [], |row| {
        let (sink, state, rows) = (row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?);
        let rows = u64::try_from(rows).unwrap_or_default();
        Ok(super::row::from_word(state).map(|state| Count { sink, state, rows }))
    })
}

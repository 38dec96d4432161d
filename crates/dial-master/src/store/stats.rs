//! Counters: added to in the transaction that changes the finding.

use super::shared::Sums;
use super::{Sqlite, failed, row};
use dial_core::store::stats::{Cells, Statistics};
use dial_core::store::{Status, StoreError, Summary};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// Most findings that are passed over in the search for the oldest.
const MAX_PASSED: u32 = 200;

const ADD: &str = "INSERT INTO counters (cell, n, expires_at) VALUES (?1, ?2, ?3)
    ON CONFLICT (cell) DO UPDATE
    SET n = n + excluded.n, expires_at = max(expires_at, excluded.expires_at)";

#[async_trait::async_trait]
impl Statistics for Sqlite {
    async fn cells(&self, low: &str, high: &str) -> Result<Cells, StoreError> {
        let (low, high) = (low.to_owned(), high.to_owned());
        self.read(move |c| cells(c, &low, &high).map_err(|error| failed(&error)))
            .await
    }

    async fn oldest(&self, status: Status, now: Timestamp) -> Result<Option<Summary>, StoreError> {
        self.read(move |c| oldest(c, status, now)).await
    }

    async fn fold(&self) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// Adds the sums of a group to their cells.
pub(super) fn add(connection: &Connection, sums: &Sums) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached(ADD)?;
    for (cell, (n, expires_at)) in sums {
        add.execute(params![cell, n, expires_at.as_microsecond()])?;
    }
    Ok(())
}

fn cells(connection: &Connection, low: &str, high: &str) -> rusqlite::Result<Cells> {
    let sql = "SELECT cell, n FROM counters WHERE cell BETWEEN ?1 AND ?2";
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map([low, high], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn oldest(
    connection: &Connection,
    status: Status,
    now: Timestamp,
) -> Result<Option<Summary>, StoreError> {
    // The inner part is a bounded look along `by_status`.
    let sql = "SELECT summary FROM
         (SELECT summary, sort_key FROM findings WHERE status = ?1 AND +expires_at > ?2
          ORDER BY sort_key LIMIT ?3)
         WHERE json_extract(summary, '$.suppressed') IS NULL ORDER BY sort_key LIMIT 1";
    let line: Option<String> = connection
        .prepare_cached(sql)
        .and_then(|mut select| {
            let arguments = params![row::word(status), now.as_microsecond(), MAX_PASSED];
            select.query_row(arguments, |row| row.get(0)).optional()
        })
        .map_err(|error| failed(&error))?;
    line.as_deref().map(row::json).transpose()
}

/// Removes cells whose findings have all expired.
pub(super) fn purge(connection: &Connection, now: i64) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM counters WHERE expires_at <= ?1", [now])
}

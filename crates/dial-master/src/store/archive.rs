//! Which findings leave next, along `by_expiry`.

use super::read::collect;
use super::{Sqlite, failed, row};
use dial_core::FindingId;
use dial_core::store::archive::Archiving;
use dial_core::store::{StoreError, shard};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

#[async_trait::async_trait]
impl Archiving for Sqlite {
    async fn next_expiry(&self, from: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |c| next_expiry(c, from)).await
    }

    async fn expiring(
        &self,
        shard: u8,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<FindingId>, StoreError> {
        self.read(move |c| expiring(c, shard, from, to)).await
    }
}

fn next_expiry(connection: &Connection, from: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT expires_at FROM findings WHERE expires_at >= ?1 ORDER BY expires_at LIMIT 1";
    let first: Option<i64> = connection
        .prepare_cached(sql)
        .and_then(|mut select| {
            let from = params![from.as_microsecond()];
            select.query_row(from, |row| row.get(0)).optional()
        })
        .map_err(|error| failed(&error))?;
    first.map(row::time).transpose()
}

fn expiring(
    connection: &Connection,
    of: u8,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<FindingId>, StoreError> {
    let sql = "SELECT id FROM findings WHERE expires_at >= ?1 AND expires_at < ?2";
    let times = params![from.as_microsecond(), to.as_microsecond()];
    let mut ids = collect(connection, sql, times, |row| {
        let id: String = row.get(0)?;
        Ok(FindingId::parse(&id).map_err(row::corrupt))
    })?;
    ids.retain(|id| shard(id) == of);
    ids.sort_unstable();
    Ok(ids)
}

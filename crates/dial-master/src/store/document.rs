//! Documents in the embedded store.

use super::{Sqlite, failed};
use dial_core::store::StoreError;
use dial_core::store::document::{Documents, Put};
use rusqlite::{Connection, OptionalExtension, params};

#[async_trait::async_trait]
impl Documents for Sqlite {
    async fn document(&self, kind: &'static str, id: &str) -> Result<Option<String>, StoreError> {
        let id = id.to_owned();
        self.read(move |c| one(c, kind, &id).map_err(|error| failed(&error)))
            .await
    }

    async fn documents(&self, kind: &'static str) -> Result<Vec<String>, StoreError> {
        self.read(move |c| all(c, kind).map_err(|error| failed(&error)))
            .await
    }

    async fn put_document(&self, new: &Put) -> Result<bool, StoreError> {
        let new = new.clone();
        let put = self.writer.run(move |tx| put(tx, &new));
        put.await?.map_err(|error| failed(&error))
    }
}

fn one(connection: &Connection, kind: &str, id: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT body FROM documents WHERE kind = ?1 AND id = ?2")?
        .query_row(params![kind, id], |row| row.get(0))
        .optional()
}

fn all(connection: &Connection, kind: &str) -> rusqlite::Result<Vec<String>> {
    let mut select =
        connection.prepare_cached("SELECT body FROM documents WHERE kind = ?1 ORDER BY id")?;
    let rows = select.query_map(params![kind], |row| row.get(0))?;
    rows.collect()
}

/// Also forgets what may be forgotten: documents are few, and this is the only writer.
fn put(connection: &Connection, new: &Put) -> rusqlite::Result<bool> {
    let forgotten_at = new.forgotten_at.as_microsecond();
    let changed = match &new.before {
        None => connection
            .prepare_cached(
                "INSERT INTO documents (kind, id, forgotten_at, body) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (kind, id) DO NOTHING",
            )?
            .execute(params![new.kind, new.id, forgotten_at, new.after])?,
        Some(before) => connection
            .prepare_cached(
                "UPDATE documents SET forgotten_at = ?3, body = ?4
                 WHERE kind = ?1 AND id = ?2 AND body = ?5",
            )?
            .execute(params![new.kind, new.id, forgotten_at, new.after, before])?,
    };
    connection
        .prepare_cached("DELETE FROM documents WHERE forgotten_at <= ?1")?
        .execute(params![new.now.as_microsecond()])?;
    Ok(changed > 0)
}

//! Silences in the embedded store.

use super::row::{corrupt, json};
use super::{Sqlite, failed};
use dial_core::store::StoreError;
use dial_core::store::silence::{Ended, Silence, Silences};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

#[async_trait::async_trait]
impl Silences for Sqlite {
    async fn add_silence(&self, silence: &Silence) -> Result<bool, StoreError> {
        let silence = silence.clone();
        self.writer.run(move |tx| add(tx, &silence)).await?
    }

    async fn silences(&self, since: Timestamp) -> Result<Vec<Silence>, StoreError> {
        self.read(move |c| ending_after(c, since)).await
    }

    async fn end_silence(&self, id: &str, by: &str, now: Timestamp) -> Result<Ended, StoreError> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.writer.run(move |tx| end(tx, &id, &by, now)).await?
    }
}

/// Also forgets what nobody may read any more: silences are few, and this is the only writer.
fn add(connection: &Connection, silence: &Silence) -> Result<bool, StoreError> {
    let text = serde_json::to_string(silence).map_err(corrupt)?;
    let insert = "INSERT INTO silences (id, ends_at, expires_at, silence)
         VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING";
    let added = (|| {
        connection
            .prepare_cached("DELETE FROM silences WHERE expires_at <= ?1")?
            .execute(params![silence.created_at.as_microsecond()])?;
        connection.prepare_cached(insert)?.execute(params![
            silence.id,
            silence.ends_at.as_microsecond(),
            silence.expires_at().as_microsecond(),
            text
        ])
    })();
    added.map(|rows| rows > 0).map_err(|error| failed(&error))
}

fn ending_after(connection: &Connection, since: Timestamp) -> Result<Vec<Silence>, StoreError> {
    let sql = "SELECT silence FROM silences WHERE ends_at > ?1 ORDER BY ends_at, id";
    let texts: rusqlite::Result<Vec<String>> =
        connection.prepare_cached(sql).and_then(|mut select| {
            let rows = select.query_map(params![since.as_microsecond()], |row| row.get(0))?;
            rows.collect()
        });
    let texts = texts.map_err(|error| failed(&error))?;
    texts.iter().map(|text| json(text)).collect()
}

fn end(connection: &Connection, id: &str, by: &str, now: Timestamp) -> Result<Ended, StoreError> {
    let text: Option<String> = connection
        .prepare_cached("SELECT silence FROM silences WHERE id = ?1")
        .and_then(|mut select| select.query_row(params![id], |row| row.get(0)).optional())
        .map_err(|error| failed(&error))?;
    let Some(text) = text else {
        return Ok(Ended::Unknown);
    };
    let before: Silence = json(&text)?;
    let Some(ended) = before.ended(by, now) else {
        return Ok(Ended::Before(before));
    };
    let text = serde_json::to_string(&ended).map_err(corrupt)?;
    let sql = "UPDATE silences SET ends_at = ?2, expires_at = ?3, silence = ?4 WHERE id = ?1";
    connection
        .prepare_cached(sql)
        .and_then(|mut update| {
            update.execute(params![
                id,
                ended.ends_at.as_microsecond(),
                ended.expires_at().as_microsecond(),
                text
            ])
        })
        .map_err(|error| failed(&error))?;
    Ok(Ended::Now(ended))
}

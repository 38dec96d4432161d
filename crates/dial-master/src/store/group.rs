//! Groups and digests in SQLite: the decision and all it changes, in one transaction.

use super::shared::Shared;
use super::{Sqlite, failed, row};
use dial_core::FindingId;
use dial_core::store::group::{Before, Grouping, Join, Joined, is_live};
use dial_core::store::{Delivery, Status, StoreError};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::Value;

const HELD: &str = "SELECT grp, told_before FROM outbox
    WHERE finding = ?1 AND sink = ?2 AND attempts = ?3 AND state = 'sending'";
const LIVE: &str = "SELECT first FROM live_groups WHERE sink = ?1 AND key = ?2";
const OPEN: &str = "INSERT INTO live_groups (sink, key, first, expires_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (sink, key) DO UPDATE SET first = ?3, expires_at = ?4";
/// Counts a repeat; where the sink shows that, what it shows is out of date.
const COUNT: &str = "UPDATE outbox SET repeats = repeats + 1, repeated_at = ?3,
    wanted  = wanted + iif(?4, 1, 0),
    due_at  = iif(?4 AND state = 'sent', ?3, due_at),
    since   = iif(?4 AND state = 'sent', ?3, since),
    earlier = iif(?4 AND state = 'sent', attempts, earlier),
    state   = iif(?4 AND state = 'sent', 'pending', state)
    WHERE finding = ?1 AND sink = ?2";
const MEMBER: &str = "UPDATE outbox
    SET state = 'suppressed', suppressed_by = ?4, last_error = NULL
    WHERE finding = ?1 AND sink = ?2 AND attempts = ?3 AND state = 'sending'";
const CARRY: &str = "UPDATE outbox SET digest = ?4
    WHERE finding = ?1 AND sink = ?2 AND attempts = ?3 AND state = 'sending'";

#[async_trait::async_trait]
impl Grouping for Sqlite {
    async fn join(&self, join: &Join) -> Result<Joined, StoreError> {
        let join = join.clone();
        self.writer.run(move |tx| join_in(tx, &join)).await?
    }

    async fn gather(
        &self,
        sink: &str,
        (carrier, attempt): (&FindingId, u32),
        digest: &Value,
        members: &[(FindingId, u32)],
    ) -> Result<bool, StoreError> {
        let (sink, carrier, digest) = (sink.to_owned(), carrier.clone(), digest.to_string());
        let members = members.to_vec();
        let work = move |tx: &mut Shared<'_>| {
            gather(tx, &sink, (&carrier, attempt), &digest, &members)
                .map_err(|error| failed(&error))
        };
        self.writer.run(work).await?
    }
}

pub(super) fn join_in(tx: &mut Transaction<'_>, join: &Join) -> Result<Joined, StoreError> {
    let (id, sink) = (join.finding.as_str(), join.sink.as_str());
    let held: Option<(Option<String>, Option<String>)> = tx
        .prepare_cached(HELD)
        .and_then(|mut select| {
            let values = params![id, sink, join.attempt];
            let found = select.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)));
            found.optional()
        })
        .map_err(|error| failed(&error))?;
    match held {
        None => return Ok(Joined::Lost),
        Some((Some(group), before)) if group == id => {
            let before = before.as_deref().map(row::json).transpose()?;
            return Ok(Joined::First(before));
        }
        Some((Some(group), _)) => return Ok(Joined::Repeat(row::id(&group)?)),
        Some((None, _)) => {}
    }
    let joined = match last(tx, join)? {
        Some((first, status)) if is_live(&first, status, join) => Joined::Repeat(first.finding),
        Some((first, status)) => Joined::First(Before::of(&first, status)),
        None => Joined::First(None),
    };
    write(tx, join, &joined)?;
    Ok(joined)
}

/// The row of the last group's first finding, and where that stands.
fn last(connection: &Connection, join: &Join) -> Result<Option<(Delivery, Status)>, StoreError> {
    let first: Option<String> = connection
        .prepare_cached(LIVE)
        .and_then(|mut select| {
            let found = select.query_row(params![join.sink, join.key], |row| row.get(0));
            found.optional()
        })
        .map_err(|error| failed(&error))?;
    match first {
        Some(first) => standing(connection, &first, join),
        None => Ok(None),
    }
}

/// The row of a group's first finding and where that stands; `None` once it is forgotten.
fn standing(
    connection: &Connection,
    first: &str,
    join: &Join,
) -> Result<Option<(Delivery, Status)>, StoreError> {
    let columns = row::DELIVERY;
    let sql = format!("SELECT {columns} FROM outbox WHERE finding = ?1 AND sink = ?2");
    let found = connection
        .prepare_cached(&sql)
        .and_then(|mut select| {
            let found = select.query_row(params![first, join.sink], row::delivery);
            found.optional()
        })
        .map_err(|error| failed(&error))?;
    let status: Option<String> = connection
        .prepare_cached("SELECT status FROM findings WHERE id = ?1 AND expires_at > ?2")
        .and_then(|mut select| {
            let now = join.now.as_microsecond();
            let found = select.query_row(params![first, now], |row| row.get(0));
            found.optional()
        })
        .map_err(|error| failed(&error))?;
    match (found, status) {
        (Some(delivery), Some(status)) => Ok(Some((delivery?, row::status(status)?))),
        _ => Ok(None),
    }
}

fn write(tx: &mut Transaction<'_>, join: &Join, joined: &Joined) -> Result<(), StoreError> {
    let (live, before) = match joined {
        Joined::Repeat(first) => (Some(first), None),
        Joined::First(before) => (None, before.as_ref()),
        Joined::Lost => return Ok(()),
    };
    let before = before.map(serde_json::to_string).transpose();
    let before = before.map_err(row::corrupt)?;
    enter(tx, join, live, before.as_deref()).map_err(|error| failed(&error))
}

/// Rolled back when it fails half-way: the neighbours in this transaction keep what they wrote.
fn enter(
    tx: &mut Transaction<'_>,
    join: &Join,
    live: Option<&FindingId>,
    before: Option<&str>,
) -> rusqlite::Result<()> {
    let (id, sink, now) = (join.finding.as_str(), &join.sink, join.now.as_microsecond());
    let savepoint = tx.savepoint()?;
    savepoint
        .prepare_cached(
            "UPDATE outbox SET grp = ?3, grouped_at = ?4, told_before = ?5
             WHERE finding = ?1 AND sink = ?2",
        )?
        .execute(params![
            id,
            sink,
            live.map_or(id, FindingId::as_str),
            now,
            before
        ])?;
    if let Some(first) = live {
        savepoint
            .prepare_cached(COUNT)?
            .execute(params![first.as_str(), sink, now, join.shows])?;
    } else {
        forget(&savepoint, join.now)?;
        let expires_at = join.expires_at().as_microsecond();
        savepoint
            .prepare_cached(OPEN)?
            .execute(params![sink, join.key, id, expires_at])?;
    }
    savepoint.commit()
}

fn forget(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM live_groups WHERE expires_at <= ?1")?
        .execute(params![now.as_microsecond()])
}

pub(super) fn gather(
    tx: &mut Transaction<'_>,
    sink: &str,
    (carrier, attempt): (&FindingId, u32),
    digest: &str,
    members: &[(FindingId, u32)],
) -> rusqlite::Result<bool> {
    let savepoint = tx.savepoint()?;
    let by = format!("digest {carrier}");
    let rows = savepoint.prepare_cached(CARRY)?.execute(params![
        carrier.as_str(),
        sink,
        attempt,
        digest
    ])?;
    let mut held = rows == 1;
    for (member, attempt) in members {
        let suppressed = savepoint.prepare_cached(MEMBER)?.execute(params![
            member.as_str(),
            sink,
            attempt,
            by
        ])?;
        held = held && suppressed == 1;
    }
    if held {
        savepoint.commit()?;
    }
    Ok(held)
}

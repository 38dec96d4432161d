//! Triage in SQLite: the change, its history and the outbox rows it wakes, in one transaction.

use super::shared::Shared;
use super::{failed, read, row};
use dial_core::FindingId;
use dial_core::store::stats;
use dial_core::store::triage::{ChangeError, Changed, Request, Triage, decide};
use dial_core::store::{Audit, StoreError, Summary};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// A finding's columns that a change reads.
const STANDING: &str =
    "SELECT status, assignee, snoozed_until, revision, summary, expires_at FROM findings
    WHERE id = ?1 AND expires_at > ?2";
const UPDATE: &str = "UPDATE findings
    SET status = ?2, assignee = ?3, snoozed_until = ?4, revision = ?5, summary = ?6 WHERE id = ?1";
const APPEND: &str = "INSERT INTO audit
    (finding, n, at, who, door, action, state_before, state_after, comment)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
/// What a sink shows is out of date: every row learns so, those that were sent are due again.
const WANT: &str = "UPDATE outbox SET wanted = wanted + 1,
    due_at  = iif(state = 'sent', ?2, due_at),
    since   = iif(state = 'sent', ?2, since),
    earlier = iif(state = 'sent', attempts, earlier),
    state   = iif(state = 'sent', 'pending', state)
    WHERE finding = ?1 AND state <> 'suppressed'";
const ASLEEP: &str = "SELECT id FROM findings
    WHERE snoozed_until <= ?1 AND expires_at > ?1 ORDER BY snoozed_until LIMIT ?2";

/// Makes a change, or writes nothing.
pub(super) fn change(
    tx: &mut Shared<'_>,
    id: &FindingId,
    expected: Option<u64>,
    request: &Request,
) -> Result<Changed, ChangeError> {
    let Some((stored, summary, expires_at)) = standing(tx, id, request.at)? else {
        return Err(ChangeError::Unknown);
    };
    let current = stored.clone().at(request.at);
    if expected.is_some_and(|expected| expected != current.revision) {
        let last = read::audit(tx, id)?.pop().map(Box::new);
        let current = Box::new(current);
        return Err(ChangeError::Conflict { current, last });
    }
    let changed = decide(&stored, request).map_err(|reason| ChangeError::Refused { reason })?;
    let after = summary.clone().changed(&changed.triage, request.at);
    let line = Line::of(id, &changed.triage, &after)?;
    let states = changed.lines.iter().map(states).collect::<Result<_, _>>()?;
    write(tx, &line, &changed, states, request.at).map_err(|error| failed(&error))?;
    tx.count(stats::changed(&summary, &after), expires_at);
    Ok(changed)
}

/// How the finding stands as it was written, its line of a list, and when it expires.
fn standing(
    connection: &Connection,
    id: &FindingId,
    now: Timestamp,
) -> Result<Option<(Triage, Summary, Timestamp)>, StoreError> {
    let read = |row: &Row<'_>| {
        let summary: String = row.get(4)?;
        Ok((Standing::read(row, 0)?, summary, row.get::<_, i64>(5)?))
    };
    let found = connection
        .prepare_cached(STANDING)
        .and_then(|mut select| {
            select
                .query_row(params![id.as_str(), now.as_microsecond()], read)
                .optional()
        })
        .map_err(|error| failed(&error))?;
    found
        .map(|(standing, summary, expires_at)| {
            let expires_at = row::time(expires_at)?;
            Ok((standing.triage()?, row::json(&summary)?, expires_at))
        })
        .transpose()
}

/// Triage as its columns hold it.
pub(super) struct Standing {
    status: String,
    assignee: Option<String>,
    snoozed_until: Option<i64>,
    revision: u32,
}

impl Standing {
    /// Reads `status, assignee, snoozed_until, revision`, the first of them at column `from`.
    pub(super) fn read(row: &Row<'_>, from: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            status: row.get(from)?,
            assignee: row.get(from + 1)?,
            snoozed_until: row.get(from + 2)?,
            revision: row.get(from + 3)?,
        })
    }

    pub(super) fn triage(self) -> Result<Triage, StoreError> {
        Ok(Triage {
            status: row::status(self.status)?,
            assignee: self.assignee,
            snoozed_until: self.snoozed_until.map(row::time).transpose()?,
            revision: u64::from(self.revision),
        })
    }
}

/// The finding's row as it is to be.
struct Line<'a> {
    id: &'a str,
    status: String,
    assignee: Option<String>,
    snoozed_until: Option<i64>,
    revision: i64,
    summary: String,
}

impl<'a> Line<'a> {
    fn of(id: &'a FindingId, triage: &Triage, summary: &Summary) -> Result<Self, StoreError> {
        Ok(Self {
            id: id.as_str(),
            status: row::word(triage.status),
            assignee: triage.assignee.clone(),
            snoozed_until: triage.snoozed_until.map(Timestamp::as_microsecond),
            revision: number(triage.revision),
            summary: serde_json::to_string(summary).map_err(row::corrupt)?,
        })
    }
}

/// Revisions end at `MAX_CHANGES`.
fn number(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

/// JSON of the states before and after.
type States = [Option<String>; 2];

fn states(line: &Audit) -> Result<States, StoreError> {
    let text = |triage: &Option<Triage>| triage.as_ref().map(serde_json::to_string).transpose();
    let states = [text(&line.before), text(&line.after)];
    let [before, after] = states.map(|state| state.map_err(row::corrupt));
    Ok([before?, after?])
}

fn write(
    tx: &mut Transaction<'_>,
    line: &Line<'_>,
    changed: &Changed,
    states: Vec<States>,
    at: Timestamp,
) -> rusqlite::Result<()> {
    // Rolled back when dropped: the neighbours in this transaction keep what they wrote.
    let savepoint = tx.savepoint()?;
    savepoint.prepare_cached(UPDATE)?.execute(params![
        line.id,
        line.status,
        line.assignee,
        line.snoozed_until,
        line.revision,
        line.summary,
    ])?;
    append(&savepoint, line.id, changed, states)?;
    savepoint
        .prepare_cached(WANT)?
        .execute(params![line.id, at.as_microsecond()])?;
    savepoint.commit()
}

fn append(
    connection: &Connection,
    id: &str,
    changed: &Changed,
    states: Vec<States>,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(APPEND)?;
    for (line, [before, after]) in changed.lines.iter().zip(states) {
        insert.execute(params![
            id,
            line.after.as_ref().map(|after| number(after.revision)),
            line.at.as_microsecond(),
            line.who,
            line.door,
            line.action,
            before,
            after,
            line.comment,
        ])?;
    }
    Ok(())
}

/// Findings whose sleep is over, longest over first.
pub(super) fn to_wake(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<FindingId>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let arguments = params![now.as_microsecond(), limit];
    read::collect(connection, ASLEEP, arguments, |row| {
        let id: String = row.get(0)?;
        Ok(FindingId::parse(&id).map_err(super::row::corrupt))
    })
}

//! What the writer does inside its transaction.

use super::failed;
use super::row;
use super::shared::Shared;
use dial_core::FindingId;
use dial_core::store::stats;
use dial_core::store::triage::Triage;
use dial_core::store::unanswered::{Span, Unanswered};
use dial_core::store::{
    Acceptance, Delivery, DeliveryState, Outcome, Settlement, StoreError, Summary, sort_key,
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// Most expired findings that one purge removes, so that it never holds the writer for long.
const PURGE: u32 = 500;

const INSERT_FINDING: &str = "INSERT INTO findings
    (id, sort_key, account, region, severity, status, rule_name, rule_id, principal, resource,
     received_at, expires_at, summary, finding, access_key, address,
     suppressed, sender)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
    ON CONFLICT (id) DO NOTHING";
const INSERT_OUTBOX: &str = "INSERT INTO outbox
    (finding, sink, state, attempts, due_at, received_at, since) VALUES (?1, ?2, ?3, 0, ?4, ?4, ?4)
    ON CONFLICT (finding, sink) DO NOTHING";

/// Stores one finding with its history's first line and outbox rows: all of it or, on an error,
/// nothing.
pub(super) fn accept(
    shared: &mut Shared<'_>,
    acceptance: &Acceptance,
) -> Result<Outcome, StoreError> {
    // Serialised before anything is written.
    let finding = serde_json::to_string(&acceptance.finding).map_err(row::corrupt)?;
    let summary = Summary::of(&acceptance.finding, &Triage::default());
    let line = serde_json::to_string(&summary).map_err(row::corrupt)?;
    let stored = store(shared, acceptance, &summary, &line, &finding);
    let outcome = stored.map_err(|error| failed(&error))?;
    if outcome == Outcome::New {
        shared.count(stats::accepted(&summary), acceptance.expires_at);
    }
    Ok(outcome)
}

fn store(
    shared: &mut Shared<'_>,
    acceptance: &Acceptance,
    summary: &Summary,
    line: &str,
    finding: &str,
) -> rusqlite::Result<Outcome> {
    if insert(shared, acceptance, summary, line, finding)? == 0 {
        return Ok(Outcome::Duplicate);
    }
    if let Err(error) = promise(shared, acceptance) {
        take_back(shared, &summary.id);
        return Err(error);
    }
    Ok(Outcome::New)
}

fn insert(
    connection: &Connection,
    acceptance: &Acceptance,
    summary: &Summary,
    line: &str,
    finding: &str,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(INSERT_FINDING)?.execute(params![
        summary.id.as_str(),
        sort_key(summary.time, &summary.id),
        summary.account.id,
        summary.region,
        summary.severity.as_str(),
        row::word(summary.status),
        summary.rule.name,
        summary.rule.id,
        summary.principal,
        summary.resource,
        acceptance.received_at.as_microsecond(),
        acceptance.expires_at.as_microsecond(),
        line,
        finding,
        summary.access_key(),
        summary.address(),
        summary.suppressed.is_some(),
        acceptance.sender,
    ])
}

/// Writes the outbox rows.
fn promise(connection: &Connection, acceptance: &Acceptance) -> rusqlite::Result<()> {
    let mut outbox = connection.prepare_cached(INSERT_OUTBOX)?;
    for sink in &acceptance.sinks {
        outbox.execute(params![
            acceptance.finding.id.as_str(),
            sink,
            row::word(DeliveryState::Pending),
            acceptance.received_at.as_microsecond()
        ])?;
    }
    Ok(())
}

/// Removes a finding that is not whole, with all that is its own; its neighbours keep what they
/// wrote. A savepoint for each finding would do the same and cost as much as everything else.
fn take_back(shared: &mut Shared<'_>, id: &FindingId) {
    if shared.is_over() {
        return;
    }
    let sql = "DELETE FROM findings WHERE id = ?1";
    let removed = shared
        .prepare_cached(sql)
        .and_then(|mut delete| delete.execute(params![id.as_str()]));
    if removed.is_err() {
        shared.spoil();
    }
}

/// The same condition as that of a claim: what earlier claims left unanswered.
const CLAIMABLE: &str = "SELECT unanswered FROM outbox
    WHERE finding = ?1 AND sink = ?2 AND due_at <= ?3 AND state IN ('pending', 'sending')
    AND EXISTS (SELECT 1 FROM findings WHERE id = outbox.finding AND expires_at > ?3)";

/// Takes a due row, whatever became of the one who had it before.
pub(super) fn claim(
    connection: &Connection,
    id: &FindingId,
    sink: &str,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Option<Delivery>, StoreError> {
    let (from, until) = (now.as_microsecond(), lease_until.as_microsecond());
    let before: Option<String> = connection
        .prepare_cached(CLAIMABLE)
        .and_then(|mut select| {
            let found = select.query_row(params![id.as_str(), sink, from], |row| row.get(0));
            found.optional()
        })
        .map_err(|error| failed(&error))?;
    let Some(before) = before else {
        return Ok(None);
    };
    let mut unanswered: Unanswered = row::json(&before)?;
    unanswered.push(Span::around(now, lease_until));
    let unanswered = serde_json::to_string(&unanswered).map_err(row::corrupt)?;
    let sql = format!(
        "UPDATE outbox SET state = 'sending', attempts = attempts + 1, due_at = ?3, unanswered = ?4
         WHERE finding = ?1 AND sink = ?2 RETURNING {}",
        row::DELIVERY
    );
    connection
        .prepare_cached(&sql)
        .and_then(|mut update| {
            let values = params![id.as_str(), sink, until, unanswered];
            update.query_row(values, row::delivery).optional()
        })
        .map_err(|error| failed(&error))?
        .transpose()
}

/// Ends an attempt, unless a later claim took the row or the attempt was ended before.
pub(super) fn settle(
    connection: &Connection,
    id: &FindingId,
    sink: &str,
    attempt: u32,
    settlement: &Settlement,
) -> Result<bool, StoreError> {
    let end = End::of(settlement);
    let unanswered = end.unanswered.map(serde_json::to_string);
    let unanswered = unanswered.transpose().map_err(row::corrupt)?;
    connection
        .prepare_cached(SETTLE)
        .and_then(|mut update| {
            update.execute(params![
                id.as_str(),
                sink,
                attempt,
                row::word(end.state),
                end.due_at.map(Timestamp::as_microsecond),
                end.error,
                end.receipt.map(ToString::to_string),
                end.wanted,
                end.sent_at.map(Timestamp::as_microsecond),
                end.by,
                unanswered,
            ])
        })
        .map(|changed| changed > 0)
        .map_err(|error| failed(&error))
}

/// A row that shows less than is wanted by now is due again at once, as a new errand.
const SETTLE: &str = "UPDATE outbox SET
    state   = iif(?8 < wanted, 'pending', ?4),
    due_at  = coalesce(?5, iif(?8 < wanted, ?9, due_at)),
    since   = iif(?8 < wanted, ?9, since),
    earlier = iif(?8 < wanted, attempts, earlier),
    shown   = coalesce(?8, shown),
    sent_at = coalesce(?9, sent_at),
    receipt = coalesce(?7, receipt),
    last_error = ?6,
    suppressed_by = ?10,
    unanswered = iif(?9 IS NULL, coalesce(?11, unanswered), '[]')
    WHERE finding = ?1 AND sink = ?2 AND attempts = ?3 AND state = 'sending'";

/// What a settlement writes.
#[derive(Default)]
struct End<'a> {
    state: DeliveryState,
    due_at: Option<Timestamp>,
    error: Option<&'a str>,
    receipt: Option<&'a serde_json::Value>,
    wanted: Option<u32>,
    sent_at: Option<Timestamp>,
    by: Option<&'a str>,
    unanswered: Option<&'a Unanswered>,
}

impl<'a> End<'a> {
    fn of(settlement: &'a Settlement) -> Self {
        match settlement {
            Settlement::Sent {
                receipt,
                wanted,
                at,
            } => Self {
                state: DeliveryState::Sent,
                receipt: receipt.as_ref(),
                wanted: Some(*wanted),
                sent_at: Some(*at),
                ..Self::default()
            },
            Settlement::Suppressed { by } => Self {
                state: DeliveryState::Suppressed,
                by: Some(by),
                ..Self::default()
            },
            Settlement::Retry {
                at,
                error,
                unanswered,
            } => Self {
                state: DeliveryState::Pending,
                due_at: Some(*at),
                error: Some(error),
                unanswered: Some(unanswered),
                ..Self::default()
            },
            Settlement::Failed { error } => Self {
                state: DeliveryState::Failed,
                error: Some(error),
                ..Self::default()
            },
        }
    }
}

/// Removes some of what expired; what stays is not shown and goes the next time.
pub(super) fn purge(connection: &Connection, now: i64) {
    let sql = "DELETE FROM findings WHERE id IN
        (SELECT id FROM findings WHERE expires_at <= ?1 LIMIT ?2)";
    if let Err(error) = super::stats::purge(connection, now) {
        tracing::warn!(%error, "counters of expired findings could not be removed");
    }
    match connection.execute(sql, params![now, PURGE]) {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "expired findings removed"),
        Err(error) => tracing::warn!(%error, "expired findings could not be removed"),
    }
}

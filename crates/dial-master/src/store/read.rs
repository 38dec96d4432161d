//! What the reading connections answer.

use super::failed;
use super::row;
use super::triage::Standing;
use dial_core::FindingId;
use dial_core::store::{
    Audit, Cursor, Delivery, MAX_PAGE, Page, Query, Status, StoreError, Stored, Summary,
};
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, Row, params, params_from_iter};

/// One finding, unless it expired.
pub(super) fn finding(
    connection: &Connection,
    id: &FindingId,
    now: Timestamp,
) -> Result<Option<Stored>, StoreError> {
    let sql = "SELECT finding, received_at, expires_at, status, assignee, snoozed_until, revision
         FROM findings WHERE id = ?1 AND expires_at > ?2";
    let columns: Option<(String, i64, i64, Standing)> = connection
        .prepare_cached(sql)
        .and_then(|mut select| {
            let read = |row: &Row<'_>| {
                let standing = Standing::read(row, 3)?;
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, standing))
            };
            select
                .query_row(params![id.as_str(), now.as_microsecond()], read)
                .optional()
        })
        .map_err(|error| failed(&error))?;
    let Some((finding, received_at, expires_at, standing)) = columns else {
        return Ok(None);
    };
    Ok(Some(Stored {
        finding: row::json(&finding)?,
        triage: standing.triage()?.at(now),
        received_at: row::time(received_at)?,
        expires_at: row::time(expires_at)?,
    }))
}

/// The history of a finding, in the order of its revisions.
pub(super) fn audit(connection: &Connection, id: &FindingId) -> Result<Vec<Audit>, StoreError> {
    let sql = "SELECT at, who, door, action, state_before, state_after, comment
         FROM audit WHERE finding = ?1 ORDER BY n";
    collect(connection, sql, params![id.as_str()], |row| {
        let (at, before, after) = (row.get(0)?, row.get(4)?, row.get(5)?);
        let line = Audit {
            at: Timestamp::UNIX_EPOCH,
            who: row.get(1)?,
            door: row.get(2)?,
            action: row.get(3)?,
            before: None,
            after: None,
            comment: row.get(6)?,
        };
        Ok(whole(line, at, before, after))
    })
}

/// The line with the columns that must be parsed.
fn whole(
    line: Audit,
    at: i64,
    before: Option<String>,
    after: Option<String>,
) -> Result<Audit, StoreError> {
    Ok(Audit {
        at: row::time(at)?,
        before: before.as_deref().map(row::json).transpose()?,
        after: after.as_deref().map(row::json).transpose()?,
        ..line
    })
}

/// The outbox rows of a finding, by sink name.
pub(super) fn deliveries(
    connection: &Connection,
    id: &FindingId,
) -> Result<Vec<Delivery>, StoreError> {
    let columns = row::DELIVERY;
    let sql = format!("SELECT {columns} FROM outbox WHERE finding = ?1 ORDER BY sink");
    collect(connection, &sql, params![id.as_str()], row::delivery)
}

/// Rows of a sink whose time has come, longest due first.
pub(super) fn due(
    connection: &Connection,
    sink: &str,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let arguments = params![sink, now.as_microsecond(), limit];
    collect(connection, &due_sql(), arguments, row::delivery)
}

/// The states are spelled out as in the partial index, which is used only then.
fn due_sql() -> String {
    format!(
        "SELECT {} FROM outbox
         WHERE sink = ?1 AND due_at <= ?2 AND state IN ('pending', 'sending')
         AND EXISTS (SELECT 1 FROM findings WHERE id = outbox.finding AND expires_at > ?2)
         ORDER BY due_at, finding LIMIT ?3",
        row::DELIVERY
    )
}

/// A page of the list; SQL narrows, `Query::matches` decides.
pub(super) fn list(
    connection: &Connection,
    query: &Query,
    after: Option<&Cursor>,
    limit: usize,
    now: Timestamp,
) -> Result<Page, StoreError> {
    let narrowed = Narrowed::of(query, after, now);
    let limit = limit.clamp(1, MAX_PAGE);
    let mut items = Vec::new();
    let mut select = connection
        .prepare_cached(&narrowed.sql)
        .map_err(|e| failed(&e))?;
    let mut rows = select
        .query(params_from_iter(narrowed.values))
        .map_err(|e| failed(&e))?;
    while let Some(row) = rows.next().map_err(|e| failed(&e))? {
        let line: String = row.get(0).map_err(|e| failed(&e))?;
        let summary = row::json::<Summary>(&line)?.at(now);
        if !query.matches(&summary) {
            continue;
        }
        if items.len() == limit {
            let next = items
                .last()
                .map(|last: &Summary| Cursor::after(last.time, &last.id));
            return Ok(Page { items, next });
        }
        items.push(summary);
    }
    Ok(Page { items, next: None })
}

/// A statement that gives every line of the list, newest first, and few others.
struct Narrowed {
    sql: String,
    values: Vec<Value>,
}

impl Narrowed {
    fn of(query: &Query, after: Option<&Cursor>, now: Timestamp) -> Self {
        let mut narrowed = Self {
            // `+` hides the column from `by_expiry`: that index would need a sort of all findings.
            sql: "SELECT summary FROM findings WHERE +expires_at > ?".into(),
            values: vec![Value::Integer(now.as_microsecond())],
        };
        let equal = [
            (" AND account = ?", &query.account),
            (" AND region = ?", &query.region),
            (" AND principal = ?", &query.principal),
            (" AND resource = ?", &query.resource),
        ];
        for (condition, value) in equal {
            narrowed.and(condition, value.iter().cloned());
        }
        narrowed.and_status(query.status);
        if let Some(rule) = &query.rule {
            let both = [rule.clone(), rule.clone()];
            narrowed.and(" AND (rule_name = ? OR rule_id = ?)", both);
        }
        if !query.severity.is_empty() {
            let marks = vec!["?"; query.severity.len()].join(", ");
            let words = query.severity.iter().map(|s| s.as_str().to_owned());
            narrowed.and(&format!(" AND severity IN ({marks})"), words);
        }
        narrowed.and(" AND sort_key >= ?", query.since.and_then(lower_bound));
        narrowed.and(" AND sort_key < ?", query.until.and_then(upper_bound));
        narrowed.and(
            " AND sort_key < ?",
            after.map(|cursor| cursor.sort_key().to_owned()),
        );
        narrowed.sql.push_str(" ORDER BY sort_key DESC");
        narrowed
    }

    /// A sleep that is over counts as open before that is written.
    fn and_status(&mut self, status: Option<Status>) {
        let Some(status) = status else { return };
        if status == Status::Open {
            let both = [status, Status::Snoozed].map(row::word);
            self.and(" AND status IN (?, ?)", both);
        } else {
            self.and(" AND status = ?", [row::word(status)]);
        }
    }

    /// Adds a condition with its values, unless there is no value.
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = String>) {
        let before = self.values.len();
        self.values.extend(values.into_iter().map(Value::Text));
        if self.values.len() > before {
            self.sql.push_str(condition);
        }
    }
}

/// No key of an event at or after `since` is less; keys hold milliseconds, `matches` the rest.
fn lower_bound(since: Timestamp) -> Option<String> {
    let text = format!("{since:.3}");
    // Years before 0 sort backwards as text; then `matches` alone decides.
    (!text.starts_with('-')).then_some(text)
}

/// Every key of an event before `until` is less: `$` follows the `#` after the time.
fn upper_bound(until: Timestamp) -> Option<String> {
    let text = format!("{until:.3}$");
    (!text.starts_with('-')).then_some(text)
}

/// Reads every row of a statement.
pub(super) fn collect<T>(
    connection: &Connection,
    sql: &str,
    arguments: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<Result<T, StoreError>>,
) -> Result<Vec<T>, StoreError> {
    let rows: rusqlite::Result<Vec<Result<T, StoreError>>> = connection
        .prepare_cached(sql)
        .and_then(|mut select| select.query_map(arguments, read)?.collect());
    rows.map_err(|error| failed(&error))?.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MIGRATIONS, Migrations};
    use std::fmt::Write as _;

    fn plan(connection: &Connection, sql: &str, values: usize) -> String {
        let mut explain = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let nulls = params_from_iter(vec![Value::Null; values]);
        let steps = explain.query_map(nulls, |row| row.get::<_, String>(3));
        let steps: Result<Vec<String>, _> = steps.unwrap().collect();
        steps.unwrap().join("; ")
    }

    #[test]
    fn lists_come_from_an_index_in_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        Migrations::from_slice(MIGRATIONS)
            .to_latest(&mut connection)
            .unwrap();
        let word = || Some("x".to_owned());
        let time = || Some(Timestamp::UNIX_EPOCH);
        let all = Query::default;
        let queries = [
            ("all", all()),
            (
                "account",
                Query {
                    account: word(),
                    ..all()
                },
            ),
            (
                "region",
                Query {
                    region: word(),
                    ..all()
                },
            ),
            (
                "severity",
                Query {
                    severity: vec![dial_core::Severity::High],
                    ..all()
                },
            ),
            (
                "status",
                Query {
                    status: Some(dial_core::store::Status::Open),
                    ..all()
                },
            ),
            (
                "rule",
                Query {
                    rule: word(),
                    ..all()
                },
            ),
            (
                "principal",
                Query {
                    principal: word(),
                    ..all()
                },
            ),
            (
                "resource",
                Query {
                    resource: word(),
                    ..all()
                },
            ),
            (
                "times",
                Query {
                    since: time(),
                    until: time(),
                    ..all()
                },
            ),
            (
                "account and times",
                Query {
                    account: word(),
                    since: time(),
                    ..all()
                },
            ),
        ];
        let mut plans = String::new();
        for (name, query) in queries {
            let narrowed = Narrowed::of(&query, None, Timestamp::UNIX_EPOCH);
            let plan = plan(&connection, &narrowed.sql, narrowed.values.len());
            writeln!(plans, "{name}: {plan}").unwrap();
        }
        writeln!(plans, "due: {}", plan(&connection, &due_sql(), 3)).unwrap();
        insta::assert_snapshot!(plans);
    }
}

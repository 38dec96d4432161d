//! What the reading connections answer.

use super::failed;
use super::row;
use super::triage::Standing;
use dial_core::FindingId;
use dial_core::store::{
    Audit, Cursor, Delivery, MAX_PAGE, Page, Query, StoreError, Stored, Summary,
};
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, Row, params, params_from_iter};
use std::collections::BTreeSet;

/// Most lines that one page looks at; where filters leave little, its cursor goes on.
const MAX_LINES: usize = 20_000;
/// Most values of a column that are each looked up in its index.
const MAX_WAYS: usize = 4;

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

/// The first line is in the finding's own row; findings from before that was so have it in the
/// history, and no sender.
const AUDIT: &str = "SELECT received_at, sender, 'worker', 'accepted', NULL, NULL, NULL, 0 AS n
     FROM findings WHERE id = ?1 AND sender IS NOT NULL
     UNION ALL
     SELECT at, who, door, action, state_before, state_after, comment, n
     FROM audit WHERE finding = ?1 ORDER BY n";

/// The history of a finding, in the order of its revisions.
pub(super) fn audit(connection: &Connection, id: &FindingId) -> Result<Vec<Audit>, StoreError> {
    collect(connection, AUDIT, params![id.as_str()], |row| {
        let at = row.get(0)?;
        let (before, after): (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
        let line = Audit {
            at: Timestamp::UNIX_EPOCH,
            who: row.get(1)?,
            door: row.get(2)?,
            action: row.get(3)?,
            before: None,
            after: None,
            comment: row.get(6)?,
        };
        Ok(whole(line, at, before.as_deref(), after.as_deref()))
    })
}

/// The line with the columns that must be parsed.
fn whole(
    line: Audit,
    at: i64,
    before: Option<&str>,
    after: Option<&str>,
) -> Result<Audit, StoreError> {
    Ok(Audit {
        at: row::time(at)?,
        before: before.map(row::json).transpose()?,
        after: after.map(row::json).transpose()?,
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
    let (mut items, mut seen) = (Vec::new(), None);
    let mut select = connection
        .prepare_cached(&narrowed.sql)
        .map_err(|e| failed(&e))?;
    let mut rows = select
        .query(params_from_iter(narrowed.values))
        .map_err(|e| failed(&e))?;
    let mut looked_at = 0;
    while let Some(row) = rows.next().map_err(|e| failed(&e))? {
        let line: String = row.get(0).map_err(|e| failed(&e))?;
        let summary = row::json::<Summary>(&line)?.at(now);
        let wanted = query.matches(&summary);
        if looked_at == MAX_LINES || (wanted && items.len() == limit) {
            return Ok(Page { items, next: seen });
        }
        looked_at += 1;
        seen = Some(Cursor::after(summary.time, &summary.id));
        items.extend(wanted.then_some(summary));
    }
    Ok(Page { items, next: None })
}

/// A statement that gives every line of the list, newest first, and few others.
struct Narrowed {
    sql: String,
    values: Vec<Value>,
}

impl Narrowed {
    /// Each way to begin is read along its index, in order, and `SQLite` merges them; what else is
    /// asked for only filters. `+` hides a column from the indexes: one that gives another order
    /// would have to sort everything for one page.
    fn of(query: &Query, after: Option<&Cursor>, now: Timestamp) -> Self {
        let filter = Part::filter(query, after, now);
        let ways = ways(query);
        let selects: Vec<String> = ways
            .iter()
            .map(|way| {
                format!(
                    "SELECT summary, sort_key FROM findings WHERE {}{}",
                    way.sql, filter.sql
                )
            })
            .collect();
        let values = ways
            .into_iter()
            .flat_map(|way| [way.values, filter.values.clone()].concat());
        Self {
            sql: format!("{} ORDER BY sort_key DESC", selects.join(" UNION ALL ")),
            values: values.collect(),
        }
    }
}

/// The ways that leave the least to filter, none of which gives a line that another one gives.
fn ways(query: &Query) -> Vec<Part> {
    let statuses: Vec<String> = query.stored_statuses().map(row::word).collect();
    let addresses = query.addresses();
    let by_column = [
        ("access_key", &query.access_key),
        ("resource", &query.resource),
        ("address", &addresses),
        ("principal", &query.principal),
        ("rule", &query.rule),
        ("account", &query.account),
        ("status", &statuses),
    ];
    let mut columns = by_column.into_iter();
    let found = columns.find(|(_, values)| (1..=MAX_WAYS).contains(&values.len()));
    let Some((column, values)) = found else {
        let few = query.suppressed == Some(true);
        return vec![Part::new(if few { "suppressed = 1" } else { "true" }, [])];
    };
    let distinct: BTreeSet<&String> = values.iter().collect();
    let way = |value: &String| match column {
        "rule" => by_rule(value, values).to_vec(),
        column => vec![Part::new(&format!("{column} = ?"), [value.clone()])],
    };
    distinct.into_iter().flat_map(way).collect()
}

/// A rule is named either way; what goes by one of the names is left out by id.
fn by_rule(rule: &str, names: &[String]) -> [Part; 2] {
    let by_id = format!("rule_id = ? AND +rule_name NOT IN ({})", marks(names.len()));
    let values = std::iter::once(rule.to_owned()).chain(names.iter().cloned());
    [
        Part::new("rule_name = ?", [rule.to_owned()]),
        Part::new(&by_id, values),
    ]
}

/// A condition and its values.
#[derive(Clone)]
struct Part {
    sql: String,
    values: Vec<Value>,
}

impl Part {
    fn new(sql: &str, values: impl IntoIterator<Item = String>) -> Self {
        Self {
            sql: sql.to_owned(),
            values: values.into_iter().map(Value::Text).collect(),
        }
    }

    /// Everything that is asked for, along no index but the order's own.
    fn filter(query: &Query, after: Option<&Cursor>, now: Timestamp) -> Self {
        let mut part = Self {
            sql: " AND +expires_at > ?".into(),
            values: vec![Value::Integer(now.as_microsecond())],
        };
        let words = |texts: &[String]| texts.to_vec();
        part.any("account", words(&query.account));
        part.any("region", words(&query.region));
        part.any("principal", words(&query.principal));
        part.any("access_key", words(&query.access_key));
        part.any("resource", words(&query.resource));
        part.any("status", query.stored_statuses().map(row::word).collect());
        part.rule(&query.rule);
        let severities = query.severity.iter().map(|s| s.as_str().to_owned());
        part.any("severity", severities.collect());
        part.and(" AND sort_key >= ?", query.since.and_then(lower_bound));
        part.and(" AND sort_key < ?", query.until.and_then(upper_bound));
        part.and(
            " AND sort_key < ?",
            after.map(|cursor| cursor.sort_key().to_owned()),
        );
        part
    }

    /// Any of the values, unless there is none.
    fn any(&mut self, column: &str, values: Vec<String>) {
        let condition = format!(" AND +{column} IN ({})", marks(values.len()));
        self.and(&condition, values);
    }

    /// A rule is named either way.
    fn rule(&mut self, rules: &[String]) {
        let marks = marks(rules.len());
        let condition = format!(" AND (+rule_name IN ({marks}) OR +rule_id IN ({marks}))");
        self.and(&condition, [rules, rules].concat());
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

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
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
    use dial_core::Severity;
    use dial_core::store::Status;
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

    /// Puts one filter into a query.
    type Asked = fn(&mut Query);

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_come_from_an_index_in_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        Migrations::from_slice(MIGRATIONS)
            .to_latest(&mut connection)
            .unwrap();
        let queries: [(&str, Asked); 16] = [
            ("all", |_| {}),
            ("account", |q| q.account = words(&["x"])),
            ("region", |q| q.region = words(&["x"])),
            ("severity", |q| q.severity = vec![Severity::High]),
            ("status", |q| q.status = vec![Status::Open]),
            ("rule", |q| q.rule = words(&["x"])),
            ("principal", |q| q.principal = words(&["x"])),
            ("resource", |q| q.resource = words(&["x"])),
            ("access key", |q| q.access_key = words(&["x"])),
            ("address", |q| {
                q.source = vec!["198.51.100.7".parse().unwrap()];
                q.since = Some(Timestamp::UNIX_EPOCH);
            }),
            ("network", |q| {
                q.source = vec!["198.51.100.0/24".parse().unwrap()];
            }),
            ("suppressed", |q| {
                q.suppressed = Some(true);
                q.since = Some(Timestamp::UNIX_EPOCH);
            }),
            ("times", |q| {
                q.since = Some(Timestamp::UNIX_EPOCH);
                q.until = Some(Timestamp::UNIX_EPOCH);
            }),
            ("accounts", |q| q.account = words(&["x", "y"])),
            ("account and rules", |q| {
                q.account = words(&["x"]);
                q.rule = words(&["x", "y"]);
            }),
            ("account and times", |q| {
                q.account = words(&["x"]);
                q.since = Some(Timestamp::UNIX_EPOCH);
            }),
        ];
        let mut plans = String::new();
        for (name, restrict) in queries {
            let mut query = Query::default();
            restrict(&mut query);
            let narrowed = Narrowed::of(&query, None, Timestamp::UNIX_EPOCH);
            let plan = plan(&connection, &narrowed.sql, narrowed.values.len());
            writeln!(plans, "{name}: {plan}").unwrap();
        }
        writeln!(plans, "due: {}", plan(&connection, &due_sql(), 3)).unwrap();
        insta::assert_snapshot!(plans);
    }
}

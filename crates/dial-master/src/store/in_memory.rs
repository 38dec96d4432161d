//! The statements of the embedded store on one connection in memory: put back to an earlier state
//! at will, for tests that explore every order of events.

use super::shared::Shared;
use super::{MIGRATIONS, group, outbox, read, write};
use dial_core::FindingId;
use dial_core::store::group::{Join, Joined};
use dial_core::store::outbox::Count;
use dial_core::store::unanswered::Span;
use dial_core::store::{Acceptance, Delivery, Outcome, Settlement, StoreError, Stored};
use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::types::Value;
use rusqlite_migration::Migrations;
use std::sync::{Mutex, MutexGuard};

/// What delivery changes.
const TABLES: [&str; 2] = ["outbox", "live_groups"];

/// How a list of spans begins.
const SPANS: &str = "[{\"from\"";

/// Tables and statements of the embedded store.
pub(crate) struct InMemory(Mutex<Connection>);

/// The rows of [`TABLES`].
#[derive(Debug, Clone)]
pub(crate) struct Snapshot([Vec<Vec<Value>>; 2]);

impl Snapshot {
    /// What of it decides anything at `now`: when a row is due from then on, and of all other
    /// times only that they are there.
    pub(crate) fn key(&self, now: Timestamp) -> String {
        let now = now.as_microsecond();
        let [outbox, groups] = &self.0;
        let due = |row: &Vec<Value>| match row[4] {
            Value::Integer(at) => (at - now).max(0),
            _ => 0,
        };
        let shown = |value: &Value| match value {
            Value::Text(text) if text.starts_with(SPANS) => {
                format!("{} spans", text.matches("from").count())
            }
            Value::Integer(at) if *at > 1_000_000_000_000_000 => "at".to_owned(),
            other => format!("{other:?}"),
        };
        let row = |row: &Vec<Value>| row.iter().map(shown).collect::<Vec<_>>().join(" ");
        let rows = outbox
            .iter()
            .map(|one| format!("{} {}\n", due(one), row(one)));
        rows.chain(groups.iter().map(row)).collect()
    }
}

impl Snapshot {
    /// When attempts may have got through, of all rows.
    pub(crate) fn unanswered(&self) -> Vec<Span> {
        let texts = self.0[0].iter().flatten().filter_map(|value| match value {
            Value::Text(text) if text.starts_with(SPANS) => Some(text),
            _ => None,
        });
        let spans = texts.map(|text| serde_json::from_str::<Vec<Span>>(text).unwrap());
        spans.flatten().collect()
    }
}

impl InMemory {
    pub(crate) fn open() -> Self {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .pragma_update(None, "foreign_keys", true)
            .unwrap();
        connection.set_prepared_statement_cache_capacity(64);
        Migrations::from_slice(MIGRATIONS)
            .to_latest(&mut connection)
            .unwrap();
        Self(Mutex::new(connection))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap()
    }

    pub(crate) fn accept(&self, acceptance: &Acceptance) -> Result<Outcome, StoreError> {
        let mut connection = self.lock();
        let mut shared = Shared::begin(&mut connection).unwrap();
        let outcome = write::accept(&mut shared, acceptance);
        shared.commit().unwrap();
        outcome
    }

    pub(crate) fn finding(
        &self,
        id: &FindingId,
        now: Timestamp,
    ) -> Result<Option<Stored>, StoreError> {
        read::finding(&self.lock(), id, now)
    }

    pub(crate) fn deliveries(&self, id: &FindingId) -> Result<Vec<Delivery>, StoreError> {
        read::deliveries(&self.lock(), id)
    }

    pub(crate) fn due(
        &self,
        sink: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        read::due(&self.lock(), sink, now, limit)
    }

    pub(crate) fn claim(
        &self,
        id: &FindingId,
        sink: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        write::claim(&self.lock(), id, sink, now, lease_until)
    }

    pub(crate) fn settle(
        &self,
        id: &FindingId,
        sink: &str,
        attempt: u32,
        settlement: &Settlement,
    ) -> Result<bool, StoreError> {
        write::settle(&self.lock(), id, sink, attempt, settlement)
    }

    pub(crate) fn join(&self, join: &Join) -> Result<Joined, StoreError> {
        let mut connection = self.lock();
        let mut tx = connection.transaction().unwrap();
        let joined = group::join_in(&mut tx, join);
        tx.commit().unwrap();
        joined
    }

    pub(crate) fn gather(
        &self,
        sink: &str,
        carrier: (&FindingId, u32),
        digest: &str,
        members: &[(FindingId, u32)],
    ) -> bool {
        let mut connection = self.lock();
        let mut tx = connection.transaction().unwrap();
        let gathered = group::gather(&mut tx, sink, carrier, digest, members).unwrap();
        tx.commit().unwrap();
        gathered
    }

    pub(crate) fn counts(&self) -> Vec<Count> {
        outbox::counts(&self.lock()).unwrap()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let connection = self.lock();
        Snapshot(TABLES.map(|table| {
            let sql = format!("SELECT * FROM {table}");
            let mut select = connection.prepare_cached(&sql).unwrap();
            let width = select.column_count();
            let rows = select.query_map([], |row| (0..width).map(|n| row.get(n)).collect());
            rows.unwrap().collect::<Result<_, _>>().unwrap()
        }))
    }

    pub(crate) fn restore(&self, snapshot: &Snapshot) {
        let mut connection = self.lock();
        let tx = connection.transaction().unwrap();
        for (table, rows) in TABLES.into_iter().zip(&snapshot.0) {
            tx.prepare_cached(&format!("DELETE FROM {table}"))
                .and_then(|mut delete| delete.execute([]))
                .unwrap();
            for row in rows {
                let places = vec!["?"; row.len()].join(", ");
                let sql = format!("INSERT INTO {table} VALUES ({places})");
                let mut insert = tx.prepare_cached(&sql).unwrap();
                insert.execute(rusqlite::params_from_iter(row)).unwrap();
            }
        }
        tx.commit().unwrap();
    }
}

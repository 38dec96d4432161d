//! The embedded store: SQLite in WAL mode, one writer with group commit, readers beside it.

mod archive;
mod document;
mod group;
#[cfg(test)]
pub(crate) mod in_memory;
mod look;
mod outbox;
mod read;
mod row;
mod shared;
mod silence;
mod stats;
#[cfg(test)]
mod tests;
mod triage;
mod write;
mod writer;

pub use look::{Look, look};

use dial_core::FindingId;
use dial_core::store::triage::{ChangeError, Changed, Request, Triaging};
use dial_core::store::{
    Acceptance, Audit, Cursor, Delivery, Outcome, Page, Query, Settlement, Store, StoreError,
    Stored,
};
use dial_core::wire::MAX_INFLATED;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Connections that read at the same time.
const READERS: usize = 4;
/// How long a statement waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);
/// Page cache of the writer, KiB (negative: not pages); keeps the tails of all indexes in memory.
const CACHE: i64 = -16 * 1024;
/// Pages of the log before they are moved into the file; 16 MB, so that a page which many
/// commits touch is moved once.
const CHECKPOINT: i64 = 4_096;
/// Expired findings are removed at most this often, microseconds of the master's clock.
const PURGE_EVERY: i64 = 10 * 60 * 1_000_000;

const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!("schema_1.sql")),
    M::up(include_str!("schema_silence.sql")),
    M::up(include_str!("schema_triage.sql")),
    M::up(include_str!("schema_document.sql")),
    M::up(include_str!("schema_stats.sql")),
    M::up(include_str!("schema_outbox.sql")),
    M::up(include_str!("schema_group.sql")),
    M::up(include_str!("schema_related.sql")),
    M::up(include_str!("schema_unanswered.sql")),
    M::up(include_str!("schema_before.sql")),
    M::up(include_str!("schema_sender.sql")),
];

/// Why the file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder could not be made.
    #[error("store file {path} cannot be made: {source}")]
    File {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite refused the file.
    #[error("store file {path} cannot be opened: {source}")]
    Sqlite {
        /// The path.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The tables could not be brought up to date; a newer program may have written them.
    #[error("store file {path} cannot be migrated: {source}")]
    Migration {
        /// The path.
        path: PathBuf,
        /// What was wrong.
        source: rusqlite_migration::Error,
    },
}

/// Findings, history and outbox in one SQLite file.
pub struct Sqlite {
    // Dropped in this order: the writer closes last and folds the log into the file.
    readers: Arc<Readers>,
    writer: writer::Writer,
    purged_at: AtomicI64,
}

/// Reading connections that are not in use.
struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Sqlite {
    /// Opens the file, makes it where it is missing, and brings its tables up to date.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        make_private(path).map_err(|source| OpenError::File {
            path: path.to_owned(),
            source,
        })?;
        let refused = |source| OpenError::Sqlite {
            path: path.to_owned(),
            source,
        };
        let mut connection = writing(path).map_err(refused)?;
        Migrations::from_slice(MIGRATIONS)
            .to_latest(&mut connection)
            .map_err(|source| OpenError::Migration {
                path: path.to_owned(),
                source,
            })?;
        let idle = (0..READERS)
            .map(|_| reading(path))
            .collect::<Result<_, _>>()
            .map_err(refused)?;
        Ok(Self {
            writer: writer::Writer::start(connection),
            readers: Arc::new(Readers {
                idle: Mutex::new(idle),
                permits: Semaphore::new(READERS),
            }),
            purged_at: AtomicI64::new(0),
        })
    }

    /// Runs a query on a thread where waiting for the disk is allowed.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let stopped = |_| StoreError::Unavailable("store is closed".into());
        let readers = Arc::clone(&self.readers);
        let _permit = self.readers.permits.acquire().await.map_err(stopped)?;
        tokio::task::spawn_blocking(move || {
            let lent = readers.take();
            query(lent.connection())
        })
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    /// When the expired are to be removed together with this batch, the time to compare with.
    fn purge_due(&self, batch: &[Acceptance]) -> Option<i64> {
        let now = batch.iter().map(|a| a.received_at.as_microsecond()).max()?;
        let last = self.purged_at.load(Ordering::Relaxed);
        let due = now.saturating_sub(last) >= PURGE_EVERY;
        (due && self.purged_at.swap(now, Ordering::Relaxed) == last).then_some(now)
    }
}

/// A connection that goes back when it is dropped, even where a defect ends the query.
struct Lent<'r> {
    connection: Option<Connection>,
    readers: &'r Readers,
}

impl Lent<'_> {
    fn connection(&self) -> &Connection {
        let connection = self.connection.as_ref();
        connection.expect("it is given back by drop only")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.readers.lock().extend(self.connection.take());
    }
}

impl Readers {
    fn take(&self) -> Lent<'_> {
        let connection = self.lock().pop();
        assert!(
            connection.is_some(),
            "there are as many permits as connections"
        );
        Lent {
            connection,
            readers: self,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Store for Sqlite {
    async fn accept(&self, batch: Vec<Acceptance>) -> Vec<Result<Outcome, StoreError>> {
        let count = batch.len();
        let purge = self.purge_due(&batch);
        let written = self
            .writer
            .run(move |tx| {
                if let Some(now) = purge {
                    write::purge(tx, now);
                }
                let accept = |one: &Acceptance| {
                    if tx.is_over() {
                        return Err(shared::ended());
                    }
                    write::accept(tx, one)
                };
                batch.iter().map(accept).collect()
            })
            .await;
        written.unwrap_or_else(|error| vec![Err(error); count])
    }

    async fn finding(&self, id: &FindingId, now: Timestamp) -> Result<Option<Stored>, StoreError> {
        let id = id.clone();
        self.read(move |c| read::finding(c, &id, now)).await
    }

    async fn audit(&self, id: &FindingId) -> Result<Vec<Audit>, StoreError> {
        let id = id.clone();
        self.read(move |c| read::audit(c, &id)).await
    }

    async fn list(
        &self,
        query: &Query,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let (query, after) = (query.clone(), after.cloned());
        self.read(move |c| read::list(c, &query, after.as_ref(), limit, now))
            .await
    }

    async fn deliveries(&self, id: &FindingId) -> Result<Vec<Delivery>, StoreError> {
        let id = id.clone();
        self.read(move |c| read::deliveries(c, &id)).await
    }

    async fn due(
        &self,
        sink: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let sink = sink.to_owned();
        self.read(move |c| read::due(c, &sink, now, limit)).await
    }

    async fn claim(
        &self,
        id: &FindingId,
        sink: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let (id, sink) = (id.clone(), sink.to_owned());
        self.writer
            .run(move |tx| write::claim(tx, &id, &sink, now, lease_until))
            .await?
    }

    async fn settle(
        &self,
        id: &FindingId,
        sink: &str,
        attempt: u32,
        settlement: Settlement,
    ) -> Result<bool, StoreError> {
        let (id, sink) = (id.clone(), sink.to_owned());
        self.writer
            .run(move |tx| write::settle(tx, &id, &sink, attempt, &settlement))
            .await?
    }

    async fn ready(&self) -> Result<(), StoreError> {
        // Where it had no room, the writer looks for some before it takes this up.
        self.writer.run(|_| ()).await?;
        if self.writer.is_failing() {
            let message = format!("there is no room to write {MAX_INFLATED} bytes");
            return Err(StoreError::Unavailable(message));
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Triaging for Sqlite {
    async fn change(
        &self,
        id: &FindingId,
        expected: Option<u64>,
        request: &Request,
    ) -> Result<Changed, ChangeError> {
        let (id, request) = (id.clone(), request.clone());
        self.writer
            .run(move |tx| triage::change(tx, &id, expected, &request))
            .await?
    }

    async fn to_wake(&self, now: Timestamp, limit: usize) -> Result<Vec<FindingId>, StoreError> {
        self.read(move |c| triage::to_wake(c, now, limit)).await
    }
}

/// Findings name people and resources: the file is for its owner only.
fn make_private(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn writing(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn reading(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// What a failed statement means for the caller.
fn failed(error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked) => StoreError::Throttled(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

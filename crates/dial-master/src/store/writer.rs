//! The one thread that writes: whatever is queued shares a transaction and one sync to disk.

use super::failed;
use super::shared::Shared;
use dial_core::store::StoreError;
use dial_core::wire::MAX_INFLATED;
use rusqlite::{Connection, TransactionBehavior};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Works that may wait; more is answered as throttled.
const QUEUE: usize = 1_024;
/// Most works of one transaction, so that the first of them need not wait for long.
const GROUP: usize = 256;

/// Answers the caller, once it is known whether the transaction is durable.
type Finish = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Something to do inside the shared transaction.
type Work = Box<dyn FnOnce(&mut Shared<'_>) -> Finish + Send>;

/// Handle of the writing thread; dropping it writes what is queued and closes the file.
pub(super) struct Writer {
    queue: Option<SyncSender<Work>>,
    failing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Gives the connection to a new thread.
    pub(super) fn start(connection: Connection) -> Self {
        let (queue, works) = sync_channel(QUEUE);
        let failing = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&failing);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write_groups(connection, &works, &told))
            .expect("the system can start one more thread");
        Self {
            queue: Some(queue),
            failing,
            thread: Some(thread),
        }
    }

    /// Runs `work` in the next transaction; answers only when that is durable.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Shared<'_>) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |shared| {
            let done = work(shared);
            // A caller that went away needs no answer.
            Box::new(move |durable| drop(reply.send(durable.map(|()| done))))
        });
        self.enqueue(work)?;
        answer.await.map_err(|_| undone())?
    }

    /// Whether a transaction could not be made durable, and there was no room for a large one since.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    fn enqueue(&self, work: Work) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Throttled("write queue is full".into()),
            TrySendError::Disconnected(_) => stopped(),
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("writer has stopped".into())
}

/// What whoever asked is told where a transaction ended before its work was done.
fn undone() -> StoreError {
    StoreError::Unavailable("nothing was written; the log says why".into())
}

fn write_groups(mut connection: Connection, works: &Receiver<Work>, failing: &AtomicBool) {
    while let Ok(first) = works.recv() {
        // What is small, or changes nothing, may succeed all the time: it shows nothing.
        if failing.load(Ordering::Relaxed) && has_room(&mut connection) {
            failing.store(false, Ordering::Relaxed);
            tracing::info!("store writes again");
        }
        let group = std::iter::once(first).chain(works.try_iter().take(GROUP - 1));
        let group = group.collect();
        // A defect in one work must not end all writing; its transaction is rolled back.
        let write = AssertUnwindSafe(|| write_group(&mut connection, group));
        let written = catch_unwind(write).unwrap_or_else(|_| {
            crate::metrics::defect("store writer");
            Err(StoreError::Unavailable(
                "writing broke off by a defect".into(),
            ))
        });
        tell(failing, &written);
    }
}

/// Says in the log when writing begins to fail, and nothing of each time after.
fn tell(failing: &AtomicBool, written: &Result<(), StoreError>) {
    if let Err(error) = written
        && !failing.swap(true, Ordering::Relaxed)
    {
        tracing::error!(%error, "store cannot write");
    }
}

/// Whether the largest request would find room: so much is written to disk and rolled back.
fn has_room(connection: &mut Connection) -> bool {
    let row = format!(
        "INSERT INTO documents (kind, id, forgotten_at, body)
         VALUES ('ROOM', '', 0, CAST(zeroblob({MAX_INFLATED}) AS TEXT))"
    );
    let mut fill = || -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(&row, [])?;
        // Else it would lie in memory until a commit.
        transaction.cache_flush()
    };
    fill().is_ok()
}

/// All works, one commit, then all answers; dropping a work tells its caller that it was not done.
fn write_group(connection: &mut Connection, works: Vec<Work>) -> Result<(), StoreError> {
    let mut shared = Shared::begin(connection).map_err(|error| failed(&error))?;
    let mut finishes = Vec::with_capacity(works.len());
    for work in works {
        finishes.push(work(&mut shared));
        if shared.is_over() {
            break;
        }
    }
    let durable = shared.commit();
    for finish in finishes {
        finish(durable.clone());
    }
    durable
}

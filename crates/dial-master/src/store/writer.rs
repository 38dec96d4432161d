//! The one thread that writes: whatever is queued shares a transaction and one sync to disk.

use super::failed;
use dial_core::store::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
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
type Work = Box<dyn FnOnce(&mut Transaction<'_>) -> Finish + Send>;

/// Handle of the writing thread; dropping it writes what is queued and closes the file.
pub(super) struct Writer {
    queue: Option<SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Gives the connection to a new thread.
    pub(super) fn start(connection: Connection) -> Self {
        let (queue, works) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write_groups(connection, &works))
            .expect("the system can start one more thread");
        Self {
            queue: Some(queue),
            thread: Some(thread),
        }
    }

    /// Runs `work` in the next transaction; answers only when that is durable.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |tx| {
            let done = work(tx);
            // A caller that went away needs no answer.
            Box::new(move |durable| drop(reply.send(durable.map(|()| done))))
        });
        self.enqueue(work)?;
        answer.await.map_err(|_| stopped())?
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

fn write_groups(mut connection: Connection, works: &Receiver<Work>) {
    while let Ok(first) = works.recv() {
        let group = std::iter::once(first).chain(works.try_iter().take(GROUP - 1));
        write_group(&mut connection, group.collect());
    }
}

/// All works, one commit, then all answers.
fn write_group(connection: &mut Connection, works: Vec<Work>) {
    let mut transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate)
    {
        Ok(transaction) => transaction,
        // Dropping the works tells their callers; none of them ran.
        Err(error) => return tracing::error!(%error, "store cannot begin a transaction"),
    };
    let finishes: Vec<Finish> = works
        .into_iter()
        .map(|work| work(&mut transaction))
        .collect();
    let durable = transaction.commit().map_err(|error| failed(&error));
    if let Err(error) = &durable {
        tracing::error!(%error, "store cannot commit");
    }
    for finish in finishes {
        finish(durable.clone());
    }
}

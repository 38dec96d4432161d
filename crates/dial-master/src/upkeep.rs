//! What a master does beside answering and delivering: adds up counters, fills the archive.

use crate::archive::Archive;
use dial_core::store::Store;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often `run` looks for something to do; the sweep on Lambda comes as often.
const PAUSE: Duration = Duration::from_mins(1);

/// Keeps a store in order.
pub struct Upkeep {
    store: Arc<dyn Store>,
    archive: Option<Archive>,
}

impl Upkeep {
    /// Upkeep of a store; without an archive findings leave it for good.
    pub fn new(store: Arc<dyn Store>, archive: Option<Archive>) -> Self {
        Self { store, archive }
    }

    /// Does what is to be done at `now`; stops at the deadline, and the next call goes on there.
    ///
    /// A failure is logged and tried again by the next call: nothing is lost by waiting.
    pub async fn once(&self, now: Timestamp, deadline: Option<Instant>) {
        match self.store.fold().await {
            Ok(0) => {}
            Ok(changes) => tracing::info!(changes, "counters added up"),
            Err(error) => tracing::warn!(%error, "counters cannot be added up now"),
        }
        let Some(archive) = &self.archive else { return };
        match archive.run(now, deadline).await {
            Ok(done) if done.findings == 0 => {}
            Ok(done) => tracing::info!(?done, "findings archived"),
            Err(error) => tracing::error!(%error, "findings cannot be archived now"),
        }
    }

    /// Does so every minute, until `shutdown`; what is under way is broken off, which loses nothing.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let round = async {
                self.once(Timestamp::now(), None).await;
                tokio::time::sleep(PAUSE).await;
            };
            tokio::select! {
                () = &mut shutdown => return,
                () = round => {}
            }
        }
    }
}

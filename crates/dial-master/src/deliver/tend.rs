//! What no event announces: sleeps that are over, sinks that take nothing, and rows of sinks that
//! left the configuration.

use super::lane::Until;
use super::{BATCH, Deliverer};
use dial_core::store::triage::{ChangeError, Request};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};

/// How often a service looks.
const EVERY: Duration = Duration::from_secs(30);

impl Deliverer {
    /// Tends until the process is to end.
    pub(super) async fn keep_tending(&self, mut until: Until) {
        while !*until.stop.borrow() {
            self.tend(&until).await;
            until.wait(Instant::now() + EVERY).await;
        }
    }

    /// Writes down what the clock did, and fails what nobody would ever deliver.
    pub(super) async fn tend(&self, until: &Until) {
        self.wake_sleepers().await;
        self.tell_of_stuck_sinks().await;
        self.fail_strays(until).await;
    }

    async fn wake_sleepers(&self) {
        let now = (self.clock)();
        let ids = match self.store.to_wake(now, BATCH).await {
            Ok(ids) => ids,
            Err(error) => return warn!(%error, "sleeping findings cannot be read"),
        };
        for finding in ids {
            match self.store.change(&finding, None, &Request::wake(now)).await {
                Ok(_) => info!(%finding, "snooze is over"),
                // A person was faster.
                Err(ChangeError::Refused { .. } | ChangeError::Unknown) => {}
                Err(error) => warn!(%finding, %error, "finding cannot be woken"),
            }
        }
    }

    async fn fail_strays(&self, until: &Until) {
        let configured = self.sinks.names();
        let known = match self.store.known_sinks(&configured).await {
            Ok(known) => known,
            Err(error) => return warn!(%error, "sinks that have rows cannot be read"),
        };
        for sink in known.iter().filter(|sink| !configured.contains(sink)) {
            while self.pass(sink, until).await.progressed() {}
        }
    }
}

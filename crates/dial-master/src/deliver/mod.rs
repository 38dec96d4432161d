//! Delivery: takes outbox rows, lets their sinks decide, performs the calls, records the end.
//!
//! The rows are the truth. A claim leases a row; whoever crashes leaves a lease that ends, and
//! the row is due again. Sinks are served side by side and never wait for one another.

mod attempt;
mod backoff;
mod bulk;
pub(crate) mod decide;
pub mod executor;
mod lane;
mod lines;
pub mod probe;
mod storm;
mod stuck;
mod tend;
#[cfg(test)]
mod tests;
pub mod transport;

use crate::enduring::{self, Defects};
use crate::message::links::Links;
use crate::metrics;
use crate::routing::Routing;
use crate::sinks::{Configured, Sinks};
use dial_core::FindingId;
use dial_core::ports::RequestSigner;
use dial_core::store::{Delivery, MAX_PAGE, Store};
use executor::Executor;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use lane::{Lane, Until};
use rand::{SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::warn;
use transport::{Http, Transport, TransportError};

/// Due rows read at once.
const BATCH: usize = 64;
/// How often `run` looks for rows whose time has come.
const POLL: Duration = Duration::from_secs(1);

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What became of some rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The sink has them.
    pub sent: usize,
    /// To be tried again.
    pub retried: usize,
    /// Given up.
    pub failed: usize,
    /// Nobody is to be told.
    pub suppressed: usize,
    /// Someone else had them, or time was up, or the store did not answer.
    pub left: usize,
}

/// Brings findings to sinks.
pub struct Deliverer {
    store: Arc<dyn Store>,
    sinks: Sinks,
    lanes: BTreeMap<String, Lane>,
    routing: Arc<Routing>,
    links: Links,
    transport: Arc<dyn Transport>,
    clock: Clock,
    rng: Mutex<StdRng>,
    /// When it was last written down that a sink took something.
    pulses: Mutex<BTreeMap<String, Timestamp>>,
}

impl Deliverer {
    /// A deliverer that performs every call, on the system's clock; `signer` is asked for calls to AWS services.
    pub fn new(
        store: Arc<dyn Store>,
        sinks: Sinks,
        links: Links,
        signer: Arc<dyn RequestSigner>,
    ) -> Result<Self, TransportError> {
        let transport = Executor::new(Http::new(sinks.guard())?, signer);
        let seed = rand::random();
        Ok(Self::with(
            store,
            sinks,
            links,
            Arc::new(transport),
            Arc::new(Timestamp::now),
            seed,
        ))
    }

    /// A deliverer on a given transport, clock and seed of its jitter.
    pub fn with(
        store: Arc<dyn Store>,
        sinks: Sinks,
        links: Links,
        transport: Arc<dyn Transport>,
        clock: Clock,
        seed: u64,
    ) -> Self {
        let lanes = sinks
            .iter()
            .map(|(name, sink)| (name.clone(), Lane::new(sink.terms.min_interval)));
        Self {
            lanes: lanes.collect(),
            store,
            routing: Arc::new(Routing::everything(sinks.names())),
            sinks,
            links,
            transport,
            clock,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            pulses: Mutex::default(),
        }
    }

    /// The same, with a routing of its own; without one every sink is told of everything.
    #[must_use]
    pub fn routed(self, routing: Arc<Routing>) -> Self {
        Self { routing, ..self }
    }

    /// Delivers these rows (finding, sink), as a stream names them; what is not due is left.
    ///
    /// Starts nothing that could last beyond `deadline`.
    pub async fn deliver(&self, rows: &[(FindingId, String)], deadline: Option<Instant>) -> Tally {
        let mut by_sink: BTreeMap<&str, Vec<&FindingId>> = BTreeMap::new();
        for (finding, sink) in rows {
            by_sink.entry(sink).or_default().push(finding);
        }
        let (_never, until) = until(deadline);
        let lanes = by_sink.into_iter().map(|(sink, findings)| {
            let until = &until;
            async move { self.serve_new(sink, findings, until).await }
        });
        Tally::sum(futures::future::join_all(lanes).await)
    }

    /// Delivers everything that is due, until nothing is left or the deadline comes.
    pub async fn sweep(&self, deadline: Option<Instant>) -> Tally {
        let (_never, until) = until(deadline);
        self.tend(&until).await;
        let lanes = self.sinks.iter().map(|(sink, _)| {
            let until = &until;
            async move {
                let mut sum = Tally::default();
                loop {
                    let pass = self.pass(sink, until).await;
                    // What one pass left, the next one counts again.
                    sum = Tally::sum([Tally { left: 0, ..sum }, pass]);
                    if !pass.progressed() {
                        return sum;
                    }
                }
            }
        });
        Tally::sum(futures::future::join_all(lanes).await)
    }

    /// Delivers what is due as it comes, one task per sink, until `shutdown`; attempts under way
    /// are finished first. `wake` says that there are new rows; what panics is told to `defects`.
    pub async fn run(
        self: Arc<Self>,
        wake: Arc<Notify>,
        defects: Arc<Defects>,
        shutdown: impl Future<Output = ()>,
    ) {
        let (stopper, stop) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut bells = Vec::new();
        for name in self.sinks.names() {
            let bell = Arc::new(Notify::new());
            bells.push(Arc::clone(&bell));
            let until = Until {
                deadline: None,
                stop: stop.clone(),
            };
            let (deliverer, defects) = (Arc::clone(&self), Arc::clone(&defects));
            tasks.spawn(async move {
                let serve = || deliverer.serve_sink(&name, &bell, until.clone());
                enduring::run(&name, &defects, until.stop.clone(), serve).await;
            });
        }
        let deliverer = Arc::clone(&self);
        let until = Until {
            deadline: None,
            stop: stop.clone(),
        };
        tasks.spawn(async move {
            let tend = || deliverer.keep_tending(until.clone());
            enduring::run("tending", &defects, until.stop.clone(), tend).await;
        });
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                // One permit wakes one task, so every sink has a bell of its own.
                () = wake.notified() => bells.iter().for_each(|bell| bell.notify_one()),
            }
        }
        stopper.send_replace(true);
        while tasks.join_next().await.is_some() {}
    }

    async fn serve_sink(&self, sink: &str, bell: &Notify, mut until: Until) {
        while !*until.stop.borrow() {
            if self.pass(sink, &until).await.progressed() {
                continue;
            }
            let next = Instant::now() + POLL;
            tokio::select! {
                () = bell.notified() => {}
                () = until.wait(next) => {}
            }
        }
    }

    /// One look at the due rows of a sink.
    async fn pass(&self, sink: &str, until: &Until) -> Tally {
        let storms = self.served(sink).is_some_and(|(c, _)| Self::digests(c));
        let limit = if storms { MAX_PAGE } else { BATCH };
        let now = (self.clock)();
        match self.store.due(sink, now, limit).await {
            Ok(rows) => {
                metrics::oldest_due(sink, rows.first().map(|row| row.due_at), now);
                if let Some(tally) = self.weather(sink, &rows, until).await {
                    return tally;
                }
                let first = rows.iter().take(BATCH);
                let findings = first.map(|row: &Delivery| &row.finding).collect();
                self.serve_rows(sink, findings, until).await
            }
            Err(error) => {
                warn!(sink, %error, "due deliveries cannot be read");
                Tally::default()
            }
        }
    }

    /// Rows that a stream names, unless they are part of a storm that is due as well.
    async fn serve_new(&self, sink: &str, findings: Vec<&FindingId>, until: &Until) -> Tally {
        let storms = self.served(sink).is_some_and(|(c, _)| Self::digests(c));
        if storms {
            let due = self.store.due(sink, (self.clock)(), MAX_PAGE).await;
            let due = due.unwrap_or_default();
            if let Some(tally) = self.weather(sink, &due, until).await {
                return tally;
            }
        }
        self.serve_rows(sink, findings, until).await
    }

    async fn serve_rows(&self, sink: &str, findings: Vec<&FindingId>, until: &Until) -> Tally {
        let configured = self.sinks.get(sink);
        if findings.len() > 1 && configured.is_some_and(|s| s.sink.bulk().is_some()) {
            return self.serve_together(sink, &findings, until).await;
        }
        let at_once = configured.map_or(1, |s| s.terms.concurrency);
        // Boxed and collected, for the compiler cannot prove a lazy stream of borrows `Send`.
        let attempts: Vec<BoxFuture<'_, Tally>> = findings
            .into_iter()
            .map(|finding| self.attempt(finding, sink, until).boxed())
            .collect();
        let ends: Vec<Tally> = stream::iter(attempts)
            .buffer_unordered(at_once.max(1))
            .collect()
            .await;
        Tally::sum(ends)
    }

    fn served(&self, sink: &str) -> Option<(&Configured, &Lane)> {
        Some((self.sinks.get(sink)?, self.lanes.get(sink)?))
    }
}

impl Tally {
    fn sum(parts: impl IntoIterator<Item = Tally>) -> Tally {
        parts.into_iter().fold(Tally::default(), |a, b| Tally {
            sent: a.sent + b.sent,
            retried: a.retried + b.retried,
            failed: a.failed + b.failed,
            suppressed: a.suppressed + b.suppressed,
            left: a.left + b.left,
        })
    }

    /// Whether any row moved; without that, looking again at once would find the same rows.
    fn progressed(&self) -> bool {
        self.sent + self.retried + self.failed + self.suppressed > 0
    }
}

fn until(deadline: Option<Instant>) -> (watch::Sender<bool>, Until) {
    let (sender, stop) = watch::channel(false);
    (sender, Until { deadline, stop })
}

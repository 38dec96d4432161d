//! What must not end before the process does: a defect costs one look, not the task.

use crate::api::Clock;
use crate::metrics;
use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::error;

/// Pause before a task begins again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a defect is worth looking at.
const RECENT: SignedDuration = SignedDuration::from_mins(10);

/// What broke off by a defect since the process started.
pub struct Defects {
    clock: Clock,
    seen: Mutex<BTreeMap<String, Defect>>,
}

/// A task that broke off, as `/readyz` shows it to readers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Defect {
    /// What broke off: a sink's name, or what else the master does beside answering.
    pub task: String,
    /// How often, since the process started.
    pub times: u64,
    /// When it did so last.
    pub last: Timestamp,
}

impl Defects {
    /// None so far, on this clock.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            seen: Mutex::default(),
        }
    }

    /// What broke off, by name; empty where all is well.
    pub fn seen(&self) -> Vec<Defect> {
        self.lock().values().cloned().collect()
    }

    /// Whether something broke off in the last ten minutes.
    pub fn recent(&self) -> bool {
        let now = (self.clock)();
        self.lock()
            .values()
            .any(|defect| now.duration_since(defect.last) < RECENT)
    }

    /// Counts a defect and says so in the log.
    pub fn learn(&self, task: &str) {
        error!(task, "task broke off by a defect; it begins again");
        metrics::defect(task);
        let last = (self.clock)();
        let mut seen = self.lock();
        let times = seen.get(task).map_or(0, |defect| defect.times) + 1;
        let task = task.to_owned();
        seen.insert(task.clone(), Defect { task, times, last });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Defect>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a task until it ends by itself; one that panics is told of, and begins again a little
/// later, unless the process is to end. What it had claimed comes back when its lease ends.
pub(crate) async fn run<F: Future<Output = ()>>(
    task: &str,
    defects: &Defects,
    mut stop: watch::Receiver<bool>,
    begin: impl Fn() -> F,
) {
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        defects.learn(task);
        tokio::select! {
            () = sleep(PAUSE) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_777_629_600 + minutes * 60).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_ends_one_run_and_not_the_task() {
        let minutes = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&minutes);
        let defects = Defects::new(Arc::new(move || at(clock.load(Ordering::Relaxed))));
        let (_stopper, stop) = watch::channel(false);
        let runs = AtomicU32::new(0);
        run("slack", &defects, stop, || async {
            let before = runs.fetch_add(1, Ordering::Relaxed);
            assert!(before >= 2, "a defect");
        })
        .await;
        assert_eq!(runs.into_inner(), 3);
        let expected = Defect {
            task: "slack".into(),
            times: 2,
            last: at(0),
        };
        assert_eq!(defects.seen(), [expected]);
        for (later, recent) in [(0, true), (9, true), (10, false)] {
            minutes.store(later, Ordering::Relaxed);
            assert_eq!(defects.recent(), recent, "{later} minutes later");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_ends_waits_for_no_broken_task() {
        let defects = Defects::new(Arc::new(|| at(0)));
        let (_stopper, stop) = watch::channel(true);
        run("slack", &defects, stop, || async { panic!("a defect") }).await;
        assert_eq!(defects.seen().len(), 1);
    }
}

//! What must not end before the process does: a defect costs one look at a sink, not the sink.

use super::POLL;
use super::lane::Until;
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use tokio::time::Instant;
use tracing::error;

/// Runs a task until it ends by itself; one that panics is told of, and begins again a little
/// later. What it had claimed comes back when its lease ends.
pub(super) async fn run<F: Future<Output = ()>>(
    what: &str,
    mut until: Until,
    begin: impl Fn() -> F,
) {
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        error!(what, "delivery broke off by a defect and begins again");
        until.wait(Instant::now() + POLL).await;
        if *until.stop.borrow() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::watch;

    #[tokio::test(start_paused = true)]
    async fn a_panic_ends_one_run_and_not_the_task() {
        let (_stopper, stop) = watch::channel(false);
        let until = Until {
            deadline: None,
            stop,
        };
        let runs = AtomicU32::new(0);
        run("slack", until, || async {
            let before = runs.fetch_add(1, Ordering::Relaxed);
            assert!(before >= 2, "a defect");
        })
        .await;
        assert_eq!(runs.into_inner(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_ends_waits_for_no_broken_task() {
        let (_stopper, stop) = watch::channel(true);
        let until = Until {
            deadline: None,
            stop,
        };
        run("slack", until, || async { panic!("a defect") }).await;
    }
}

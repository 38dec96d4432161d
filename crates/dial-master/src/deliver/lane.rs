//! The pace of one sink: one turn at a time, a least distance between turns, and pauses.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Failures in a row after which the whole sink is left alone for a while.
const TOLERATED: u32 = 3;
/// Pause after the first failure too many; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// When work must end.
#[derive(Debug, Clone)]
pub(super) struct Until {
    /// Nothing may start that would last beyond this.
    pub(super) deadline: Option<Instant>,
    /// Turns true when the process is to end.
    pub(super) stop: watch::Receiver<bool>,
}

/// Decides when the next message to one sink may go out.
#[derive(Debug)]
pub(super) struct Lane {
    min_interval: Duration,
    /// Held from the wait until the turn is taken or given back.
    gate: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free_at: Instant,
    failures: u32,
}

/// The right to start one attempt; dropped untaken, the next one need not wait.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    lane: &'a Lane,
    _gate: tokio::sync::MutexGuard<'a, ()>,
}

impl Until {
    /// Time left for one thing of at most `wanted`; `None` when less than `least` is left.
    pub(super) fn room(&self, wanted: Duration, least: Duration) -> Option<Duration> {
        let left = self.deadline.map_or(wanted, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        (left >= least).then(|| left.min(wanted))
    }

    fn is_over(&self, at: Instant) -> bool {
        *self.stop.borrow() || self.deadline.is_some_and(|deadline| at > deadline)
    }

    /// Waits until then; ends early when the process is to end.
    pub(super) async fn wait(&mut self, at: Instant) {
        tokio::select! {
            () = sleep_until(at) => {}
            _ = self.stop.wait_for(|stop| *stop) => {}
        }
    }
}

impl Lane {
    pub(super) fn new(min_interval: Duration) -> Self {
        Self {
            min_interval,
            gate: tokio::sync::Mutex::default(),
            state: Mutex::new(State {
                free_at: Instant::now(),
                failures: 0,
            }),
        }
    }

    /// Waits for the next turn; `None` when it comes too late.
    pub(super) async fn turn(&self, until: &Until) -> Option<Turn<'_>> {
        let mut until = until.clone();
        let gate = tokio::select! {
            gate = self.gate.lock() => gate,
            _ = until.stop.wait_for(|stop| *stop) => return None,
        };
        loop {
            let free_at = self.state().free_at;
            if until.is_over(free_at) {
                return None;
            }
            if free_at <= Instant::now() {
                return Some(Turn {
                    lane: self,
                    _gate: gate,
                });
            }
            until.wait(free_at).await;
        }
    }

    /// Forgets failures.
    pub(super) fn succeeded(&self) {
        self.state().failures = 0;
    }

    /// Whether the last attempts failed.
    pub(super) fn fails(&self) -> bool {
        self.state().failures > 0
    }

    /// Leaves the sink alone for as long as it asked; without a wish, after some failures.
    pub(super) fn failed(&self, asked: Option<Duration>) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let own = match state.failures.checked_sub(TOLERATED) {
            Some(excess) => FIRST_PAUSE.saturating_mul(1 << excess.min(10)),
            None => Duration::ZERO,
        };
        let pause = asked.map_or(own.min(LONGEST_PAUSE), |a| a.min(super::backoff::LONGEST));
        state.free_at = state.free_at.max(Instant::now() + pause);
    }

    /// Leaves the sink alone for a while, through no fault of its own; whether it was not so yet.
    pub(super) fn rest(&self, pause: Duration) -> bool {
        let (mut state, now) = (self.state(), Instant::now());
        let fresh = state.free_at <= now;
        state.free_at = state.free_at.max(now + pause);
        fresh
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Uses the turn: the next one comes a `min_interval` later.
    pub(super) fn take(self) {
        let mut state = self.lane.state();
        let next = Instant::now() + self.lane.min_interval;
        state.free_at = state.free_at.max(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(deadline: Option<Duration>) -> (watch::Sender<bool>, Until) {
        let (sender, stop) = watch::channel(false);
        let deadline = deadline.map(|d| Instant::now() + d);
        (sender, Until { deadline, stop })
    }

    #[tokio::test(start_paused = true)]
    async fn turns_keep_their_distance_and_unused_ones_cost_nothing() {
        let (_sender, until) = until(None);
        let lane = Lane::new(Duration::from_secs(1));
        let start = Instant::now();
        for _ in 0..3 {
            lane.turn(&until).await.unwrap().take();
        }
        assert_eq!(start.elapsed().as_secs(), 2);
        for _ in 0..3 {
            drop(lane.turn(&until).await);
        }
        assert_eq!(start.elapsed().as_secs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_pauses_the_lane_and_a_deadline_does_not_wait_for_it() {
        let (_sender, open) = until(None);
        let lane = Lane::new(Duration::ZERO);
        let start = Instant::now();
        lane.failed(Some(Duration::from_secs(30)));
        let (_sender, short) = until(Some(Duration::from_secs(29)));
        assert!(lane.turn(&short).await.is_none());
        assert_eq!(start.elapsed().as_secs(), 0);
        assert!(lane.turn(&open).await.is_some());
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_pause_it_and_a_success_ends_the_row() {
        let (_sender, until) = until(None);
        let lane = Lane::new(Duration::ZERO);
        let start = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..6 {
            lane.failed(None);
            drop(lane.turn(&until).await);
            waits.push(start.elapsed().as_secs());
        }
        assert_eq!(waits, [0, 0, 2, 6, 14, 30]);
        lane.succeeded();
        lane.failed(None);
        drop(lane.turn(&until).await);
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_process_ends_a_pause() {
        let (sender, until) = until(None);
        let lane = Lane::new(Duration::ZERO);
        lane.failed(Some(Duration::from_hours(1)));
        let start = Instant::now();
        let stop = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            sender.send_replace(true);
        };
        let (turn, ()) = tokio::join!(lane.turn(&until), stop);
        assert!(turn.is_none());
        assert_eq!(start.elapsed().as_secs(), 5);
    }
}

//! How much each worker or token may ask for: one leaky bucket each, kept as one number.

use jiff::Timestamp;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Most senders watched at a time. Authenticated ones do not come near it; sources of enrolments,
/// which are not, have a limit for all of them together as well.
const MAX_SENDERS: usize = 10_000;
const SECOND: i64 = 1_000_000;

/// A sender asked for too much; seconds after which it may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooFast(pub(crate) u64);

/// Units a second for each sender, with a burst above it: findings of workers, requests of tokens.
pub(crate) struct Limiter<K> {
    /// Microseconds that one unit costs.
    cost: i64,
    /// Microseconds that a sender may be ahead of its rate.
    window: i64,
    /// When each sender's units so far would be paid for, microseconds since 1970.
    paid_at: Mutex<HashMap<K, i64>>,
}

impl<K: Clone + Eq + Hash> Limiter<K> {
    /// Both numbers count units; zero is read as one.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let cost = (SECOND / i64::from(per_second.max(1))).max(1);
        Self {
            cost,
            window: cost * i64::from(burst.max(1)),
            paid_at: Mutex::default(),
        }
    }

    /// Lets a request pass, or says how long to wait; costs one unit.
    pub(crate) fn admit(&self, sender: &K, now: Timestamp) -> Result<(), TooFast> {
        let now = now.as_microsecond();
        let ahead = self.paid_at(sender).unwrap_or(now).saturating_sub(now);
        let over = ahead.saturating_add(self.cost) - self.window;
        if over > 0 {
            let whole_seconds = (over - 1) / SECOND + 1;
            return Err(TooFast(whole_seconds.unsigned_abs()));
        }
        self.pay(sender, now, 1);
        Ok(())
    }

    /// Counts further units of a request that was let in; may leave the sender in debt.
    pub(crate) fn charge(&self, sender: &K, findings: usize, now: Timestamp) {
        self.pay(sender, now.as_microsecond(), findings);
    }

    fn paid_at(&self, sender: &K) -> Option<i64> {
        self.lock().get(sender).copied()
    }

    fn pay(&self, sender: &K, now: i64, findings: usize) {
        let cost = i64::try_from(findings)
            .unwrap_or(i64::MAX)
            .saturating_mul(self.cost);
        let mut senders = self.lock();
        if senders.len() >= MAX_SENDERS && !senders.contains_key(sender) {
            // Whoever is paid up is as good as unknown.
            senders.retain(|_, paid_at| *paid_at > now);
            if senders.len() >= MAX_SENDERS {
                return;
            }
        }
        let paid_at = senders.entry(sender.clone()).or_insert(now);
        *paid_at = (*paid_at).max(now).saturating_add(cost);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<K, i64>> {
        self.paid_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::WorkerId;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_900_000_000_000 + milliseconds).unwrap()
    }

    fn worker(n: usize) -> WorkerId {
        format!("{n:012}/eu-west-1").parse().unwrap()
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let limiter = Limiter::new(10, 20);
        let one = worker(1);
        for n in 0..20 {
            assert_eq!(limiter.admit(&one, at(0)), Ok(()), "{n}");
        }
        assert_eq!(limiter.admit(&one, at(0)), Err(TooFast(1)));
        assert_eq!(limiter.admit(&worker(2), at(0)), Ok(()), "another worker");
        assert_eq!(limiter.admit(&one, at(101)), Ok(()));
        assert_eq!(limiter.admit(&one, at(102)), Err(TooFast(1)));
    }

    #[test]
    fn a_large_batch_is_let_in_and_paid_for_afterwards() {
        let limiter = Limiter::new(10, 20);
        let one = worker(1);
        assert_eq!(limiter.admit(&one, at(0)), Ok(()));
        limiter.charge(&one, 99, at(0));
        assert_eq!(limiter.admit(&one, at(0)), Err(TooFast(9)));
        assert_eq!(limiter.admit(&one, at(8_099)), Err(TooFast(1)));
        assert_eq!(limiter.admit(&one, at(8_100)), Ok(()));
    }

    #[test]
    fn the_map_is_bounded_and_forgets_those_who_are_paid_up() {
        let limiter = Limiter::new(1, 1);
        for n in 0..=MAX_SENDERS {
            assert_eq!(limiter.admit(&worker(n), at(0)), Ok(()));
        }
        assert_eq!(limiter.lock().len(), MAX_SENDERS);
        assert_eq!(limiter.admit(&worker(MAX_SENDERS + 1), at(1_000)), Ok(()));
        assert_eq!(limiter.lock().len(), 1);
    }

    #[test]
    fn extreme_clocks_do_not_overflow() {
        let limiter = Limiter::new(1, u32::MAX);
        limiter.charge(&worker(1), usize::MAX, Timestamp::MAX);
        let _ = limiter.admit(&worker(1), Timestamp::MIN);
        assert_eq!(limiter.admit(&worker(2), Timestamp::MIN), Ok(()));
    }
}

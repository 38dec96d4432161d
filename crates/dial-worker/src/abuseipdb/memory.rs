//! What was said of an address lately, and how many questions may still be asked this minute.

use dial_core::finding::Reputation;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Most addresses remembered; about 100 bytes each.
const MAX_ADDRESSES: usize = 10_000;
/// How long an answer counts.
const LIFETIME: Duration = Duration::from_hours(6);
const MINUTE: Duration = Duration::from_mins(1);

/// An answer: nothing to say is one too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opinion(pub(super) Option<Reputation>);

/// Answers by address, oldest dropped first, and the budget of the current minute.
#[derive(Debug)]
pub(super) struct Memory {
    capacity: usize,
    answers: BTreeMap<IpAddr, (Instant, Option<Reputation>)>,
    order: VecDeque<IpAddr>,
    budget: u32,
    window: Option<Instant>,
    spent: u32,
}

impl Memory {
    pub(super) fn new(budget_per_minute: u32) -> Self {
        Self {
            capacity: MAX_ADDRESSES,
            answers: BTreeMap::new(),
            order: VecDeque::new(),
            budget: budget_per_minute,
            window: None,
            spent: 0,
        }
    }

    /// What was said of the address, while it still counts.
    pub(super) fn recall(&self, address: IpAddr, now: Instant) -> Option<Opinion> {
        let (at, answer) = self.answers.get(&address)?;
        let counts = now.saturating_duration_since(*at) < LIFETIME;
        counts.then(|| Opinion(answer.clone()))
    }

    /// Keeps an answer; makes room by forgetting the oldest.
    pub(super) fn keep(&mut self, address: IpAddr, answer: Option<Reputation>, now: Instant) {
        if self.answers.insert(address, (now, answer)).is_none() {
            self.order.push_back(address);
        }
        while self.answers.len() > self.capacity {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.answers.remove(&oldest);
        }
    }

    /// Takes one question out of this minute's budget; `false` when there is none left.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        let current = |start: &Instant| now.saturating_duration_since(*start) < MINUTE;
        if !self.window.as_ref().is_some_and(current) {
            self.window = Some(now);
            self.spent = 0;
        }
        let left = self.spent < self.budget;
        self.spent = self.spent.saturating_add(u32::from(left));
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(score: u8) -> Reputation {
        Reputation {
            list: "AbuseIPDB".into(),
            category: format!("abuse score {score}"),
        }
    }

    fn address(last: u8) -> IpAddr {
        [203, 0, 113, last].into()
    }

    #[test]
    fn answers_count_for_their_lifetime_and_the_oldest_go_first() {
        let now = Instant::now();
        let mut memory = Memory::new(1);
        memory.capacity = 2;
        memory.keep(address(1), Some(bad(90)), now);
        memory.keep(address(1), Some(bad(91)), now);
        memory.keep(address(2), None, now);
        assert_eq!(memory.recall(address(1), now), Some(Opinion(Some(bad(91)))));
        assert_eq!(memory.recall(address(2), now), Some(Opinion(None)));
        assert_eq!(memory.recall(address(1), now + LIFETIME), None);
        memory.keep(address(3), None, now);
        assert_eq!(memory.recall(address(1), now), None);
        assert_eq!(memory.recall(address(2), now), Some(Opinion(None)));
        assert_eq!((memory.answers.len(), memory.order.len()), (2, 2));
    }

    #[test]
    fn the_budget_is_by_the_minute() {
        let now = Instant::now();
        let mut memory = Memory::new(2);
        let spent: Vec<bool> = (0..4).map(|_| memory.spend(now)).collect();
        assert_eq!(spent, [true, true, false, false]);
        assert!(!memory.spend(now + Duration::from_secs(59)));
        assert!(memory.spend(now + MINUTE));
        assert!(!Memory::new(0).spend(now));
    }
}

//! The fleet of workers: who is silent, who runs old rules, and the findings about it.

mod alarm;
mod watch;

pub use watch::Watch;

use dial_core::store::fleet::Member;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a worker may run other rules than the newest ones, once those are out.
pub const RULES_MAY_LAG: SignedDuration = SignedDuration::from_hours(24);
/// From which difference on a worker's signatures are refused.
const CLOCK_TOLERANCE: i64 = 300;

/// How a worker is; the worst first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WorkerHealth")]
pub enum Health {
    /// Nothing was heard of it for too long.
    Silent,
    /// It runs rules that were replaced more than [`RULES_MAY_LAG`] ago.
    OldRules,
    /// Its clock is more than half way to where its signatures are refused.
    ClockOff,
    /// All is well.
    Ok,
}

/// The newest rules in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestRules<'m> {
    /// Hash of the rule pack.
    pub hash: &'m str,
    /// Since when the first worker runs them.
    pub since: Timestamp,
}

/// The rules that came up last among the workers that are not silent; `None` without such workers.
///
/// Rules that nobody runs any more do not count, so that going back to older ones is no fault.
pub fn newest_rules(
    members: &[Member],
    silent_after: SignedDuration,
    now: Timestamp,
) -> Option<NewestRules<'_>> {
    let live = || members.iter().filter(|m| m.silence(now) < silent_after);
    let first = |hash: &str| {
        let same = members.iter().filter(|m| m.rules() == Some(hash));
        same.map(|m| m.rules_since).min()
    };
    live()
        .filter_map(|member| {
            let hash = member.rules()?;
            let since = first(hash)?;
            Some(NewestRules { hash, since })
        })
        .max_by_key(|newest| (newest.since, newest.hash))
}

/// How a worker is.
pub fn health(
    member: &Member,
    newest: Option<&NewestRules<'_>>,
    silent_after: SignedDuration,
    now: Timestamp,
) -> Health {
    let lags = newest.is_some_and(|newest| {
        member.rules() != Some(newest.hash) && now.duration_since(newest.since) > RULES_MAY_LAG
    });
    if member.silence(now) >= silent_after {
        Health::Silent
    } else if lags && member.heartbeat.is_some() {
        Health::OldRules
    } else if member.clock_ahead.abs() > CLOCK_TOLERANCE / 2 {
        Health::ClockOff
    } else {
        Health::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::wire::{Counters, Heartbeat, WorkerInfo};

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + minutes * 60).unwrap()
    }

    /// A worker heard at `last`, with rules since a time.
    pub(super) fn member(worker: &str, last: i64, rules: &str, since: i64) -> Member {
        let (account, region) = worker.split_once('/').unwrap();
        Member {
            worker: worker.to_owned(),
            heartbeat: Some(Heartbeat {
                worker: WorkerInfo {
                    account: account.to_owned(),
                    region: region.to_owned(),
                    version: "0.1.0".to_owned(),
                    rules: rules.to_owned(),
                },
                patterns: None,
                sent_at: at(last),
                counters: Counters::default(),
            }),
            first_at: at(0),
            last_at: at(last),
            rules_since: at(since),
            clock_ahead: 0,
            root_key: None,
            totals: Counters::default(),
        }
    }

    const ONE: &str = "111122223333/eu-west-1";
    const TWO: &str = "111122223333/us-east-1";
    const DAY: i64 = 24 * 60;

    #[test]
    fn the_newest_rules_are_those_in_use_that_came_last() {
        let after = SignedDuration::from_mins(30);
        let newest = |members: &[Member], now: i64| {
            newest_rules(members, after, at(now)).map(|n| (n.hash.to_owned(), n.since))
        };
        let old = member(ONE, 100, "old", 0);
        let new = member(TWO, 100, "new", 50);
        let back = member(ONE, 100, "old", 90);
        assert_eq!(newest(&[], 100), None);
        assert_eq!(
            newest(&[old.clone(), new.clone()], 100),
            Some(("new".into(), at(50)))
        );
        // Whoever went back to the old ones does not make them new.
        let third = member("111122223333/eu-north-1", 100, "old", 0);
        assert_eq!(
            newest(&[back, new.clone(), third], 100),
            Some(("new".into(), at(50)))
        );
        // Rules of silent workers are not in use.
        let still = member(ONE, 200, "old", 0);
        assert_eq!(
            newest(&[still, new.clone()], 200),
            Some(("old".into(), at(0)))
        );
        assert_eq!(newest(&[new], 200), None);
    }

    #[test]
    fn health_is_the_worst_that_holds() {
        let after = SignedDuration::from_mins(30);
        let newest = NewestRules {
            hash: "new",
            since: at(0),
        };
        let mut fast = member(ONE, DAY, "new", 0);
        fast.clock_ahead = -200;
        let mut never = member(ONE, DAY, "new", 0);
        never.heartbeat = None;
        let cases = [
            ("fresh", member(ONE, DAY, "new", 0), DAY, Health::Ok),
            (
                "just heard",
                member(ONE, DAY, "new", 0),
                DAY + 29,
                Health::Ok,
            ),
            (
                "silent",
                member(ONE, DAY, "old", 0),
                DAY + 30,
                Health::Silent,
            ),
            ("may lag", member(ONE, DAY, "old", 0), DAY, Health::Ok),
            (
                "lags",
                member(ONE, DAY, "old", 0),
                DAY + 1,
                Health::OldRules,
            ),
            ("clock", fast, DAY + 1, Health::ClockOff),
            ("expected", never, DAY + 1, Health::Ok),
        ];
        for (name, member, now, expected) in cases {
            let found = health(&member, Some(&newest), after, at(now));
            assert_eq!(found, expected, "{name}");
        }
    }
}

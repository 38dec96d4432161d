//! Looks after the workers: whoever is silent or behind becomes a finding, once.

use super::{Health, alarm, health, newest_rules};
use dial_core::store::fleet::{Fleet, Member};
use dial_core::store::{Acceptance, Outcome, Store, StoreError};
use dial_core::{Finding, WorkerId};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Whom the audit item of such a finding names as its sender.
const SENDER: &str = "master";

/// How often `serve` looks; the sweep on Lambda comes as often.
const EVERY: Duration = Duration::from_mins(1);

/// Looks after the workers that a store knows.
pub struct Watch {
    /// Where workers and findings are kept.
    pub store: Arc<dyn Store>,
    /// Sinks that every finding goes to.
    pub sinks: Vec<String>,
    /// Workers that are missed even if they were never heard.
    pub expected: BTreeSet<WorkerId>,
    /// How long a worker may be silent.
    pub silent_after: SignedDuration,
    /// How long findings are kept.
    pub retention: SignedDuration,
}

impl Watch {
    /// Looks once a minute until `shutdown`; rings `wake` for what is to be delivered.
    ///
    /// A master that was down heard nobody: silence counts from `started`, the start of this
    /// process.
    pub async fn run(
        &self,
        started: Instant,
        wake: Arc<Notify>,
        shutdown: impl Future<Output = ()>,
    ) {
        tokio::pin!(shutdown);
        let first = started + self.silent_after.unsigned_abs();
        // Later where it begins again after a defect.
        let mut minutes = interval_at(first.max(Instant::now() + EVERY), EVERY);
        minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                _ = minutes.tick() => {}
            }
            match self.look(Timestamp::now()).await {
                Ok(0) => {}
                Ok(_) => wake.notify_one(),
                Err(error) => tracing::error!(%error, "workers not looked after"),
            }
        }
    }

    /// Looks once; the number of findings that are new. Safe to run at the same time elsewhere.
    pub async fn look(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut members = self.store.workers(now).await?;
        if self.expect_all(&members, now).await? {
            members = self.store.workers(now).await?;
        }
        let mut new = 0;
        for finding in self.alarms(&members, now) {
            new += usize::from(self.tell(finding, now).await?);
        }
        Ok(new)
    }

    /// Whether somebody had to be written down.
    async fn expect_all(&self, members: &[Member], now: Timestamp) -> Result<bool, StoreError> {
        let known: BTreeSet<&str> = members.iter().map(|m| m.worker.as_str()).collect();
        let mut missing = false;
        for worker in &self.expected {
            if !known.contains(worker.to_string().as_str()) {
                self.store.expect_worker(worker, now).await?;
                missing = true;
            }
        }
        Ok(missing)
    }

    fn alarms(&self, members: &[Member], now: Timestamp) -> Vec<Finding> {
        let newest = newest_rules(members, self.silent_after, now);
        let alarm = |member: &Member| {
            let worker: WorkerId = member.worker.parse().ok()?;
            match (
                health(member, newest.as_ref(), self.silent_after, now),
                &newest,
            ) {
                (Health::Silent, _) => Some(alarm::silent(member, &worker, now)),
                (Health::OldRules, Some(newest)) => {
                    Some(alarm::old_rules(member, &worker, newest, now))
                }
                _ => None,
            }
        };
        members.iter().filter_map(alarm).collect()
    }

    /// Stores a finding that is not there yet; looking first is cheaper than a refused write.
    async fn tell(&self, finding: Finding, now: Timestamp) -> Result<bool, StoreError> {
        if self.store.finding(&finding.id, now).await?.is_some() {
            return Ok(false);
        }
        let (rule, id) = (finding.rule.name.clone(), finding.id.to_string());
        let worker = format!("{}/{}", finding.account.id, finding.region);
        let acceptance = Acceptance {
            finding,
            sinks: self.sinks.clone(),
            received_at: now,
            expires_at: now.saturating_add(self.retention).unwrap_or(Timestamp::MAX),
            sender: SENDER.to_owned(),
        };
        let outcome = self.store.accept(vec![acceptance]).await.pop();
        let outcome = outcome
            .unwrap_or_else(|| Err(StoreError::Unavailable("store gave no answer".to_owned())))?;
        if outcome == Outcome::New {
            crate::metrics::raised(&rule);
            tracing::warn!(worker, rule, id, "worker needs somebody to look");
        }
        Ok(outcome == Outcome::New)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Sqlite;
    use dial_core::store::{DeliveryState, Query};
    use dial_core::wire::{Counters, Heartbeat, WorkerInfo};

    const ONE: &str = "111122223333/eu-west-1";
    const TWO: &str = "111122223333/us-east-1";

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + minutes * 60).unwrap()
    }

    fn watch(folder: &tempfile::TempDir) -> Watch {
        Watch {
            store: Arc::new(Sqlite::open(&folder.path().join("dial.db")).unwrap()),
            sinks: vec!["slack".into()],
            expected: [TWO.parse().unwrap()].into(),
            silent_after: SignedDuration::from_mins(30),
            retention: SignedDuration::from_hours(24),
        }
    }

    async fn beat(watch: &Watch, worker: &str, rules: &str, minute: i64) {
        let id: WorkerId = worker.parse().unwrap();
        let heartbeat = Heartbeat {
            worker: WorkerInfo {
                account: id.account.to_string(),
                region: id.region.to_string(),
                version: "0.1.0".into(),
                rules: rules.into(),
            },
            patterns: None,
            sent_at: at(minute),
            counters: Counters::default(),
        };
        let beat = watch.store.beat(&id, &heartbeat, None, at(minute));
        beat.await.unwrap();
    }

    async fn told(watch: &Watch, minute: i64) -> Vec<(String, String)> {
        let query = Query::default();
        let page = watch.store.list(&query, None, 100, at(minute)).await;
        let lines = page.unwrap().items.into_iter();
        let mut told: Vec<_> = lines.map(|line| (line.rule.name, line.region)).collect();
        told.sort();
        told
    }

    #[tokio::test]
    async fn each_silence_becomes_one_finding_with_its_deliveries() {
        let folder = tempfile::tempdir().unwrap();
        let watch = watch(&folder);
        beat(&watch, ONE, "a", 0).await;
        assert_eq!(watch.look(at(1)).await, Ok(0), "both in time");
        assert_eq!(watch.look(at(29)).await, Ok(0), "still in time");
        assert_eq!(watch.look(at(30)).await, Ok(1), "the one that was heard");
        assert_eq!(watch.look(at(31)).await, Ok(1), "the one that is expected");
        assert_eq!(watch.look(at(90)).await, Ok(0), "once for each silence");
        let silent = |region: &str| ("worker_silent".to_owned(), region.to_owned());
        let both = vec![silent("eu-west-1"), silent("us-east-1")];
        assert_eq!(told(&watch, 90).await, both);
        let due = watch.store.due("slack", at(90), 10).await.unwrap();
        assert_eq!(due.len(), 2);
        assert!(due.iter().all(|row| row.state == DeliveryState::Pending));
        beat(&watch, ONE, "a", 100).await;
        assert_eq!(watch.look(at(101)).await, Ok(0), "it is back");
        assert_eq!(watch.look(at(130)).await, Ok(1), "and silent again");
    }

    #[tokio::test]
    async fn old_rules_become_a_finding_once_for_each_pair() {
        let folder = tempfile::tempdir().unwrap();
        let watch = watch(&folder);
        let day = 24 * 60;
        for minute in [0, day, day + 1] {
            beat(&watch, ONE, "old", minute).await;
            beat(&watch, TWO, "new", minute).await;
        }
        assert_eq!(watch.look(at(day)).await, Ok(0), "a day to follow");
        assert_eq!(watch.look(at(day + 1)).await, Ok(1));
        assert_eq!(watch.look(at(day + 2)).await, Ok(0), "once");
        let all = told(&watch, day + 2).await;
        assert_eq!(
            all,
            [("worker_rules_old".to_owned(), "us-east-1".to_owned())]
        );
    }
}

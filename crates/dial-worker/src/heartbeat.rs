//! Heartbeats: from time to time the worker tells the master that it lives and what it did.
//!
//! The first event of a process never waits for one: a heartbeat is due at a scheduled event, or
//! once [`EVERY`] has passed since the last one or the start.

use crate::worker::{Counts, HandleError, Reply, Worker};
use dial_core::gzip;
use dial_core::wire::{Counters, Heartbeat};
use jiff::Timestamp;
use serde::Deserialize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};

/// Least time between two heartbeats of one process that no schedule asked for.
pub const EVERY: Duration = Duration::from_mins(5);
/// Largest event of a schedule, bytes; what is longer is not even looked into.
const MAX_SCHEDULE: usize = 2 * 1024;

/// What is to be told, and when the master was told last.
#[derive(Debug)]
pub struct Pulse {
    patterns: Option<String>,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    /// When the last heartbeat was tried, or the process began.
    at: Instant,
    /// What was done since.
    counters: Counters,
}

impl Pulse {
    /// Begins to count; `patterns` is the hash of the event patterns that are deployed.
    pub fn new(patterns: Option<String>) -> Self {
        let told = Told {
            at: Instant::now(),
            counters: Counters::default(),
        };
        Self {
            patterns,
            told: Mutex::new(told),
        }
    }

    /// Counts an invocation by its answer.
    pub(crate) fn count(&self, counts: &Counts, reply: &Result<Reply, HandleError>) {
        let again = match reply {
            Err(_) => 1,
            Ok(Reply::Queue {
                batch_item_failures,
            }) => batch_item_failures.len() as u64,
            Ok(Reply::Done(_)) => 0,
        };
        self.add(Counters {
            invocations: 1,
            events: counts.events,
            findings: counts.findings,
            dead_letters: counts.dead_letters,
            errors: again,
        });
    }

    fn add(&self, counters: Counters) {
        let mut told = self.lock();
        told.counters = told.counters.plus(counters);
    }

    /// Whether it is time, by itself.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.lock().at) >= EVERY
    }

    /// Tells the master; what it did not hear is told the next time. Never fails an invocation.
    pub(crate) async fn beat(&self, worker: &Worker, deadline: Instant) {
        let counters = self.begin(Instant::now());
        let heartbeat = Heartbeat {
            worker: worker.info.clone(),
            patterns: self.patterns.clone(),
            sent_at: Timestamp::now(),
            counters,
        };
        let body = serde_json::to_vec(&heartbeat).expect("a heartbeat always serialises");
        let body = gzip::deflate(&body);
        match worker.sender.beat(&worker.info, body, deadline).await {
            Ok(()) => info!("heartbeat sent"),
            Err(error) => {
                self.add(counters);
                warn!(%error, "heartbeat not sent; the next one tells the same");
            }
        }
    }

    /// Takes out what is to be told, so that no two heartbeats tell the same, and lets the next one
    /// wait: while the master is away, events must not pay for it one after the other.
    fn begin(&self, now: Instant) -> Counters {
        let mut told = self.lock();
        told.at = now;
        std::mem::take(&mut told.counters)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this is an event of an EventBridge schedule: it asks for a heartbeat, nothing else.
pub(crate) fn is_schedule(payload: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        source: &'a str,
        #[serde(rename = "detail-type")]
        detail_type: &'a str,
    }
    payload.len() <= MAX_SCHEDULE
        && serde_json::from_slice(payload).is_ok_and(|envelope: Envelope<'_>| {
            envelope.source == "aws.events" && envelope.detail_type == "Scheduled Event"
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_was_not_heard_waits_like_any_other() {
        let pulse = Pulse::new(None);
        let tried = Instant::now() + EVERY;
        assert!(pulse.is_due(tried));
        let counters = pulse.begin(tried);
        pulse.add(counters);
        assert!(!pulse.is_due(tried + EVERY / 2), "events do not pay for it");
        assert!(pulse.is_due(tried + EVERY));
    }

    #[test]
    fn a_schedule_is_told_by_its_source_and_type() {
        let event = |source: &str, kind: &str| {
            format!(
                "{{\"version\":\"0\",\"id\":\"a\",\"source\":\"{source}\",\"detail-type\":\"{kind}\",\"detail\":{{}}}}"
            )
        };
        let cases = [
            ("schedule", event("aws.events", "Scheduled Event"), true),
            ("another source", event("own.app", "Scheduled Event"), false),
            (
                "another type",
                event("aws.events", "AWS API Call via CloudTrail"),
                false,
            ),
            ("no object", "[]".to_owned(), false),
            ("nothing", String::new(), false),
            (
                "too long",
                event("aws.events", "Scheduled Event") + &" ".repeat(MAX_SCHEDULE),
                false,
            ),
        ];
        for (name, payload, expected) in cases {
            assert_eq!(is_schedule(payload.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn a_heartbeat_is_due_only_after_its_time() {
        let pulse = Pulse::new(None);
        let start = pulse.lock().at;
        let cases = [(Duration::ZERO, false), (EVERY, true)];
        for (passed, due) in cases {
            assert_eq!(pulse.is_due(start + passed), due, "{passed:?}");
        }
    }
}

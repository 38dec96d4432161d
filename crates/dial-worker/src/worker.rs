//! One invocation: bytes in; every event judged and its findings sent, or kept as a dead letter.

use crate::abuseipdb::annotate;
use crate::drift::DriftReport;
use crate::emf;
use crate::heartbeat::{Pulse, is_schedule};
use crate::invocation::Invocation;
use crate::letters::Letters;
use crate::send::Sender;
use async_trait::async_trait;
use dial_core::Finding;
use dial_core::ports::{Bucket, IpReputation};
use dial_core::wire::WorkerInfo;
use dial_detect::Pipeline;
use dial_detect::envelope::{self, Input, trail};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Most bytes of a trail object; CloudTrail's own are a few MB.
pub const MAX_OBJECT: usize = 48 * 1024 * 1024;
/// Part of the time left that is kept for dead letters once sending has failed, one n-th.
const RESERVE_SHARE: u32 = 5;
/// Most time kept for dead letters.
const RESERVE: Duration = Duration::from_secs(5);
/// Part of the time left that reputation look-ups may take, one n-th.
const LOOKUP_SHARE: u32 = 4;

/// Finds the bucket that a notification names.
#[async_trait]
pub trait Buckets: Send + Sync {
    /// A bucket by its bare name.
    async fn named(&self, name: &str) -> Arc<dyn Bucket>;
}

/// Everything that an invocation needs; made once at cold start.
pub struct Worker {
    /// Judges.
    pub pipeline: Arc<Pipeline>,
    /// Who judges.
    pub info: WorkerInfo,
    /// Sends findings.
    pub sender: Sender,
    /// Keeps what went wrong.
    pub letters: Letters,
    /// Says more about addresses, where configured.
    pub reputation: Option<Arc<dyn IpReputation>>,
    /// Where trail objects lie.
    pub buckets: Arc<dyn Buckets>,
    /// Caps on one trail object.
    pub limits: trail::Limits,
    /// Rules that the deployed event patterns do not feed.
    pub drift: DriftReport,
    /// What the master is told of the worker itself.
    pub pulse: Pulse,
    /// Name under which CloudWatch counts dead letters; `None` = it does not.
    pub metrics: Option<String>,
}

/// Answer to an invocation that lost nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To a queue: the messages that have to come again.
    #[serde(rename_all = "camelCase")]
    Queue {
        /// Partial batch response.
        batch_item_failures: Vec<ItemFailure>,
    },
    /// To everything else.
    Done(Counts),
}

/// One message that has to come again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// `messageId`; an empty one makes SQS send the whole batch again.
    pub item_identifier: String,
}

/// What an invocation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Events judged.
    pub events: u64,
    /// Findings made, the suppressed among them.
    pub findings: u64,
    /// Findings of which nobody is told, since a suppression fits.
    pub suppressed: u64,
    /// Findings not made, for what DIAL's own roles do with DIAL's own parts.
    pub own_use: u64,
    /// Findings that the master stored now.
    pub accepted: u64,
    /// Findings that the master had already.
    pub duplicates: u64,
    /// Findings that the master could not take; it keeps them.
    pub rejected: u64,
    /// Dead letters written.
    pub dead_letters: u64,
}

/// Why an invocation has to come again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event has to come again: {reason}")]
pub struct HandleError {
    /// What was not done.
    pub reason: String,
}

impl Reply {
    /// To a queue, listing the messages at these positions.
    fn again(ids: &[String], units: impl Iterator<Item = usize>) -> Self {
        let failures = units
            .filter_map(|unit| ids.get(unit))
            .map(|id| ItemFailure {
                item_identifier: id.clone(),
            });
        Self::Queue {
            batch_item_failures: failures.collect(),
        }
    }
}

impl Worker {
    /// Handles the payload of one invocation, ended by `deadline`.
    ///
    /// `Ok` means: every event is judged and the master has its findings, or a dead letter does,
    /// or (queue) its message is listed. Anything else is an error, and the event comes again.
    pub async fn handle(&self, payload: &[u8], deadline: Instant) -> Result<Reply, HandleError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let reserve = (left / RESERVE_SHARE).min(RESERVE);
        let sent_by = deadline.checked_sub(reserve).unwrap_or(deadline);
        if is_schedule(payload) {
            self.pulse.beat(self, sent_by).await;
            return Ok(Reply::Done(Counts::default()));
        }
        let mut invocation = Invocation::new(self, sent_by);
        let (counts, reply) = match envelope::read(payload) {
            Ok(Input::Queue(messages)) => {
                let mut ids = Vec::with_capacity(messages.len());
                for (unit, message) in messages.into_iter().enumerate() {
                    invocation.take(unit, &message.body, message.content).await;
                    ids.push(message.id);
                }
                let (counts, failures) = invocation.finish().await;
                (counts, Ok(Reply::again(&ids, failures.into_keys())))
            }
            content => {
                invocation.take(0, payload, content).await;
                let (counts, failures) = invocation.finish().await;
                let reply = match failures.into_values().next() {
                    Some(reason) => Err(HandleError { reason }),
                    None => Ok(Reply::Done(counts)),
                };
                (counts, reply)
            }
        };
        self.pulse.count(&counts, &reply);
        if let Some(name) = &self.metrics {
            emf::write(
                name,
                &counts,
                Timestamp::now(),
                &mut std::io::stdout().lock(),
            );
        }
        if reply.is_ok() {
            self.drift.tell(self, sent_by).await;
            if self.pulse.is_due(Instant::now()) {
                self.pulse.beat(self, sent_by).await;
            }
        }
        reply
    }

    /// Adds what others say of the addresses, within a share of the time left.
    pub(crate) async fn annotate(&self, findings: &mut [Finding], deadline: Instant) {
        if let Some(port) = &self.reputation {
            let left = deadline.saturating_duration_since(Instant::now());
            annotate(findings, port.as_ref(), left / LOOKUP_SHARE).await;
        }
    }
}

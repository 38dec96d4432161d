//! Sinks decide what to send and what an answer means; they do no I/O.

mod aws;
pub mod call;
pub mod configured;
mod eventbridge;
mod google_chat;
pub mod guard;
mod jira;
mod ocsf;
mod opensearch;
mod pagerduty;
pub mod probe;
pub mod rights;
mod securityhub;
mod slack;
mod sns;
mod splunk;
mod teams;
#[cfg(test)]
mod tests;
mod thehive;
mod webhook;

pub use call::{Call, Line, Reply, Via};
pub use configured::{Configured, SinkSettings, Sinks, check, rights, secrets};
pub use probe::{Health, HealthState, Probe};
pub use rights::Rights;

use crate::message::links::Links;
use crate::message::notice::{Notice, digest_key};
use crate::routing::digest::Digest;
use crate::routing::mention::Mention;
use dial_core::Finding;
use dial_core::store::group::Before;
use dial_core::store::unanswered::Span;
use dial_core::store::{Audit, Stored};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// Every kind of sink, by name.
pub static SINKS: &[&SinkKind] = &[
    &eventbridge::KIND,
    &google_chat::KIND,
    &jira::KIND,
    &ocsf::KIND,
    &opensearch::KIND,
    &pagerduty::KIND,
    &securityhub::KIND,
    &slack::KIND,
    &sns::KIND,
    &splunk::KIND,
    &teams::KIND,
    &thehive::KIND,
    &webhook::KIND,
];

/// A kind of sink, as settings choose it with `type`.
pub struct SinkKind {
    /// The word of `type`.
    pub name: &'static str,
    /// One line for the reference.
    pub summary: &'static str,
    /// Least time between two messages, unless the settings say otherwise.
    pub min_interval: Duration,
    /// Messages under way at once, unless the settings say otherwise.
    pub concurrency: usize,
    /// Reads the settings of this kind and reports what is wrong with them.
    build: configured::Read,
}

/// Kinds of sinks that people read: they are told once of a problem, not of every finding.
const PEOPLE: [&str; 7] = [
    "google_chat",
    "jira",
    "pagerduty",
    "slack",
    "sns",
    "teams",
    "thehive",
];

/// Who reads what a sink is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Silences, inhibitions, groups and digests are for them.
    People,
    /// They get every finding that the tree sends them.
    Machines,
}

impl Audience {
    /// Who reads a kind of sink.
    pub fn of(kind: &str) -> Self {
        if PEOPLE.contains(&kind) {
            Self::People
        } else {
            Self::Machines
        }
    }
}

/// What a finding is in its group at one sink.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupState {
    /// How many findings repeat it.
    pub repeats: u32,
    /// When the last of them came.
    pub repeated_at: Option<Timestamp>,
    /// Where it is a repeat itself: what the sink answered to the first one.
    pub first: Option<Value>,
    /// What was told of the same before its group began.
    pub before: Option<Before>,
}

/// One finding that one sink is to get.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The finding; the same as in `stored`.
    pub finding: &'a Finding,
    /// The finding and where it stands.
    pub stored: &'a Stored,
    /// What was done with it, in the order of its revisions; empty while nothing was.
    pub history: &'a [Audit],
    /// What the sink answered when it took the finding (null where it said nothing): this is an
    /// update then. Absent as long as it was never delivered.
    pub receipt: Option<&'a Value>,
    /// What it is in its group, where findings are grouped.
    pub group: Option<&'a GroupState>,
    /// What is to be told instead, for this finding and others.
    pub digest: Option<&'a Digest>,
    /// Who is alerted, where its route says so; absent where the sink itself does.
    pub mention: Option<&'a [Mention]>,
    /// Where it can be looked at.
    pub links: &'a Links,
    /// Of this errand, counted from 1; from 2 on, an earlier one may have got through unseen.
    pub attempt: u32,
    /// When earlier attempts may have got through unanswered, as far as nobody looked since; by
    /// the other side's clock, which may disagree with ours. See [`Call::unanswered`].
    pub unanswered: &'a [Span],
    /// When the master accepted the finding; no message about it is older.
    pub received_at: Timestamp,
    /// When this errand began; what its earlier attempts may have left is no older.
    pub since: Timestamp,
    /// The time of this step.
    pub now: Timestamp,
}

impl<'a> Job<'a> {
    /// The first errand about a finding, at the time when it was accepted.
    pub fn first(stored: &'a Stored, links: &'a Links) -> Self {
        Self {
            finding: &stored.finding,
            stored,
            history: &[],
            receipt: None,
            group: None,
            digest: None,
            mention: None,
            links,
            attempt: 1,
            unanswered: &[],
            received_at: stored.received_at,
            since: stored.received_at,
            now: stored.received_at,
        }
    }

    /// What a sink that changes no message tells instead of the finding: many in one, or, once it
    /// has the finding, that this one is closed.
    pub(crate) fn notice(&self) -> Option<Notice> {
        let closed = || Notice::closed(self.stored, self.history, self.group, self.links);
        let digest = self.digest.map(|digest| Notice::digest(digest, self.links));
        digest.or_else(|| self.receipt.map(|_| closed()))
    }

    /// What the other side knows this errand by: the finding's id, or a digest's.
    pub(crate) fn key(&self) -> String {
        match self.digest {
            Some(_) => digest_key(self.finding),
            None => self.finding.id.to_string(),
        }
    }
}

/// What a sink wants next.
#[derive(Debug, Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "an attempt has one step at a time"
)]
pub enum Step {
    /// Send this and hand the reply to [`Sink::resume`].
    Send(Call),
    /// The sink has it; what it answered is kept with the delivery.
    Done(Option<Value>),
    /// Try again later.
    Retry {
        /// How long the other side wants to be left alone, where it says so.
        after: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// Trying again would not help.
    Fail(String),
}

/// A place that findings are sent to: a small state machine without I/O.
pub trait Sink: Send + Sync {
    /// The first step of an attempt.
    fn start(&self, job: &Job<'_>) -> Step;

    /// The step after a reply.
    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step;

    /// Whether it can show what became of a finding that it has; if so it also gets jobs with a
    /// receipt, one for whatever changed since.
    fn updates(&self) -> bool {
        false
    }

    /// Whether it tells by a further message that a finding is closed, for it cannot change the
    /// first; if so it gets a job with a receipt then.
    fn tells_closed(&self) -> bool {
        false
    }

    /// The first step of a look: a call that changes nothing, where the service has one.
    fn probe(&self) -> Probe {
        Probe::blind("nothing can be asked here without sending a message")
    }

    /// The step of a look after a reply.
    fn probed(&self, reply: &Reply) -> Probe {
        Probe::of_status(reply)
    }

    /// Whether a repeat can be told below the message of the first one; see [`Job::group`].
    fn threads(&self) -> bool {
        false
    }

    /// How several findings go in one request, where the service takes them so.
    fn bulk(&self) -> Option<&dyn Bulk> {
        None
    }

    /// Whether one message can tell of many findings; see [`Job::digest`].
    fn digests(&self) -> bool {
        false
    }
}

/// How a sink tells of several findings in one request; only of those that it has not got yet.
pub trait Bulk: Send + Sync {
    /// The call that tells of the first of these jobs, and of how many; `None` where the first
    /// one must go alone.
    fn pack(&self, jobs: &[Job<'_>]) -> Option<(Call, usize)>;

    /// What an answer means for each of the jobs that were packed.
    fn unpack(&self, jobs: &[Job<'_>], reply: &Reply) -> Unpacked;
}

/// What an answer about several findings means.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a request has one answer at a time"
)]
pub enum Unpacked {
    /// This must be asked before anything is known.
    Further(Call),
    /// The end of each, in their order; `None` where it must be asked for that one alone.
    Ends(Vec<Option<Step>>),
}

/// What every sink makes of a status that it has no word for: too busy and broken may pass,
/// anything else will not.
pub(crate) fn judge_status(reply: &Reply) -> Step {
    let reason = reply.reason();
    match reply.status {
        408 | 425 | 429 | 500..=599 => Step::Retry {
            after: reply.retry_after,
            reason,
        },
        300..=399 => Step::Fail(format!("{reason}; redirects are not followed")),
        _ => Step::Fail(reason),
    }
}

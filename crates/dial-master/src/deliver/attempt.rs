//! One attempt at one row: claim, converse with the sink, settle.

use super::decide::{CLOSED, Errand, Prepared};
use super::lane::{Lane, Until};
use super::transport::TransportError;
use super::{Deliverer, Tally, backoff};
use crate::metrics;
use crate::sinks::{Call, Configured, Job, Reply, Step};
use dial_core::FindingId;
use dial_core::store::unanswered::{Span, Unanswered};
use dial_core::store::{Delivery, Settlement, StoreError};
use futures::FutureExt as _;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::panic::AssertUnwindSafe;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

/// Longest conversation with a sink.
pub(super) const ATTEMPT: Duration = Duration::from_secs(30);
/// Time to record the end; together with [`ATTEMPT`] the lease of a row.
pub(super) const SETTLING: Duration = Duration::from_secs(15);
/// With less time than this before a deadline nothing is started.
pub(super) const LEAST: Duration = Duration::from_secs(5);
/// Kept free before a deadline, to record the end.
pub(super) const RESERVE: Duration = Duration::from_secs(2);
/// Calls of one attempt: Slack looks through some pages, then posts.
pub(super) const MAX_CALLS: usize = 8;
/// Pause of a sink whose rows the store cannot change.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// First wait when the end cannot be recorded.
const SETTLE_AGAIN: Duration = Duration::from_millis(200);

/// What a sink is told of.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) row: &'a Delivery,
    pub(super) errand: &'a Errand,
}

/// When attempts may have got through unanswered, as it is known in the course of one.
pub(super) struct Open {
    /// Of the attempts before, as far as nobody looked.
    earlier: Vec<Span>,
    own: Option<Span>,
    /// Whether this one may have.
    may_have: bool,
}

/// How an attempt ended.
pub(super) enum End {
    Sent(Option<serde_json::Value>),
    Retry {
        after: Option<Duration>,
        reason: String,
    },
    Failed(String),
}

impl Deliverer {
    /// Attempts one row, if it is due and there is time.
    pub(super) async fn attempt(&self, finding: &FindingId, sink: &str, until: &Until) -> Tally {
        let Some((configured, lane)) = self.served(sink) else {
            return self.orphan(finding, sink).await;
        };
        let Some(turn) = lane.turn(until).await else {
            return Tally::LEFT;
        };
        let Some(room) = until.room(ATTEMPT + RESERVE, LEAST) else {
            return Tally::LEFT;
        };
        let Some(row) = self.claim(finding, sink).await else {
            return Tally::LEFT;
        };
        let claimed = Instant::now();
        let limit = claimed + ATTEMPT + SETTLING;
        let settlement = match self.prepare(&row, configured).await {
            Prepared::Tell(errand) => {
                // What is not told costs the others no time.
                turn.take();
                let room = room.saturating_sub(RESERVE);
                return self.tell(&row, configured, &errand, room, limit).await;
            }
            Prepared::Ended(end) => self.settlement(&row, configured, end, &Open::before(&row)),
            Prepared::Suppressed(by) => Settlement::Suppressed { by },
            Prepared::Unknown => return Tally::LEFT,
        };
        drop(turn);
        self.settle(&row, settlement, limit).await
    }

    /// Converses with the sink about a claimed row, and settles it.
    pub(super) async fn tell(
        &self,
        row: &Delivery,
        configured: &Configured,
        errand: &Errand,
        room: Duration,
        limit: Instant,
    ) -> Tally {
        let mut open = Open::before(row);
        let end = self
            .converse(row, configured, errand, room, &mut open)
            .await;
        if let Some((_, lane)) = self.served(&row.sink) {
            pace(lane, &end);
        }
        let end = end.remembering(row, errand.closed);
        let settlement = self.settlement(row, configured, end, &open);
        self.settle(row, settlement, limit).await
    }

    pub(super) async fn claim(&self, finding: &FindingId, sink: &str) -> Option<Delivery> {
        let now = (self.clock)();
        let lease = later(now, ATTEMPT + SETTLING);
        match self.store.claim(finding, sink, now, lease).await {
            Ok(row) => row,
            Err(error) => {
                // A store that cannot write, as with a full disk, is not asked row by row.
                let stands = matches!(error, StoreError::Unavailable(_));
                let lane = self.lanes.get(sink).filter(|_| stands);
                if lane.is_none_or(|lane| lane.rest(STORE_PAUSE)) {
                    warn!(%finding, sink, %error, "delivery cannot be claimed");
                }
                None
            }
        }
    }

    /// A row whose sink left the configuration: nobody would ever deliver it.
    async fn orphan(&self, finding: &FindingId, sink: &str) -> Tally {
        let Some(row) = self.claim(finding, sink).await else {
            return Tally::LEFT;
        };
        let error = format!("sink `{sink}` is not in the configuration");
        let limit = Instant::now() + SETTLING;
        self.settle(&row, Settlement::Failed { error }, limit).await
    }

    /// Lets the sink speak until it knows the end.
    async fn converse(
        &self,
        row: &Delivery,
        configured: &Configured,
        errand: &Errand,
        limit: Duration,
        open: &mut Open,
    ) -> End {
        let told = Told { row, errand };
        let talk = AssertUnwindSafe(self.talk(told, configured, open)).catch_unwind();
        match timeout(limit, talk).await {
            Ok(Ok(end)) => end,
            Ok(Err(_)) => End::Failed("sink panicked over this finding".into()),
            Err(_) => End::Retry {
                after: None,
                reason: format!("not done within {} s", limit.as_secs()),
            },
        }
    }

    async fn talk(&self, told: Told<'_>, configured: &Configured, open: &mut Open) -> End {
        let sink = &configured.sink;
        let mut step = sink.start(&self.job(told, &open.earlier));
        for _ in 0..MAX_CALLS {
            let mut call = match step {
                Step::Send(call) => call,
                Step::Done(receipt) => return End::Sent(receipt),
                Step::Retry { after, reason } => return End::Retry { after, reason },
                Step::Fail(reason) => return End::Failed(reason),
            };
            sleep(call.wait).await;
            let before = open.sending(&mut call);
            let answer = self.transport.perform(call, configured.terms.timeout).await;
            if did_nothing(&answer) {
                open.may_have = before;
            }
            step = match answer {
                Ok(reply) => sink.resume(&self.job(told, &open.earlier), &reply),
                Err(error) => error.step(),
            };
        }
        match step {
            Step::Done(receipt) => End::Sent(receipt),
            Step::Retry { after, reason } => End::Retry { after, reason },
            Step::Fail(reason) => End::Failed(reason),
            Step::Send(_) => End::Failed(format!("sink wanted more than {MAX_CALLS} calls")),
        }
    }

    pub(super) fn job<'a>(&'a self, told: Told<'a>, unanswered: &'a [Span]) -> Job<'a> {
        let Told { row, errand } = told;
        let receipt = row.receipt.as_ref().unwrap_or(&serde_json::Value::Null);
        Job {
            finding: &errand.stored.finding,
            stored: &errand.stored,
            history: &errand.history,
            receipt: row.sent_at.map(|_| receipt),
            group: errand.group.as_ref(),
            digest: errand.digest.as_ref(),
            mention: self.mention(&errand.stored.finding, &row.sink),
            links: &self.links,
            attempt: row.attempt(),
            unanswered,
            received_at: row.received_at,
            since: row.since,
            now: (self.clock)(),
        }
    }

    pub(super) fn settlement(
        &self,
        row: &Delivery,
        configured: &Configured,
        end: End,
        open: &Open,
    ) -> Settlement {
        let (after, reason) = match end {
            End::Sent(receipt) => {
                return Settlement::Sent {
                    receipt,
                    wanted: row.wanted,
                    at: (self.clock)(),
                };
            }
            End::Failed(error) => return Settlement::Failed { error },
            End::Retry { after, reason } => (after, reason),
        };
        let wait = {
            let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            backoff::delay(row.attempt(), after, &mut *rng)
        };
        let at = later((self.clock)(), wait);
        let give_up = later(row.since, configured.terms.give_up_after);
        if at > give_up {
            let hours = configured.terms.give_up_after.as_secs() / 3_600;
            let error = format!(
                "gave up after {hours} h and {} attempts: {reason}",
                row.attempt()
            );
            return Settlement::Failed { error };
        }
        let unanswered = open.at((self.clock)());
        Settlement::Retry {
            at,
            error: reason,
            unanswered,
        }
    }

    /// Records the end; tries until `limit`, for an end that is not recorded means a repeat.
    pub(super) async fn settle(
        &self,
        row: &Delivery,
        settlement: Settlement,
        limit: Instant,
    ) -> Tally {
        let (id, sink) = (&row.finding, row.sink.as_str());
        let mut wait = SETTLE_AGAIN;
        loop {
            let done = self
                .store
                .settle(id, sink, row.attempts, settlement.clone())
                .await;
            match done {
                Ok(true) => {
                    if matches!(settlement, Settlement::Sent { .. }) {
                        self.took(sink).await;
                    }
                    return self.told(row, &settlement);
                }
                Ok(false) => {
                    warn!(finding = %id, sink, "lease ended before the attempt did");
                    return Tally::LEFT;
                }
                Err(error) if Instant::now() + wait > limit => {
                    error!(finding = %id, sink, %error, "end of an attempt cannot be recorded");
                    return Tally::LEFT;
                }
                Err(_) => sleep(wait).await,
            }
            wait = wait.saturating_mul(2);
        }
    }

    /// Counts and logs an end that is durable.
    fn told(&self, row: &Delivery, settlement: &Settlement) -> Tally {
        let (finding, sink, attempts) = (&row.finding, row.sink.as_str(), row.attempts);
        match settlement {
            Settlement::Sent { .. } => {
                if row.sent_at.is_none() {
                    metrics::delivered(row.received_at, (self.clock)());
                }
                metrics::attempted(sink, "sent");
                info!(%finding, sink, attempts, "delivered");
                Tally {
                    sent: 1,
                    ..Tally::default()
                }
            }
            Settlement::Suppressed { by } => {
                metrics::attempted(sink, "suppressed");
                info!(%finding, sink, by, "delivery suppressed");
                Tally {
                    suppressed: 1,
                    ..Tally::default()
                }
            }
            Settlement::Retry { at, error, .. } => {
                metrics::attempted(sink, "retried");
                warn!(%finding, sink, attempts, reason = error, next = %at, "delivery will be retried");
                Tally {
                    retried: 1,
                    ..Tally::default()
                }
            }
            Settlement::Failed { error } => {
                metrics::attempted(sink, "failed");
                error!(%finding, sink, attempts, reason = error, "delivery failed");
                Tally {
                    failed: 1,
                    ..Tally::default()
                }
            }
        }
    }
}

impl Open {
    /// As it is before anything is sent.
    pub(super) fn before(row: &Delivery) -> Self {
        Self {
            earlier: row.unanswered.earlier().to_vec(),
            own: row.unanswered.own(),
            may_have: false,
        }
    }

    /// As it is when a request was sent of which no more is known.
    pub(super) fn after(row: &Delivery) -> Self {
        Self {
            may_have: true,
            ..Self::before(row)
        }
    }

    /// Whoever is interrupted from here on cannot know; whether it may have got through before.
    fn sending(&mut self, call: &mut Call) -> bool {
        if let Some(left) = call.unanswered.take() {
            self.earlier = left;
        }
        let before = self.may_have;
        self.may_have |= call.method != Method::GET;
        before
    }

    /// What of it a row keeps.
    fn at(&self, now: Timestamp) -> Unanswered {
        let own = self.own.filter(|_| self.may_have);
        let own = own.map(|own| own.ended(now));
        self.earlier.iter().copied().chain(own).collect()
    }
}

impl Tally {
    pub(super) const LEFT: Tally = Tally {
        sent: 0,
        retried: 0,
        failed: 0,
        suppressed: 0,
        left: 1,
    };
}

impl End {
    /// The receipt of a sink that was told that a finding is closed says so, and stays otherwise.
    fn remembering(self, row: &Delivery, closed: Option<u64>) -> Self {
        match (self, closed) {
            (Self::Sent(_), Some(revision)) => {
                let before = row.receipt.clone().filter(serde_json::Value::is_object);
                let mut receipt = before.unwrap_or_else(|| json!({}));
                receipt[CLOSED] = json!(revision);
                Self::Sent(Some(receipt))
            }
            (end, _) => end,
        }
    }
}

/// Whether a call is known to have changed nothing: the sink was too busy, or never reached.
fn did_nothing(answer: &Result<Reply, TransportError>) -> bool {
    match answer {
        Ok(reply) => reply.status == StatusCode::TOO_MANY_REQUESTS.as_u16(),
        Err(error) => !error.may_have_arrived(),
    }
}

/// A refusal of one finding says nothing against the sink; an answer that never came does.
pub(super) fn pace(lane: &Lane, end: &End) {
    match end {
        End::Sent(_) => lane.succeeded(),
        End::Retry { after, .. } => lane.failed(*after),
        End::Failed(_) => {}
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

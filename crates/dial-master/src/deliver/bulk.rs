//! Several findings in one request, for sinks that take them so; every row is settled by itself.

use super::attempt::{ATTEMPT, End, LEAST, MAX_CALLS, Open, RESERVE, SETTLING, Told, pace};
use super::decide::{Errand, Prepared};
use super::lane::Until;
use super::{Deliverer, Tally};
use crate::sinks::{Bulk, Call, Configured, Job, Step, Unpacked};
use dial_core::FindingId;
use dial_core::store::{Delivery, Settlement};
use futures::FutureExt as _;
use futures::future::join_all;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// A claimed row and what its sink is to be told.
type Claimed = (Delivery, Box<Errand>);

/// How a request ended for each of the findings in it; `None` = this one is told by itself.
type Ends = Vec<Option<End>>;

impl Deliverer {
    /// Attempts these rows of a sink together, if they are due and there is time.
    pub(super) async fn serve_together(
        &self,
        sink: &str,
        findings: &[&FindingId],
        until: &Until,
    ) -> Tally {
        let left = Tally {
            left: findings.len(),
            ..Tally::default()
        };
        let Some((configured, lane)) = self.served(sink) else {
            return left;
        };
        let Some(turn) = lane.turn(until).await else {
            return left;
        };
        let Some(room) = until.room(ATTEMPT + RESERVE, LEAST) else {
            return left;
        };
        let end = Instant::now() + room.saturating_sub(RESERVE);
        let limit = Instant::now() + ATTEMPT + SETTLING;
        let claims = findings.iter().map(|finding| self.claim(finding, sink));
        let rows: Vec<Delivery> = join_all(claims).await.into_iter().flatten().collect();
        let lost = findings.len() - rows.len();
        let (told, settled) = self.sort_out(rows, configured, limit).await;
        if told.is_empty() {
            // What is not told costs the others no time.
            drop(turn);
        } else {
            turn.take();
        }
        let told = self.tell_all(told, configured, end, limit).await;
        let lost = Tally {
            left: lost,
            ..Tally::default()
        };
        Tally::sum([lost, settled, told])
    }

    /// Rows that the sink is told of; the others are settled.
    async fn sort_out(
        &self,
        rows: Vec<Delivery>,
        configured: &Configured,
        limit: Instant,
    ) -> (Vec<Claimed>, Tally) {
        let prepared = join_all(rows.iter().map(|row| self.prepare(row, configured))).await;
        let (mut told, mut tally) = (Vec::new(), Tally::default());
        for (row, prepared) in rows.into_iter().zip(prepared) {
            let settlement = match prepared {
                Prepared::Tell(errand) => {
                    told.push((row, errand));
                    continue;
                }
                Prepared::Ended(end) => self.settlement(&row, configured, end, &Open::before(&row)),
                Prepared::Suppressed(by) => Settlement::Suppressed { by },
                Prepared::Unknown => {
                    tally.left += 1;
                    continue;
                }
            };
            let settled = self.settle(&row, settlement, limit).await;
            tally = Tally::sum([tally, settled]);
        }
        (told, tally)
    }

    /// As many requests as the findings need; what time runs out for comes back with its lease.
    async fn tell_all(
        &self,
        claimed: Vec<Claimed>,
        configured: &Configured,
        end: Instant,
        limit: Instant,
    ) -> Tally {
        let (fresh, mut alone): (Vec<Claimed>, Vec<Claimed>) = claimed
            .into_iter()
            .partition(|(row, _)| row.sent_at.is_none());
        let mut tally = Tally::default();
        let mut rest = fresh;
        while !rest.is_empty() && end.saturating_duration_since(Instant::now()) >= LEAST {
            let ends = self.converse_together(&rest, configured, end).await;
            let later = rest.split_off(ends.len().min(rest.len()));
            let mut settled = Vec::new();
            for ((row, errand), end) in rest.into_iter().zip(ends) {
                match end {
                    Some(end) => {
                        let open = Open::after(&row);
                        settled.push((self.settlement(&row, configured, end, &open), row));
                    }
                    None => alone.push((row, errand)),
                }
            }
            let settles = settled
                .iter()
                .map(|(settlement, row)| self.settle(row, settlement.clone(), limit));
            tally = Tally::sum(join_all(settles).await.into_iter().chain([tally]));
            rest = later;
        }
        tally.left += rest.len();
        for (row, errand) in alone {
            let room = end.saturating_duration_since(Instant::now());
            let told = if room >= LEAST {
                self.tell(&row, configured, &errand, room, limit).await
            } else {
                Tally::LEFT
            };
            tally = Tally::sum([tally, told]);
        }
        tally
    }

    /// One request about the first of these rows, as many as fit; the ends are theirs.
    async fn converse_together(
        &self,
        claimed: &[Claimed],
        configured: &Configured,
        end: Instant,
    ) -> Ends {
        let Some(bulk) = configured.sink.bulk() else {
            return claimed.iter().map(|_| None).collect();
        };
        let told = claimed.iter().map(|(row, errand)| Told { row, errand });
        let jobs: Vec<Job<'_>> = told.map(|told| self.job(told, &[])).collect();
        // A finding that its sink panics over is found when each is told alone.
        let packed = std::panic::catch_unwind(AssertUnwindSafe(|| bulk.pack(&jobs)));
        let Ok(Some((call, count))) = packed else {
            return vec![None];
        };
        let jobs = jobs.get(..count.max(1)).unwrap_or(&jobs);
        let room = end.saturating_duration_since(Instant::now());
        let talk = self.talk_together(bulk, jobs, call, configured.terms.timeout);
        let ends = match timeout(room, AssertUnwindSafe(talk).catch_unwind()).await {
            Ok(Ok(ends)) => ends,
            Ok(Err(_)) => jobs.iter().map(|_| None).collect(),
            Err(_) => all(jobs, || End::Retry {
                after: None,
                reason: format!("not done within {} s", room.as_secs()),
            }),
        };
        if let Some((_, lane)) = self.served(&claimed[0].0.sink) {
            let first = |wanted: fn(&End) -> bool| ends.iter().flatten().find(|end| wanted(end));
            let best = first(|end| matches!(end, End::Sent(_))).or_else(|| first(|_| true));
            if let Some(end) = best {
                pace(lane, end);
            }
        }
        ends
    }

    async fn talk_together(
        &self,
        bulk: &dyn Bulk,
        jobs: &[Job<'_>],
        mut call: Call,
        patience: Duration,
    ) -> Ends {
        for _ in 0..MAX_CALLS {
            sleep(call.wait).await;
            let reply = match self.transport.perform(call, patience).await {
                Ok(reply) => reply,
                Err(error) => {
                    let step = error.step();
                    return jobs.iter().map(|_| End::of(step.clone())).collect();
                }
            };
            match bulk.unpack(jobs, &reply) {
                Unpacked::Further(further) => call = further,
                Unpacked::Ends(steps) => {
                    let mut ends: Ends = steps
                        .into_iter()
                        .map(|step| step.and_then(End::of))
                        .collect();
                    // Whatever was not judged is told alone.
                    ends.resize_with(jobs.len(), || None);
                    return ends;
                }
            }
        }
        all(jobs, || {
            End::Failed(format!("sink wanted more than {MAX_CALLS} calls"))
        })
    }
}

fn all(jobs: &[Job<'_>], end: impl Fn() -> End) -> Ends {
    jobs.iter().map(|_| Some(end())).collect()
}

impl End {
    /// The end that a step is; `None` where the sink wants to go on.
    fn of(step: Step) -> Option<Self> {
        match step {
            Step::Done(receipt) => Some(Self::Sent(receipt)),
            Step::Retry { after, reason } => Some(Self::Retry { after, reason }),
            Step::Fail(reason) => Some(Self::Failed(reason)),
            Step::Send(_) => None,
        }
    }
}

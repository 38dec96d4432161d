//! Storms: when more findings wait for a sink than people read, one message tells of them.
//!
//! Each row is claimed, then given to the row that carries the digest, in transactions that
//! write both what the carrier tells and that the others need not be told. Whoever crashes leaves
//! a carrier that tells exactly of the rows given to it.

use super::attempt::{ATTEMPT, LEAST, RESERVE, SETTLING};
use super::decide::{Errand, Verdict};
use super::lane::Until;
use super::{Deliverer, Tally};
use crate::metrics;
use crate::routing::digest::{Digest, storm};
use crate::routing::tree::Terms;
use crate::sinks::{Audience, Configured};
use dial_core::store::group::{Joined, MAX_GATHERED};
use dial_core::store::{Delivery, Settlement, StoreError, Stored};
use dial_core::{Finding, FindingId};
use tokio::time::Instant;
use tracing::{info, warn};

/// A row that waits to be told.
struct Waiting<'r> {
    stored: Stored,
    terms: &'r Terms,
}

impl Deliverer {
    /// Whether storms of a sink become digests.
    pub(super) fn digests(configured: &Configured) -> bool {
        configured.terms.digest_above > 0
            && configured.sink.digests()
            && Audience::of(configured.kind) == Audience::People
    }

    /// Serves the due rows of a sink as a storm; `None` where they are none.
    pub(super) async fn weather(
        &self,
        sink: &str,
        rows: &[Delivery],
        until: &Until,
    ) -> Option<Tally> {
        let (configured, _) = self.served(sink)?;
        let above = configured.terms.digest_above;
        if !Self::digests(configured) || rows.len() <= above {
            return None;
        }
        let (waiting, mut single) = self.sorted(sink, configured, rows).await;
        let severity = |one: &Waiting<'_>| one.stored.finding.severity;
        let severities: Vec<_> = waiting.iter().map(severity).collect();
        let takes = storm(&severities, above)?;
        let (together, critical): (Vec<Waiting<'_>>, Vec<Waiting<'_>>) =
            waiting.into_iter().partition(|one| takes(severity(one)));
        // The critical go first, each by itself.
        single.splice(0..0, critical.iter().map(|one| &one.stored.finding.id));
        let alone = self.serve_rows(sink, single, until).await;
        let digest = self.tell_together(sink, configured, together, until).await;
        Some(Tally::sum([alone, digest]))
    }

    /// Rows that would be told for the first time, and all others.
    async fn sorted<'r, 's>(
        &'s self,
        sink: &str,
        configured: &Configured,
        rows: &'r [Delivery],
    ) -> (Vec<Waiting<'s>>, Vec<&'r FindingId>) {
        let (mut waiting, mut single) = (Vec::new(), Vec::new());
        for row in rows {
            match self.waiting(sink, configured, row).await {
                Ok(Some(one)) => waiting.push(one),
                Ok(None) => single.push(&row.finding),
                Err(error) => {
                    warn!(finding = %row.finding, sink, %error, "delivery cannot be decided");
                }
            }
        }
        (waiting, single)
    }

    async fn waiting(
        &self,
        sink: &str,
        configured: &Configured,
        row: &Delivery,
    ) -> Result<Option<Waiting<'_>>, StoreError> {
        let is_repeat = row
            .group
            .as_ref()
            .is_some_and(|group| *group != row.finding);
        if row.sent_at.is_some() || row.digest.is_some() || is_repeat {
            return Ok(None);
        }
        let Some(stored) = self.store.finding(&row.finding, (self.clock)()).await? else {
            return Ok(None);
        };
        let verdict = self.verdict(sink, configured, &stored.finding).await?;
        Ok(match verdict {
            Verdict::Told(terms) => Some(Waiting { stored, terms }),
            Verdict::Muted(_) => None,
        })
    }

    /// One message for all of them.
    async fn tell_together(
        &self,
        sink: &str,
        configured: &Configured,
        together: Vec<Waiting<'_>>,
        until: &Until,
    ) -> Tally {
        let Some((_, lane)) = self.served(sink) else {
            return Tally::default();
        };
        // A sink that is left alone for a while gets no digest meanwhile: it would only be small.
        let Some(turn) = lane.turn(until).await else {
            return Tally::LEFT;
        };
        let Some(room) = until.room(ATTEMPT + RESERVE, LEAST) else {
            return Tally::LEFT;
        };
        let claimed = Instant::now();
        let mut tally = Tally::default();
        let mut firsts: Vec<(Delivery, Stored)> = Vec::new();
        for one in together {
            match self.first_of_group(sink, configured, one).await {
                Ok(Some(first)) => firsts.push(first),
                Ok(None) => tally.suppressed += 1,
                Err(()) => tally.left += 1,
            }
        }
        let Some((digest, gathered)) = self.gather(sink, &firsts).await else {
            tally.left += firsts.len();
            return tally;
        };
        tally.suppressed += gathered - 1;
        tally.left += firsts.len() - gathered;
        let (row, stored) = firsts.swap_remove(0);
        turn.take();
        let errand = Errand {
            stored,
            history: Vec::new(),
            group: None,
            digest,
            closed: None,
        };
        let limit = room
            .saturating_sub(RESERVE)
            .saturating_sub(claimed.elapsed());
        let carried = self.tell(
            &row,
            configured,
            &errand,
            limit,
            claimed + ATTEMPT + SETTLING,
        );
        Tally::sum([tally, carried.await])
    }

    /// Claims a row; a repeat is settled at once, for its group's first one counts it.
    async fn first_of_group(
        &self,
        sink: &str,
        configured: &Configured,
        one: Waiting<'_>,
    ) -> Result<Option<(Delivery, Stored)>, ()> {
        let finding = &one.stored.finding;
        let row = self.claim(&finding.id, sink).await.ok_or(())?;
        if one.terms.window.is_zero() {
            return Ok(Some((row, one.stored)));
        }
        match self.join(&row, configured, finding, one.terms).await {
            Ok(Joined::First(_)) => Ok(Some((row, one.stored))),
            Ok(Joined::Repeat(first)) => {
                let by = format!("group {first}");
                let limit = Instant::now() + SETTLING;
                let settled = self
                    .settle(&row, Settlement::Suppressed { by }, limit)
                    .await;
                (settled.suppressed == 1).then_some(None).ok_or(())
            }
            Ok(Joined::Lost) => Err(()),
            Err(error) => {
                warn!(finding = %finding.id, sink, %error, "group cannot be joined");
                Err(())
            }
        }
    }

    /// Gives all rows to the first; the digest, and how many it tells of. A single one needs none.
    async fn gather(
        &self,
        sink: &str,
        firsts: &[(Delivery, Stored)],
    ) -> Option<(Option<Digest>, usize)> {
        let ((carrier, _), members) = firsts.split_first()?;
        if members.is_empty() {
            return Some((None, 1));
        }
        let (mut digest, mut told) = (None, 1);
        for chunk in members.chunks(MAX_GATHERED) {
            let all = told + chunk.len();
            let findings: Vec<&Finding> = firsts
                .iter()
                .take(all)
                .map(|(_, stored)| &stored.finding)
                .collect();
            let mentions = findings.iter().filter_map(|f| self.mention(f, sink));
            let mentions = mentions.flatten().cloned().collect();
            let next = Digest {
                mentions,
                ..Digest::of(&findings)?
            };
            let json = serde_json::to_value(&next).ok()?;
            let rows: Vec<_> = chunk
                .iter()
                .map(|(row, _)| (row.finding.clone(), row.attempts))
                .collect();
            let claim = (&carrier.finding, carrier.attempts);
            match self.store.gather(sink, claim, &json, &rows).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    warn!(carrier = %carrier.finding, sink, %error, "digest cannot be kept");
                    break;
                }
            }
            for _ in chunk {
                metrics::attempted(sink, "suppressed");
            }
            (digest, told) = (Some(next), all);
        }
        let count = told;
        digest.as_ref()?;
        info!(carrier = %carrier.finding, sink, count, "storm told by one message");
        Some((digest, told))
    }
}

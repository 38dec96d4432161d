//! Before an attempt speaks: whether this sink is told of this finding, and as what.

use super::Deliverer;
use super::attempt::End;
use crate::message::notice::{closes, closing};
use crate::routing::digest::Digest;
use crate::routing::group;
use crate::routing::inhibit::Inhibition;
use crate::routing::label::Label;
use crate::routing::mention::Mention;
use crate::routing::silence::muting;
use crate::routing::tree::Terms;
use crate::sinks::{Audience, Configured, GroupState};
use dial_core::FindingId;
use dial_core::finding::Finding;
use dial_core::store::group::{Join, Joined};
use dial_core::store::{
    Audit, Delivery, DeliveryState, MAX_PAGE, Query, Store, StoreError, Stored,
};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tracing::warn;

/// Wait of a repeat while the first one has no message yet.
const FIRST_SOON: Duration = Duration::from_secs(2);

/// Pages that are looked through for a source; beyond them nothing is muted.
const MAX_PAGES: usize = 5;

/// Where a receipt says which closing of the finding was told.
pub(super) const CLOSED: &str = "closed";

/// What a sink is to be told.
pub(super) struct Errand {
    pub(super) stored: Stored,
    pub(super) history: Vec<Audit>,
    pub(super) group: Option<GroupState>,
    pub(super) digest: Option<Digest>,
    /// Revision by which the finding was closed, where that is what is told.
    pub(super) closed: Option<u64>,
}

/// What is to happen with a claimed row.
pub(super) enum Prepared {
    /// The sink is told.
    Tell(Box<Errand>),
    /// There is nothing to say to the sink now.
    Ended(End),
    /// This sink is not told, for this reason.
    Suppressed(String),
    /// The store did not answer; the row comes back when its lease ends.
    Unknown,
}

/// Whether a sink is told of a finding, as far as that depends on no other delivery.
pub(super) enum Verdict<'r> {
    Told(&'r Terms),
    Muted(String),
}

impl Deliverer {
    /// Decides from what is stored, and from the time.
    pub(super) async fn prepare(&self, row: &Delivery, configured: &Configured) -> Prepared {
        let prepared = if row.sent_at.is_some() && !shows_changes(row, configured) {
            let closed = self.closed(row, configured).await;
            // Else it has the finding and shows no change of it.
            let nothing = Prepared::Ended(End::Sent(None));
            closed.map(|errand| errand.map_or(nothing, Prepared::Tell))
        } else {
            self.errand(row, configured).await
        };
        match prepared {
            Ok(prepared) => prepared,
            Err(StoreError::Corrupt(what)) => {
                Prepared::Ended(End::Failed(format!("stored finding is corrupt: {what}")))
            }
            Err(error) => {
                let (finding, sink) = (&row.finding, row.sink.as_str());
                warn!(%finding, sink, %error, "delivery cannot be decided");
                Prepared::Unknown
            }
        }
    }

    /// That the finding is closed, for a sink which tells that and has not done so.
    async fn closed(
        &self,
        row: &Delivery,
        configured: &Configured,
    ) -> Result<Option<Box<Errand>>, StoreError> {
        if !configured.sink.tells_closed() || row.digest.is_some() || is_repeat(row) {
            return Ok(None);
        }
        let Some(stored) = self.store.finding(&row.finding, (self.clock)()).await? else {
            return Ok(None);
        };
        let terms = self.routing.tree.terms(&stored.finding, &row.sink);
        let wanted = |terms: &Terms| terms.resolved.unwrap_or(configured.terms.send_resolved);
        if !closes(stored.triage.status) || !terms.is_some_and(wanted) {
            return Ok(None);
        }
        let history = self.history(&stored).await?;
        let told = row.receipt.as_ref().and_then(|r| r[CLOSED].as_u64());
        let revision = closing(&history).and_then(|line| line.after.as_ref());
        let revision = revision.map(|after| after.revision);
        let fresh = revision.filter(|revision| told.is_none_or(|told| told < *revision));
        Ok(fresh.map(|revision| {
            Box::new(Errand {
                stored,
                history,
                group: own_group(row),
                digest: None,
                closed: Some(revision),
            })
        }))
    }

    async fn errand(
        &self,
        row: &Delivery,
        configured: &Configured,
    ) -> Result<Prepared, StoreError> {
        let now = (self.clock)();
        let Some(stored) = self.store.finding(&row.finding, now).await? else {
            let reason = "finding is unknown or expired".to_owned();
            return Ok(Prepared::Ended(End::Failed(reason)));
        };
        let mut errand = Box::new(Errand {
            history: self.history(&stored).await?,
            stored,
            group: own_group(row),
            digest: row.digest.as_ref().and_then(read_digest),
            closed: None,
        });
        if row.sent_at.is_some() || row.digest.is_some() {
            return Ok(Prepared::Tell(errand));
        }
        let terms = match self
            .verdict(&row.sink, configured, &errand.stored.finding)
            .await?
        {
            Verdict::Told(terms) => terms,
            Verdict::Muted(by) => return Ok(Prepared::Suppressed(by)),
        };
        if Audience::of(configured.kind) == Audience::Machines || terms.window.is_zero() {
            return Ok(Prepared::Tell(errand));
        }
        match self
            .join(row, configured, &errand.stored.finding, terms)
            .await?
        {
            Joined::Lost => Ok(Prepared::Unknown),
            Joined::First(before) => {
                errand.group.get_or_insert_default().before = before;
                Ok(Prepared::Tell(errand))
            }
            Joined::Repeat(first) if configured.sink.threads() => {
                self.below(&first, row, errand).await
            }
            Joined::Repeat(first) => Ok(Prepared::Suppressed(format!("group {first}"))),
        }
    }

    /// What was done with a finding; nothing needs to be read where nothing was.
    async fn history(&self, stored: &Stored) -> Result<Vec<Audit>, StoreError> {
        if stored.triage.revision == 0 {
            return Ok(Vec::new());
        }
        self.store.audit(&stored.finding.id).await
    }

    /// Route, then silences, then inhibitions; the last two are for what people read.
    pub(super) async fn verdict(
        &self,
        sink: &str,
        configured: &Configured,
        finding: &Finding,
    ) -> Result<Verdict<'_>, StoreError> {
        let now = (self.clock)();
        let terms = match self.routing.tree.terms(finding, sink) {
            Some(terms) => terms,
            None if self.is_alarm(finding, sink) => self.routing.tree.own_terms(),
            None => return Ok(Verdict::Muted("route".to_owned())),
        };
        if Audience::of(configured.kind) == Audience::Machines {
            return Ok(Verdict::Told(terms));
        }
        let silences = self.store.silences(now).await?;
        if let Some(silence) = muting(&silences, finding, now) {
            return Ok(Verdict::Muted(format!("silence {}", silence.id)));
        }
        for inhibition in self.routing.concerning(finding) {
            if let Some(source) = inhibitor(&*self.store, inhibition, finding, now).await? {
                return Ok(Verdict::Muted(format!("inhibited by {source}")));
            }
        }
        Ok(Verdict::Told(terms))
    }

    /// Whom a message about a finding alerts, where its route says so.
    pub(super) fn mention(&self, finding: &Finding, sink: &str) -> Option<&[Mention]> {
        let tree = &self.routing.tree;
        let terms = tree.terms(finding, sink).unwrap_or(tree.own_terms());
        terms.mention.as_deref()
    }

    /// Makes a claimed row the first of its group or a repeat.
    pub(super) async fn join(
        &self,
        row: &Delivery,
        configured: &Configured,
        finding: &Finding,
        terms: &Terms,
    ) -> Result<Joined, StoreError> {
        let join = Join {
            finding: row.finding.clone(),
            sink: row.sink.clone(),
            attempt: row.attempts,
            key: group::key(&terms.group_by, finding),
            window: terms.window,
            repeat: terms.repeat,
            shows: configured.sink.updates(),
            now: (self.clock)(),
        };
        self.store.join(&join).await
    }

    /// A repeat goes below the message of the first one, as soon as that has one.
    async fn below(
        &self,
        first: &FindingId,
        row: &Delivery,
        mut errand: Box<Errand>,
    ) -> Result<Prepared, StoreError> {
        let rows = self.store.deliveries(first).await?;
        let first_row = rows.into_iter().find(|other| other.sink == row.sink);
        Ok(match first_row {
            Some(Delivery {
                receipt: Some(receipt),
                ..
            }) => {
                errand.group = Some(GroupState {
                    first: Some(receipt),
                    ..GroupState::default()
                });
                Prepared::Tell(errand)
            }
            Some(Delivery {
                state: DeliveryState::Pending | DeliveryState::Sending,
                ..
            }) => Prepared::Ended(End::Retry {
                after: Some(FIRST_SOON),
                reason: format!("waits for the message of {first}, which it repeats"),
            }),
            // Nobody was told of the first one, so somebody is told of this one.
            _ => Prepared::Tell(errand),
        })
    }
}

/// The finding that mutes another one, if there is one in reach.
pub(crate) async fn inhibitor(
    store: &dyn Store,
    inhibition: &Inhibition,
    finding: &Finding,
    now: Timestamp,
) -> Result<Option<FindingId>, StoreError> {
    let query = look_up(inhibition, finding);
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let page = store.list(&query, cursor.as_ref(), MAX_PAGE, now).await?;
        let mut sources = page.items.into_iter();
        if let Some(source) = sources.find(|source| inhibition.mutes(source, finding)) {
            return Ok(Some(source.id));
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(None)
}

/// The narrowest list that holds every source.
fn look_up(inhibition: &Inhibition, finding: &Finding) -> Query {
    let (since, until) = inhibition.reach(finding);
    // `until` is exclusive.
    let until = until.saturating_add(SignedDuration::from_nanos(1));
    let given = |label: Label, value: String| {
        let value = (inhibition.goes_by(&label) && !value.is_empty()).then_some(value);
        value.into_iter().collect()
    };
    let mut query = Query {
        since: Some(since),
        until: Some(until.unwrap_or(Timestamp::MAX)),
        ..Query::default()
    };
    query.resource = given(Label::Resource, finding.resource_key());
    query.principal = given(Label::Principal, finding.principal.key().to_owned());
    query.account = given(Label::Account, finding.account.id.clone());
    query
}

/// A digest and a repeat tell what was, and a group's count is no change of the finding.
fn shows_changes(row: &Delivery, configured: &Configured) -> bool {
    configured.sink.updates() && row.digest.is_none() && !is_repeat(row)
}

fn is_repeat(row: &Delivery) -> bool {
    let group = row.group.as_ref();
    group.is_some_and(|group| *group != row.finding)
}

fn own_group(row: &Delivery) -> Option<GroupState> {
    let group = row.group.as_ref()?;
    (*group == row.finding).then(|| GroupState {
        repeats: row.repeats,
        repeated_at: row.repeated_at,
        first: None,
        before: row.before.clone(),
    })
}

/// A digest that cannot be read, as after going back to an older program, is told as the finding.
fn read_digest(value: &serde_json::Value) -> Option<Digest> {
    serde_json::from_value(value.clone()).ok()
}

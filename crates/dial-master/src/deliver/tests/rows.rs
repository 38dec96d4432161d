//! A store of outbox rows in memory, with the claims of the real ones; fails on demand.

use super::beside::{Kept, beside_delivery};
use super::{base, finding};
use async_trait::async_trait;
use dial_core::store::group::{Before, Grouping, Join, Joined, is_live};
use dial_core::store::silence::{Ended, Silence, Silences};
use dial_core::store::triage::Triage;
use dial_core::store::unanswered::{Span, Unanswered};
use dial_core::store::{
    Acceptance, Audit, Cursor, Delivery, DeliveryState, Outcome, Page, Query, Settlement, Status,
    Store, StoreError, Stored, Summary,
};
use dial_core::{Finding, FindingId};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Rows and findings in memory, with the claims of the real stores; fails on demand.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) table: Mutex<BTreeMap<(FindingId, String), Delivery>>,
    pub(super) findings: Mutex<BTreeMap<FindingId, Stored>>,
    /// Settlements that are to fail before one succeeds.
    pub(super) broken_settles: Mutex<u32>,
    /// Whether it cannot write, as with a full disk.
    pub(super) full: Mutex<bool>,
    /// Claims that were asked for.
    pub(super) claims: Mutex<u32>,
    pub(super) silences: Mutex<Vec<Silence>>,
    /// First finding of each live group, by sink and key.
    groups: Mutex<BTreeMap<(String, String), FindingId>>,
}

impl Rows {
    pub(super) fn with(sinks: &[&str], findings: usize) -> Arc<Self> {
        let store = Self::default();
        for number in 0..findings {
            store.add(&finding(number), sinks);
        }
        Arc::new(store)
    }

    pub(super) fn add(&self, finding: &Finding, sinks: &[&str]) {
        self.add_at(finding, sinks, base());
    }

    pub(super) fn add_at(&self, finding: &Finding, sinks: &[&str], at: Timestamp) {
        let stored = Stored {
            finding: finding.clone(),
            triage: Triage::default(),
            received_at: base(),
            expires_at: Timestamp::MAX,
        };
        self.findings
            .lock()
            .unwrap()
            .insert(finding.id.clone(), stored);
        for sink in sinks {
            let row = Delivery::new(finding.id.clone(), *sink, at);
            let key = (finding.id.clone(), (*sink).to_owned());
            self.table.lock().unwrap().insert(key, row);
        }
    }

    pub(super) fn row(&self, id: &FindingId, sink: &str) -> Delivery {
        let rows = self.table.lock().unwrap();
        rows[&(id.clone(), sink.to_owned())].clone()
    }

    pub(super) fn states(&self, sink: &str) -> Vec<DeliveryState> {
        let rows = self.table.lock().unwrap();
        let of_sink = rows.values().filter(|row| row.sink == sink);
        of_sink.map(|row| row.state).collect()
    }
}

impl Rows {
    fn sinks_with_rows(&self, _: &[String]) -> Vec<String> {
        let rows = self.table.lock().unwrap();
        let sinks: BTreeSet<String> = rows.keys().map(|(_, sink)| sink.clone()).collect();
        sinks.into_iter().collect()
    }
}

beside_delivery!(Rows);

pub(super) fn is_open(row: &Delivery, now: Timestamp) -> bool {
    let waiting = matches!(row.state, DeliveryState::Pending | DeliveryState::Sending);
    waiting && row.due_at <= now
}

#[async_trait]
impl Silences for Rows {
    async fn add_silence(&self, silence: &Silence) -> Result<bool, StoreError> {
        self.silences.lock().unwrap().push(silence.clone());
        Ok(true)
    }

    async fn silences(&self, since: Timestamp) -> Result<Vec<Silence>, StoreError> {
        let mut silences = self.silences.lock().unwrap().clone();
        silences.retain(|silence| silence.ends_at > since);
        Ok(silences)
    }

    async fn end_silence(&self, _: &str, _: &str, _: Timestamp) -> Result<Ended, StoreError> {
        unreachable!("delivery ends no silence")
    }
}

#[async_trait]
impl Grouping for Rows {
    async fn join(&self, join: &Join) -> Result<Joined, StoreError> {
        let mut rows = self.table.lock().unwrap();
        let mut groups = self.groups.lock().unwrap();
        let of = |id: &FindingId| (id.clone(), join.sink.clone());
        let own = &rows[&of(&join.finding)];
        match &own.group {
            _ if own.state != DeliveryState::Sending || own.attempts != join.attempt => {
                return Ok(Joined::Lost);
            }
            Some(group) if *group == join.finding => {
                return Ok(Joined::First(own.before.clone()));
            }
            Some(group) => return Ok(Joined::Repeat(group.clone())),
            None => {}
        }
        let key = (join.sink.clone(), join.key.clone());
        let first = groups.get(&key).cloned();
        let last = first.as_ref().map(|first| rows[&of(first)].clone());
        let first = first.filter(|first| is_live(&rows[&of(first)], Status::Open, join));
        let before = last.filter(|_| first.is_none());
        let before = before.and_then(|last| Before::of(&last, Status::Open));
        let group = first.clone().unwrap_or_else(|| join.finding.clone());
        let own = rows.get_mut(&of(&join.finding)).unwrap();
        (own.group, own.grouped_at) = (Some(group.clone()), Some(join.now));
        own.before.clone_from(&before);
        if let Some(first) = first {
            let row = rows.get_mut(&of(&first)).unwrap();
            row.repeats += 1;
            row.repeated_at = Some(join.now);
            return Ok(Joined::Repeat(first));
        }
        groups.insert(key, group);
        Ok(Joined::First(before))
    }

    async fn gather(
        &self,
        sink: &str,
        (carrier, attempt): (&FindingId, u32),
        digest: &Value,
        members: &[(FindingId, u32)],
    ) -> Result<bool, StoreError> {
        let mut rows = self.table.lock().unwrap();
        let of = |id: &FindingId| (id.clone(), sink.to_owned());
        let held = |id: &FindingId, attempt| {
            let row = &rows[&of(id)];
            row.state == DeliveryState::Sending && row.attempts == attempt
        };
        if !held(carrier, attempt) || !members.iter().all(|(id, attempt)| held(id, *attempt)) {
            return Ok(false);
        }
        rows.get_mut(&of(carrier)).unwrap().digest = Some(digest.clone());
        for (id, _) in members {
            let row = rows.get_mut(&of(id)).unwrap();
            row.state = DeliveryState::Suppressed;
            row.suppressed_by = Some(format!("digest {carrier}"));
        }
        Ok(true)
    }
}

#[async_trait]
impl Store for Rows {
    async fn accept(&self, _: Vec<Acceptance>) -> Vec<Result<Outcome, StoreError>> {
        unreachable!("delivery accepts nothing")
    }

    async fn finding(&self, id: &FindingId, _: Timestamp) -> Result<Option<Stored>, StoreError> {
        Ok(self.findings.lock().unwrap().get(id).cloned())
    }

    async fn audit(&self, _: &FindingId) -> Result<Vec<Audit>, StoreError> {
        unreachable!("delivery reads no history")
    }

    async fn list(
        &self,
        query: &Query,
        _: Option<&Cursor>,
        _: usize,
        _: Timestamp,
    ) -> Result<Page, StoreError> {
        let findings = self.findings.lock().unwrap();
        let lines = findings
            .values()
            .map(|s| Summary::of(&s.finding, &s.triage));
        let items = lines.filter(|line| query.matches(line)).collect();
        Ok(Page { items, next: None })
    }

    async fn deliveries(&self, id: &FindingId) -> Result<Vec<Delivery>, StoreError> {
        let rows = self.table.lock().unwrap();
        Ok(rows
            .values()
            .filter(|row| row.finding == *id)
            .cloned()
            .collect())
    }

    async fn due(
        &self,
        sink: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = self.table.lock().unwrap();
        let mut due: Vec<Delivery> = rows
            .values()
            .filter(|r| r.sink == sink && is_open(r, now))
            .cloned()
            .collect();
        due.sort_by_key(|row| row.due_at);
        due.truncate(limit);
        Ok(due)
    }

    async fn claim(
        &self,
        id: &FindingId,
        sink: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        // Others get a chance between looking and taking, as with a real store.
        tokio::task::yield_now().await;
        *self.claims.lock().unwrap() += 1;
        if *self.full.lock().unwrap() {
            return Err(StoreError::Unavailable("disk is full".into()));
        }
        let mut rows = self.table.lock().unwrap();
        let Some(row) = rows
            .get_mut(&(id.clone(), sink.to_owned()))
            .filter(|r| is_open(r, now))
        else {
            return Ok(None);
        };
        row.state = DeliveryState::Sending;
        row.attempts += 1;
        row.due_at = lease_until;
        row.unanswered.push(Span::around(now, lease_until));
        Ok(Some(row.clone()))
    }

    async fn settle(
        &self,
        id: &FindingId,
        sink: &str,
        attempt: u32,
        settlement: Settlement,
    ) -> Result<bool, StoreError> {
        let mut broken = self.broken_settles.lock().unwrap();
        if *broken > 0 {
            *broken -= 1;
            return Err(StoreError::Throttled("test".into()));
        }
        let mut rows = self.table.lock().unwrap();
        let row = rows.get_mut(&(id.clone(), sink.to_owned())).unwrap();
        if row.state != DeliveryState::Sending || row.attempts != attempt {
            return Ok(false);
        }
        match settlement {
            Settlement::Sent {
                receipt,
                wanted,
                at,
            } => {
                row.state = DeliveryState::Sent;
                row.receipt = receipt.or(row.receipt.take());
                (row.shown, row.sent_at) = (wanted, Some(at));
                row.unanswered = Unanswered::default();
            }
            Settlement::Suppressed { by } => {
                row.state = DeliveryState::Suppressed;
                row.suppressed_by = Some(by);
            }
            Settlement::Retry {
                at,
                error,
                unanswered,
            } => {
                row.unanswered = unanswered;
                row.state = DeliveryState::Pending;
                row.due_at = at;
                row.last_error = Some(error);
            }
            Settlement::Failed { error } => {
                row.state = DeliveryState::Failed;
                row.last_error = Some(error);
            }
        }
        Ok(true)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

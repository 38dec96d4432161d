//! A sink that takes nothing for a while becomes a finding, told by the others, once an episode.
//!
//! What a sink took last is kept in the store, at most once a minute, so that every process knows
//! it: a slow sink with a long queue is not stuck, and one finding that fails alone is not a sink
//! that fails.

use super::Deliverer;
use super::lane::Lane;
use dial_core::finding::{Account, EventRef, Principal, Resource, RuleRef, Source};
use dial_core::id::Identity;
use dial_core::store::document::Put;
use dial_core::store::{Acceptance, Delivery, MAX_PAGE, Outcome, StoreError};
use dial_core::wire::WorkerInfo;
use dial_core::{Finding, FindingId, Severity};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use std::sync::PoisonError;
use tracing::{debug, error, warn};

/// How long a sink may take nothing while findings wait for it.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// Waits after failures are no longer than this, so that a look this far ahead sees every row.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);
/// How often it is written down that a sink takes findings.
const PULSE: SignedDuration = SignedDuration::from_mins(1);
/// How long such a finding and what is known of the sink are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Kind of the document that says how a sink is.
const DOCUMENT: &str = "PULSE";
/// Whom the audit item of such a finding names as its sender.
const SENDER: &str = "master";

const RULE: &str = "8e6f1d52-4f0c-4a53-9a55-1d0a9f6b7c34";
const NAME: &str = "sink_stuck";
const TITLE: &str = "A sink does not take findings";
const RESOURCE: &str = "DIAL::Sink";
/// The fact that names the sink.
const SINK: &str = "sink";

/// How a sink is, as far as all processes know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pulse {
    /// When it last took something; up to [`PULSE`] later in truth.
    took_at: Option<Timestamp>,
    /// Since when it is stuck; taking something ends that.
    stuck: Option<Episode>,
}

/// A sink that was found stuck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Episode {
    /// Part of the finding's id, so that an episode is told once.
    noticed_at: Timestamp,
    /// The finding that waited longest then.
    waiting: FindingId,
}

impl Deliverer {
    /// Looks at every sink once; how many findings about them are new.
    pub(super) async fn tell_of_stuck_sinks(&self) -> usize {
        let mut new = 0;
        for sink in self.sinks.names() {
            match self.look_at(&sink).await {
                Ok(told) => new += usize::from(told),
                Err(error) => warn!(sink, %error, "waiting deliveries cannot be looked at"),
            }
        }
        new
    }

    /// Writes down that a sink took something, unless that was done a moment ago.
    pub(super) async fn took(&self, sink: &str) {
        let now = (self.clock)();
        {
            let mut pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
            let last = pulses.get(sink);
            if last.is_some_and(|last| now.duration_since(*last) < PULSE) {
                return;
            }
            pulses.insert(sink.to_owned(), now);
        }
        let took = async {
            let (text, _) = self.pulse(sink).await?;
            let pulse = Pulse {
                took_at: Some(now),
                stuck: None,
            };
            self.keep_pulse(sink, text, &pulse, now).await
        };
        if let Err(error) = took.await {
            debug!(sink, %error, "what a sink took last cannot be kept");
        }
    }

    async fn look_at(&self, sink: &str) -> Result<bool, StoreError> {
        let now = (self.clock)();
        let later = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
        let rows = self.store.due(sink, later, MAX_PAGE).await?;
        let Some(oldest) = self.waiting_in_vain(sink, &rows, now) else {
            return Ok(false);
        };
        let (text, mut pulse) = self.pulse(sink).await?;
        let alive = |at: Timestamp| now.duration_since(at) <= PATIENCE;
        if pulse.took_at.is_some_and(alive) {
            return Ok(false);
        }
        let episode = if let Some(episode) = pulse.stuck.clone() {
            episode
        } else {
            let episode = Episode {
                noticed_at: now,
                waiting: oldest.finding.clone(),
            };
            pulse.stuck = Some(episode.clone());
            // Kept first: whoever crashes before telling is told on by the next look.
            if !self.keep_pulse(sink, text, &pulse, now).await? {
                return Ok(false);
            }
            episode
        };
        self.tell_stuck(sink, &episode, oldest, now).await
    }

    /// The row that waits longest, where it does so for too long and the sink was tried.
    fn waiting_in_vain<'r>(
        &self,
        sink: &str,
        rows: &'r [Delivery],
        now: Timestamp,
    ) -> Option<&'r Delivery> {
        let fails = self.lanes.get(sink).is_some_and(Lane::fails);
        // Where nobody tried, nobody delivered: that says nothing against the sink.
        let tried = fails || rows.iter().any(|row| row.last_error.is_some());
        let oldest = rows.iter().min_by_key(|row| (row.since, &row.finding))?;
        (tried && now.duration_since(oldest.since) > PATIENCE).then_some(oldest)
    }

    /// The document as it is, and what it says.
    async fn pulse(&self, sink: &str) -> Result<(Option<String>, Pulse), StoreError> {
        let text = self.store.document(DOCUMENT, sink).await?;
        let pulse = text.as_deref().and_then(|t| serde_json::from_str(t).ok());
        Ok((text, pulse.unwrap_or_default()))
    }

    async fn keep_pulse(
        &self,
        sink: &str,
        before: Option<String>,
        pulse: &Pulse,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let unwritable = |error: serde_json::Error| StoreError::Corrupt(error.to_string());
        let put = Put {
            kind: DOCUMENT,
            id: sink.to_owned(),
            before,
            after: serde_json::to_string(pulse).map_err(unwritable)?,
            forgotten_at: now.saturating_add(KEPT).unwrap_or(Timestamp::MAX),
            now,
        };
        self.store.put_document(&put).await
    }

    /// Stores the finding of an episode, for every other sink, unless it is there.
    async fn tell_stuck(
        &self,
        sink: &str,
        episode: &Episode,
        oldest: &Delivery,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let waiting = match self.store.finding(&episode.waiting, now).await? {
            Some(waiting) => waiting,
            // Given up or expired meanwhile: the next one stands in for it.
            None => match self.store.finding(&oldest.finding, now).await? {
                Some(waiting) => waiting,
                None => return Ok(false),
            },
        };
        let finding = about(sink, episode, &waiting.finding, oldest);
        if self.store.finding(&finding.id, now).await?.is_some() {
            return Ok(false);
        }
        let others = self.sinks.names().into_iter();
        let acceptance = Acceptance {
            finding,
            sinks: others.filter(|name| name != sink).collect(),
            received_at: now,
            expires_at: now.saturating_add(KEPT).unwrap_or(Timestamp::MAX),
            sender: SENDER.to_owned(),
        };
        let outcomes = self.store.accept(vec![acceptance]).await;
        let outcome = outcomes.into_iter().next().transpose()?;
        if outcome == Some(Outcome::New) {
            crate::metrics::raised(NAME);
            error!(sink, "findings wait for a sink; the others are told");
        }
        Ok(outcome == Some(Outcome::New))
    }

    /// Whether no route may withhold a finding from a sink: that another one is stuck is told by
    /// all others where the tree would tell none of them.
    pub(super) fn is_alarm(&self, finding: &Finding, sink: &str) -> bool {
        let stuck = finding.facts.get(SINK).and_then(|name| name.as_str());
        let told = |name: &String| {
            Some(name.as_str()) != stuck && self.routing.tree.terms(finding, name).is_some()
        };
        finding.rule.id == RULE && Some(sink) != stuck && !self.sinks.names().iter().any(told)
    }
}

/// The finding of an episode, in the place of the finding that waited longest.
fn about(sink: &str, episode: &Episode, waiting: &Finding, oldest: &Delivery) -> Finding {
    let at = episode.noticed_at;
    let event = format!("{sink}/{at}");
    let key = format!("{RESOURCE}/{sink}");
    let id = Identity {
        rule: RULE,
        account: &waiting.account.id,
        region: &waiting.region,
        event: &event,
        resource: &key,
    };
    let said = oldest.last_error.as_ref();
    let said = said.map_or(String::new(), |said| format!(" It said last: {said}."));
    let explanation = format!(
        "Finding {} waits for sink {sink}, which took nothing for more than 10 minutes.{said} \
         Nothing is lost: what waits is delivered when the sink is back. `dial doctor` looks at it.",
        waiting.id
    );
    let mut facts = Map::new();
    facts.insert(SINK.into(), json!(sink));
    facts.insert("waiting".into(), json!(waiting.id));
    Finding {
        id: id.id(),
        rule: RuleRef {
            id: RULE.to_owned(),
            name: NAME.to_owned(),
            title: TITLE.to_owned(),
            version: "2026-11-21".to_owned(),
        },
        severity: Severity::High,
        severity_changes: Vec::new(),
        title: format!("{TITLE} ({sink})"),
        explanation,
        matched: Vec::new(),
        account: Account {
            id: waiting.account.id.clone(),
            name: waiting.account.name.clone(),
        },
        region: waiting.region.clone(),
        time: at,
        detected_at: at,
        event: EventRef {
            id: event,
            source: "dial".to_owned(),
            name: "SinkStuck".to_owned(),
            kind: "DIAL Sink Health".to_owned(),
            read_only: None,
            error_code: None,
        },
        principal: Principal::default(),
        source: Source::default(),
        resources: vec![Resource {
            kind: RESOURCE.to_owned(),
            arn: None,
            name: sink.to_owned(),
        }],
        facts,
        attack: Vec::new(),
        references: Vec::new(),
        incomplete: Vec::new(),
        record: None,
        record_ref: None,
        suppressed: None,
        worker: WorkerInfo {
            account: waiting.account.id.clone(),
            region: waiting.region.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            rules: String::new(),
        },
    }
}

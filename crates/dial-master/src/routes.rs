//! Says where a finding goes and why, without telling anybody.

use crate::config::Master;
use crate::deliver::decide::inhibitor;
use crate::routing::silence::muting;
use crate::routing::tree::{Look, Terms};
use crate::routing::{Routing, group};
use crate::sinks::Audience;
use dial_core::store::{Delivery, Store, StoreError};
use dial_core::{Finding, FindingId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The routing of a configuration, and who reads its sinks.
#[derive(Debug, Clone)]
pub struct Desk {
    routing: Routing,
    audiences: BTreeMap<String, Audience>,
}

/// Where a finding goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explained {
    /// The finding.
    pub finding: FindingId,
    /// Every route that was asked, in order.
    pub looks: Vec<Look>,
    /// What becomes of it at each sink, by name.
    pub sinks: Vec<Fate>,
    /// Whether silences and inhibitions were looked at; only a master can.
    pub complete: bool,
}

/// What becomes of a finding at one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fate {
    /// Name of the sink.
    pub sink: String,
    /// Whether it is told.
    pub told: bool,
    /// The route that tells it, or what mutes it.
    pub why: String,
    /// How it is grouped, where people read the sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    /// The values that make findings one alert, by label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<(String, String)>,
    /// What did become of it, where it was stored: `sent`, `suppressed: silence s-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
}

impl Desk {
    /// The desk of a configuration.
    pub fn new(config: &Master) -> Self {
        let sinks = config.sinks.iter();
        let audiences = sinks.map(|(name, settings)| (name.clone(), settings.audience()));
        Self {
            routing: config.routing(),
            audiences: audiences.collect(),
        }
    }

    /// The tree as text, one route a line.
    pub fn text(&self) -> String {
        self.routing.tree.text()
    }

    /// As far as the tree says.
    pub fn explain_tree(&self, finding: &Finding) -> Explained {
        let fates = self.audiences.iter();
        Explained {
            finding: finding.id.clone(),
            looks: self.routing.tree.looks(finding),
            sinks: fates
                .map(|(sink, who)| self.fate(sink, *who, finding))
                .collect(),
            complete: false,
        }
    }

    /// With silences and inhibitions as they are now, and what did become of it.
    pub async fn explain(
        &self,
        store: &dyn Store,
        finding: &Finding,
        now: Timestamp,
    ) -> Result<Explained, StoreError> {
        let mut explained = self.explain_tree(finding);
        let muted = self.muted(store, finding, now).await?;
        let rows = store.deliveries(&finding.id).await?;
        for fate in &mut explained.sinks {
            let people = self.audiences.get(&fate.sink) == Some(&Audience::People);
            if let (true, true, Some(by)) = (fate.told, people, &muted) {
                (fate.told, fate.why) = (false, by.clone());
            }
            let row = rows.iter().find(|row| row.sink == fate.sink);
            fate.delivery = row.map(became);
        }
        explained.complete = true;
        Ok(explained)
    }

    fn fate(&self, sink: &str, who: Audience, finding: &Finding) -> Fate {
        let telling = self.routing.tree.telling(finding, sink);
        let grouped = |terms: &&Terms| who == Audience::People && !terms.window.is_zero();
        let terms = telling.map(|(_, terms)| terms).filter(grouped);
        Fate {
            sink: sink.to_owned(),
            told: telling.is_some(),
            why: match telling {
                Some((route, _)) => format!("told by {route}"),
                None => "no route that takes the finding names this sink".to_owned(),
            },
            terms: terms.map(Terms::text),
            group: terms.map_or_else(Vec::new, |terms| group::values(&terms.group_by, finding)),
            delivery: None,
        }
    }

    /// What mutes a finding wherever people read.
    async fn muted(
        &self,
        store: &dyn Store,
        finding: &Finding,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let silences = store.silences(now).await?;
        if let Some(silence) = muting(&silences, finding, now) {
            let (id, owner, reason) = (&silence.id, &silence.owner, &silence.reason);
            let matchers = silence.matchers.join(" ");
            let text = format!("silence {id} ({matchers}; {owner}: {reason})");
            return Ok(Some(text));
        }
        for inhibition in self.routing.concerning(finding) {
            if let Some(source) = inhibitor(store, inhibition, finding, now).await? {
                return Ok(Some(format!("inhibited by {source}")));
            }
        }
        Ok(None)
    }
}

fn became(row: &Delivery) -> String {
    let state = serde_json::to_value(row.state).unwrap_or_default();
    let state = state.as_str().unwrap_or_default();
    match row.suppressed_by.as_ref().or(row.last_error.as_ref()) {
        Some(why) => format!("{state}: {why}"),
        None => state.to_owned(),
    }
}

//! Looks at the sinks now and then, so that readers of `/readyz` learn which one refuses us.

use crate::deliver::Deliverer;
use crate::metrics;
use crate::sinks::{Health, HealthState};
use futures::future::join_all;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often each sink is looked at; every look is one or two small calls.
const EVERY: Duration = Duration::from_mins(5);

/// What the last looks said.
#[derive(Debug, Default)]
pub struct Watch(Mutex<BTreeMap<String, Health>>);

/// One sink, as `/readyz` shows it to readers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SinkSeen")]
pub struct Seen {
    /// Its name in the configuration.
    pub name: String,
    /// How it is.
    #[serde(flatten)]
    pub health: Health,
}

impl Watch {
    /// What the last looks said, by name; empty before the first.
    pub fn seen(&self) -> Vec<Seen> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sinks = seen.iter().map(|(name, health)| Seen {
            name: name.clone(),
            health: health.clone(),
        });
        sinks.collect()
    }

    /// Looks at every sink at once.
    pub async fn look(&self, deliverer: &Deliverer) {
        let names = deliverer.sink_names();
        let looks = names.into_iter().map(|name| async move {
            let health = deliverer.probe(&name).await?;
            Some((name, health))
        });
        for (name, health) in join_all(looks).await.into_iter().flatten() {
            self.learn(name, health);
        }
    }

    /// Looks until `stop`.
    pub async fn run(&self, deliverer: Arc<Deliverer>, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = &mut stop => return,
                () = self.look(&deliverer) => {}
            }
        }
    }

    /// Says in the log when a sink begins or ends to refuse us.
    fn learn(&self, name: String, health: Health) {
        let refused = health.state == HealthState::Refused;
        metrics::sink_refused(&name, refused);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.get(&name).map(|health| health.state);
        match (before == Some(HealthState::Refused), refused) {
            (false, true) => {
                tracing::warn!(
                    sink = name,
                    reason = health.note,
                    "sink refuses us; see dial doctor"
                );
            }
            (true, false) => tracing::info!(sink = name, "sink no longer refuses us"),
            _ => {}
        }
        seen.insert(name, health);
    }
}

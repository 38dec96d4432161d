//! Looks at a sink without sending anything to people.

use super::Deliverer;
use super::transport::{Transport, TransportError};
use crate::sinks::{Configured, Health, HealthState, Probe};
use dial_core::ports::SignError;

/// Calls of one look; the longest has two.
const MAX_CALLS: usize = 3;

impl Deliverer {
    /// How a sink is; `None` where there is none of that name.
    pub async fn probe(&self, sink: &str) -> Option<Health> {
        let configured = self.sinks.get(sink)?;
        Some(probe(configured, self.transport.as_ref()).await)
    }

    /// Names of the sinks.
    pub fn sink_names(&self) -> Vec<String> {
        self.sinks.names()
    }
}

/// How a sink is.
pub async fn probe(configured: &Configured, transport: &dyn Transport) -> Health {
    let mut probe = configured.sink.probe();
    for _ in 0..MAX_CALLS {
        let call = match probe {
            Probe::Ask(call) => call,
            Probe::Known(health) => return health,
        };
        probe = match transport.perform(*call, configured.terms.timeout).await {
            Ok(reply) => configured.sink.probed(&reply),
            Err(error) => unreachable(&error),
        };
    }
    match probe {
        Probe::Known(health) => health,
        Probe::Ask(_) => Health {
            state: HealthState::Unclear,
            note: format!("sink wanted more than {MAX_CALLS} calls"),
        },
    }
}

fn unreachable(error: &TransportError) -> Probe {
    match error {
        TransportError::Refused(_) | TransportError::Unsigned(SignError::Denied(_)) => {
            Probe::refused(error.to_string())
        }
        _ => Probe::unclear(error.to_string()),
    }
}

//! What can be learned of a sink without sending anything to people: address and credentials.

use super::{Call, Reply};
use schemars::JsonSchema;
use serde::Serialize;

/// What a sink wants next when it is looked at.
#[derive(Debug, Clone)]
pub enum Probe {
    /// Ask this, which changes nothing, and hand the reply to [`super::Sink::probed`].
    Ask(Box<Call>),
    /// That is how it is.
    Known(Health),
}

/// How a sink is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SinkHealth")]
pub struct Health {
    /// In a word.
    pub state: HealthState,
    /// What the other side said, or why nothing is known.
    pub note: String,
}

/// How a sink is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SinkHealthState")]
pub enum HealthState {
    /// It answers and takes the credentials.
    Good,
    /// Nothing harmless could be asked.
    NotProbed,
    /// It does not answer as it should, and may again by itself.
    Unclear,
    /// Nothing will arrive before a person changes address, credentials or rights.
    Refused,
}

impl Probe {
    /// Asks this.
    pub fn ask(call: Call) -> Self {
        Self::Ask(Box::new(call))
    }

    /// It answers and takes the credentials.
    pub fn good(note: impl Into<String>) -> Self {
        Self::known(HealthState::Good, note)
    }

    /// Nothing harmless could be asked.
    pub fn blind(why: &str) -> Self {
        Self::known(HealthState::NotProbed, why)
    }

    /// It may be good again by itself.
    pub fn unclear(note: impl Into<String>) -> Self {
        Self::known(HealthState::Unclear, note)
    }

    /// A person has to change something.
    pub fn refused(note: impl Into<String>) -> Self {
        Self::known(HealthState::Refused, note)
    }

    fn known(state: HealthState, note: impl Into<String>) -> Self {
        let note = note.into();
        Self::Known(Health { state, note })
    }

    /// What a status means to whoever asked something harmless.
    pub fn of_status(reply: &Reply) -> Self {
        match reply.status {
            200..=299 => Self::good("answers"),
            401 | 403 => Self::refused(format!("credentials are refused: {}", reply.reason())),
            408 | 425 | 429 | 500..=599 => Self::unclear(reply.reason()),
            _ => Self::refused(reply.reason()),
        }
    }
}

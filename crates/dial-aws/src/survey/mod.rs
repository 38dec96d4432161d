//! What stands in an account, as `dial doctor` and `dial canary` ask for it; nothing here changes
//! anything.

mod ask;
mod bucket;
mod canary;
mod events;
mod function;
mod keys;
mod rights;
mod secret;
mod table;
mod trail;

pub use bucket::BucketState;
pub use events::{EventRule, Target};
pub use function::{FunctionState, Source};
pub use rights::Wanted;
pub use secret::SecretState;
pub use table::{Right, TableState};
pub use trail::Trail;

use crate::clients::Clients;
use crate::fault::{Fault, Remedy};
use jiff::SignedDuration;

/// Why something could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SurveyError {
    /// What was said, with the permission or the setting that is missing.
    pub reason: String,
    /// The error's code; empty where no answer came.
    pub code: String,
    /// Whether a permission of whoever asks is missing.
    pub denied: bool,
    /// Whether trying again may help.
    pub transient: bool,
}

impl SurveyError {
    fn of(fault: &Fault, action: &str, resource: &str) -> Self {
        Self {
            reason: fault.explain(action, resource),
            code: fault.code.clone(),
            denied: fault.is_denied(),
            transient: fault.remedy != Remedy::Repair,
        }
    }

    fn odd(action: &str, said: impl std::fmt::Display) -> Self {
        Self {
            reason: format!("{action}: {said}"),
            code: String::new(),
            denied: false,
            transient: false,
        }
    }
}

/// Asks AWS with the process's own credentials.
#[derive(Debug)]
pub struct Survey {
    clients: Clients,
    ask: ask::Ask,
}

impl Survey {
    /// Asks nothing yet.
    pub fn new(clients: Clients) -> Result<Self, SurveyError> {
        let ask = ask::Ask::new(clients.clone())?;
        Ok(Self { clients, ask })
    }

    /// The region that is asked; `None` where none is set.
    pub async fn region(&self) -> Option<String> {
        let region = self.clients.config().await.region();
        region.map(ToString::to_string)
    }

    /// ARN of whoever asks.
    pub async fn caller(&self) -> Result<String, SurveyError> {
        let action = "sts:GetCallerIdentity";
        let region = self.region().await.unwrap_or_else(|| "us-east-1".into());
        let request = self.clients.sts(&region).await.get_caller_identity();
        let answer = request.send().await;
        let answer = answer.map_err(|e| SurveyError::of(&Fault::of(&e), action, "*"))?;
        let arn = answer.arn().map(str::to_owned);
        arn.ok_or_else(|| SurveyError::odd(action, "no ARN in the answer"))
    }

    /// How far this machine's clock is behind that of AWS, as its answers told.
    pub fn skew(&self) -> Option<SignedDuration> {
        self.ask.skew()
    }
}

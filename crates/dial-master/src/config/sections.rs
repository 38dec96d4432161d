//! The tables below `[master]` that have no module of their own, with what holds where they are silent.

use super::Signer;
use crate::api::Caller;
use dial_core::secret::SecretRef;
use dial_core::store::token::Scope;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeSet;

/// `[[master.tokens]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// Who holds it; for the history.
    pub name: String,
    /// Where it lies.
    pub secret: SecretRef,
    /// What its holder may do.
    #[serde(default)]
    pub scope: Scope,
    /// When it ends.
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

/// Whether readers need a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// They need one.
    #[default]
    Tokens,
    /// They need none; loopback only.
    None,
}

/// `[master.archive]`: findings go to the bucket before they are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveSettings {
    /// How long before.
    pub days_ahead: u32,
}

/// `[master.rate]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateSettings {
    /// Findings a second of one worker.
    pub per_second: u32,
    /// Findings above that at once.
    pub burst: u32,
}

/// `[master.token_rate]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenRateSettings {
    /// Requests a second of one token.
    pub per_second: u32,
    /// Requests above that at once.
    pub burst: u32,
}

/// `[master.workers]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerSettings {
    /// After as many minutes without a heartbeat a worker becomes a finding.
    pub silent_after_minutes: u32,
    /// Workers (`account/region`) that are missed even if they were never heard.
    pub expected: BTreeSet<Signer>,
}

impl TokenSettings {
    /// Who shows this token.
    pub fn caller(&self) -> Caller {
        Caller {
            name: self.name.clone(),
            scope: self.scope,
        }
    }
}

impl Default for ArchiveSettings {
    fn default() -> Self {
        Self { days_ahead: 7 }
    }
}

impl Default for RateSettings {
    fn default() -> Self {
        Self {
            per_second: 100,
            burst: 2_000,
        }
    }
}

impl Default for TokenRateSettings {
    fn default() -> Self {
        Self {
            per_second: 50,
            burst: 500,
        }
    }
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            silent_after_minutes: 30,
            expected: BTreeSet::new(),
        }
    }
}

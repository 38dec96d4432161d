//! What is known of a rule apart from how it judges: what the one who judges tells the one who shows.

use crate::Severity;
use serde::{Deserialize, Serialize};

/// A rule, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleCard {
    /// Path-like name, such as `s3_bucket_policy_public`.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Severity before configuration and context.
    pub level: Severity,
    /// Which pack it is of: `core`, `audit` or `yours`.
    pub pack: String,
    /// ATT&CK techniques, each with its tactics.
    pub attack: Vec<Technique>,
    /// How many events it is tested with.
    pub tests: usize,
}

/// A technique of ATT&CK and the tactics that it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Technique {
    /// Such as `T1530`.
    pub id: String,
    /// Such as `credential-access`.
    pub tactics: Vec<String>,
}

//! What judging an event gave.

use crate::engine::RuleInfo;
use crate::explain::clip;
use dial_core::Finding;

/// Longest reason of a failure, bytes.
const MAX_REASON: usize = 1024;

/// What one event gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Findings, in order of the rules.
    pub findings: Vec<Finding>,
    /// Findings that a suppression fits, each saying which: to be kept, not told.
    pub suppressed: Vec<Finding>,
    /// Findings not made, since they were about what DIAL's own roles do with DIAL's own parts.
    pub own_use: u64,
    /// What broke; the event belongs into a dead letter, whatever findings there are.
    pub failures: Vec<Failure>,
}

/// A part that panicked over an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The rule that broke; `None` for the facts and for what comes before the rules.
    pub rule: Option<String>,
    /// The panic's message.
    pub reason: String,
}

impl Failure {
    pub(super) fn new(rule: Option<&RuleInfo>, reason: &str) -> Self {
        Self {
            rule: rule.map(|rule| rule.name.clone()),
            reason: clip(reason, MAX_REASON),
        }
    }
}

impl Judged {
    /// All findings that are to be kept: those that are told, then the suppressed.
    pub fn kept(self) -> impl Iterator<Item = Finding> {
        self.findings.into_iter().chain(self.suppressed)
    }

    /// The result, or nothing and a failure.
    pub(super) fn or_default<T: Default>(
        &mut self,
        rule: Option<&RuleInfo>,
        result: Result<T, String>,
    ) -> T {
        result.unwrap_or_else(|reason| {
            let failure = Failure::new(rule, &reason);
            if !self.failures.contains(&failure) {
                self.failures.push(failure);
            }
            T::default()
        })
    }
}

//! The pack as it is shipped, with nothing configured, over one event after the other.

use dial_core::Finding;
use dial_core::wire::WorkerInfo;
use dial_detect::envelope::{EnvelopeError, Input, read};
use dial_detect::patterns::{Options, PatternSet, derive};
use dial_detect::{Pipeline, Settings};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Judges single events.
pub struct Judge {
    pipeline: Pipeline,
}

/// What one event gave.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What was found.
    pub findings: Vec<Finding>,
    /// Parts that broke, and findings that a master would refuse.
    pub errors: Vec<String>,
    /// Why it is no event.
    pub unreadable: Option<EnvelopeError>,
}

impl Judge {
    /// Loads the pack.
    ///
    /// # Panics
    /// When the pack that is built in does not load.
    pub fn shipped() -> Self {
        let worker = WorkerInfo {
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            version: "0".into(),
            rules: String::new(),
        };
        let pipeline = Pipeline::new(&Settings::default(), worker);
        Self {
            pipeline: pipeline.expect("the built-in pack loads"),
        }
    }

    /// Names of all rules.
    pub fn rules(&self) -> BTreeSet<&str> {
        let rules = self.pipeline.rules().iter();
        rules.map(|rule| rule.name.as_str()).collect()
    }

    /// The patterns that deliver the pack's events.
    pub(super) fn patterns(&self) -> PatternSet {
        derive(&self.pipeline, Options::default()).expect("the pack has patterns")
    }

    /// Judges one record or envelope.
    pub fn judge(&self, json: &str) -> Verdict {
        let mut verdict = Verdict::default();
        let items = match read(json.as_bytes()) {
            Ok(Input::Events(items)) => items,
            Ok(_) => return verdict,
            Err(error) => {
                verdict.unreadable = Some(error);
                return verdict;
            }
        };
        for item in items {
            match item {
                Ok(event) => {
                    let judged = self.pipeline.run(&event, Timestamp::UNIX_EPOCH);
                    let failures = judged.failures.into_iter();
                    verdict
                        .errors
                        .extend(failures.map(|f| format!("{}: {}", event.id, f.reason)));
                    verdict.findings.extend(judged.findings);
                }
                Err(malformed) => verdict.unreadable = Some(malformed.error),
            }
        }
        let refused = verdict.findings.iter().filter_map(|f| f.validate().err());
        verdict.errors.extend(refused.map(|e| e.to_string()));
        verdict
    }
}

//! Whether the patterns that are deployed deliver what the loaded rules want.

use super::condition::Conditions;
use super::wanted::Wanted;
use super::{PatternSet, Scope, State, fingerprint, hash, place, rules_wanting};
use crate::Pipeline;
use crate::envelope::{self, EnvelopeError, OWN};
use crate::event::Event;
use dial_core::wire::WorkerInfo;
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;

/// What the deployed patterns lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Hash of the deployed patterns, as they are.
    pub deployed: String,
    /// Hash of the loaded rules and settings.
    pub loaded: String,
    /// Names of the rules of which some events are not delivered, sorted.
    pub rules: Vec<String>,
}

/// Most names of rules that the finding spells out.
const MAX_NAMED: usize = 20;

impl Drift {
    /// The event that says so, as the worker of this pipeline reports it.
    ///
    /// Its id depends on what is deployed and loaded only, so that every start of every instance
    /// gives the same finding.
    pub(crate) fn event(
        &self,
        worker: &WorkerInfo,
        now: Timestamp,
    ) -> Result<Event, EnvelopeError> {
        let mut shown = self.rules.clone();
        shown.truncate(MAX_NAMED);
        let more = match self.rules.len().saturating_sub(shown.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let description = format!(
            "Deployed patterns {} do not let through all events of {}{more}",
            self.deployed,
            shown.join(", ")
        );
        let notice = json!({
            "id": format!("pattern-drift/{}/{}", self.deployed, self.loaded),
            "source": OWN,
            "detail-type": "DIAL Event Pattern Drift",
            "account": worker.account,
            "region": worker.region,
            "time": now,
            "detail": {
                "description": description,
                "deployed": self.deployed,
                "loaded": self.loaded,
                "rules": self.rules,
            },
        });
        envelope::own(&notice.to_string())
    }
}

/// What a set of patterns lets through.
struct Deployed {
    patterns: Vec<(Conditions, State, Scope)>,
}

/// Compares what is deployed with what the rules want; `None` where every rule gets its events,
/// or is known not to.
///
/// Rules and settings that the patterns were made for are not looked at again.
pub fn drift(pipeline: &Pipeline, deployed: &PatternSet) -> Option<Drift> {
    let loaded = fingerprint(pipeline);
    let is_untouched = hash(&deployed.patterns) == deployed.hash;
    if is_untouched && deployed.rules_hash == loaded {
        return None;
    }
    let accepted: BTreeSet<&str> = deployed
        .undelivered
        .iter()
        .map(|it| it.rule.as_str())
        .collect();
    let passing = Deployed::of(deployed);
    let wanting = rules_wanting(pipeline, deployed.decoys_hidden).into_iter();
    let missing: BTreeSet<String> = wanting
        .filter(|(rule, _, wanted)| {
            let accepted = accepted.contains(rule.name.as_str());
            let mut wanted = wanted.iter();
            !wanted.all(|wanted| {
                (accepted && *wanted == Wanted::Everything) || passing.lets_through(wanted)
            })
        })
        .map(|(rule, ..)| rule.name.clone())
        .collect();
    (!missing.is_empty()).then(|| Drift {
        deployed: hash(&deployed.patterns),
        loaded,
        rules: missing.into_iter().collect(),
    })
}

impl Deployed {
    /// A pattern with a condition of another kind is narrower than it looks: it does not count.
    fn of(set: &PatternSet) -> Self {
        let patterns = set.patterns.iter().filter_map(|pattern| {
            let conditions = Conditions::of_json(&pattern.pattern).ok()?;
            Some((conditions, pattern.state, pattern.scope))
        });
        Self {
            patterns: patterns.collect(),
        }
    }

    fn lets_through(&self, wanted: &Wanted) -> bool {
        let conditions = wanted.conditions();
        let (reads, us_east_1) = match wanted {
            Wanted::Call { read, source, .. } => {
                let source = source.as_deref();
                (*read, source.is_some_and(place::is_us_east_1))
            }
            Wanted::Caller { .. } | Wanted::Decoy { .. } | Wanted::Everything => (true, false),
            Wanted::Native { .. } => (false, false),
        };
        self.patterns.iter().any(|(pattern, state, scope)| {
            (!reads || *state == State::AllManagementEvents)
                && (us_east_1 || *scope == Scope::Regional)
                && pattern.includes(&conditions)
        })
    }
}

//! What the tests of rules reach: which selections and facts they met and missed.

use super::rule::{Expect, RuleInfo};
use super::{Engine, RuleError, Step};
use crate::pipeline::trace_fixture;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// How well the tests of one rule cover it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleCoverage {
    /// Name of the rule.
    pub rule: String,
    /// Tests that expect a match.
    pub matches: usize,
    /// Tests that expect none.
    pub near_misses: usize,
    /// Tests with a call that AWS refused.
    pub denied: usize,
    /// What tests met, by selection and by fact.
    pub parts: BTreeMap<String, Reached>,
    /// What is missing, in words.
    pub gaps: Vec<String>,
}

/// Tests that met one part of a rule, and those that did not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Events that met it.
    pub met: Vec<String>,
    /// Events that did not.
    pub missed: Vec<String>,
}

/// Says what the tests of all rules in a folder reach; tests whose event cannot be read are left to
/// [`super::test`].
pub fn coverage(rules: &Path, fixtures: &Path) -> Result<Vec<RuleCoverage>, Vec<RuleError>> {
    let engine = Engine::of(&super::source::folder(rules)?, &[], Vec::new())?;
    let rules = engine.rules().iter().enumerate();
    Ok(rules
        .map(|(index, rule)| of_rule(&engine, index, rule, fixtures))
        .collect())
}

fn of_rule(engine: &Engine, index: usize, rule: &RuleInfo, fixtures: &Path) -> RuleCoverage {
    let expecting = |expect| {
        rule.tests
            .iter()
            .filter(|test| test.expect == expect)
            .count()
    };
    let mut coverage = RuleCoverage {
        rule: rule.name.clone(),
        matches: expecting(Expect::Match),
        near_misses: expecting(Expect::NoMatch),
        denied: 0,
        parts: BTreeMap::new(),
        gaps: Vec::new(),
    };
    for test in &rule.tests {
        if let Ok((failed, steps)) = trace_fixture(engine, index, test, fixtures) {
            coverage.denied += usize::from(failed);
            for step in &steps {
                coverage.note(step, true, &test.event);
            }
        }
    }
    coverage.find_gaps(rule);
    coverage
}

impl RuleCoverage {
    /// Notes selections, which stand right below conditions, and facts wherever they stand.
    fn note(&mut self, step: &Step, is_condition: bool, event: &str) {
        let combines = is_condition && step.wanted.is_none() && is_combination(&step.part);
        let is_fact = step.wanted.is_some() && step.part.starts_with("fact.");
        if (is_condition && !combines) || is_fact {
            let reached = self.parts.entry(step.part.clone()).or_default();
            let events = if step.matched {
                &mut reached.met
            } else {
                &mut reached.missed
            };
            events.push(event.to_owned());
        }
        for part in &step.parts {
            self.note(part, combines, event);
        }
    }

    fn find_gaps(&mut self, rule: &RuleInfo) {
        let mut gaps = Vec::new();
        if self.matches == 0 {
            gaps.push("no test expects a match".to_owned());
        }
        if self.near_misses == 0 {
            gaps.push("no near miss".to_owned());
        }
        if rule.dial.attempts == Some(true) && self.denied == 0 {
            gaps.push("takes denied calls, and no test has one".to_owned());
        }
        for (part, reached) in &self.parts {
            if reached.met.is_empty() {
                gaps.push(format!("no test meets `{part}`"));
            }
        }
        self.gaps = gaps;
    }
}

/// Steps that only combine others.
fn is_combination(part: &str) -> bool {
    part == "not" || part.ends_with(" of")
}

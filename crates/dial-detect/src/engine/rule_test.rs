//! Runs the `tests:` of rules against fixture events.

use super::rule::{Expect, RuleInfo, RuleTest};
use super::{Engine, RuleError};
use serde::Serialize;
use std::path::Path;

/// What one line of a rule's `tests:` gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestOutcome {
    /// Name of the rule.
    pub rule: String,
    /// Its file.
    pub file: String,
    /// The fixture, as the test names it.
    pub event: String,
    /// What the test wants.
    pub expect: Expect,
    /// Why it failed; `None` where it passed.
    pub failure: Option<String>,
}

/// Runs the tests of all rules in a folder; `fixtures` is what their events lie below.
pub fn test(rules: &Path, fixtures: &Path) -> Result<Vec<TestOutcome>, Vec<RuleError>> {
    let engine = Engine::of(&super::source::folder(rules)?, &[], Vec::new())?;
    let mut outcomes = Vec::new();
    for (index, rule) in engine.rules().iter().enumerate() {
        let tests = rule.tests.iter();
        outcomes.extend(tests.map(|test| run(&engine, index, rule, test, fixtures)));
    }
    Ok(outcomes)
}

fn run(
    engine: &Engine,
    index: usize,
    rule: &RuleInfo,
    test: &RuleTest,
    fixtures: &Path,
) -> TestOutcome {
    let failure = match crate::pipeline::judge_fixture(engine, index, test, fixtures) {
        Ok(matched) if matched == (test.expect == Expect::Match) => None,
        Ok(true) => Some("the rule matched".to_owned()),
        Ok(false) => Some("the rule did not match".to_owned()),
        Err(message) => Some(message),
    };
    TestOutcome {
        rule: rule.name.clone(),
        file: rule.file.clone(),
        event: test.event.clone(),
        expect: test.expect,
        failure,
    }
}

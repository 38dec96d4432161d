//! Explains one rule's verdict on one event, with the facts and derived fields that it saw.

use super::{Judged, Pipeline};
use crate::engine::{RuleInfo, Step, View};
use crate::event::Event;
use serde::Serialize;
use serde_json::Value;

/// What one rule makes of one event, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Name of the rule.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// What came out.
    pub verdict: Verdict,
    /// Why, where the condition alone does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The condition, taken apart; it holds if one of these is matched.
    pub condition: Vec<Step>,
    /// What the facts say of the event, a sentence each.
    pub facts: Vec<String>,
    /// Fields that rules read beside the record.
    pub derived: Value,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The rule makes a finding.
    Match,
    /// The event does not meet the condition.
    NoMatch,
    /// The event meets the condition, but is kept away from the rule.
    Kept,
}

impl Pipeline {
    /// Explains what a rule makes of an event.
    pub fn explain(&self, rule: &RuleInfo, event: &Event) -> Option<Explanation> {
        let mut rules = self.engine.rules().iter();
        let index = rules.position(|known| known.id == rule.id)?;
        let known = self.known(event, None, &mut Judged::default());
        let view = View::new(event, &known.derived);
        let condition = self.engine.explain(index, &view);
        let holds = condition.iter().any(|step| step.matched);
        let because = self.kept_because(index, rule, &view);
        let verdict = match (holds, because.is_some()) {
            (false, _) => Verdict::NoMatch,
            (true, true) => Verdict::Kept,
            (true, false) => Verdict::Match,
        };
        Some(Explanation {
            rule: rule.name.clone(),
            title: rule.title.clone(),
            verdict,
            because,
            condition,
            facts: known.facts.sentences,
            derived: known.derived,
        })
    }

    fn kept_because(&self, index: usize, rule: &RuleInfo, view: &View<'_>) -> Option<String> {
        if !self.engine.sees(index, view) {
            return Some("the rule's `logsource` is another than the event's".to_owned());
        }
        let refused = view.failed() && !rule.takes_attempts();
        refused.then(|| "the call failed, and `dial.attempts` is false".to_owned())
    }
}

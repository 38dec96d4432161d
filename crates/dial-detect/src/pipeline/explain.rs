//! Explains one rule's verdict on one event, with the facts and derived fields that it saw.

use super::{Judged, Pipeline};
use crate::engine::{RuleInfo, Step, View};
use crate::event::Event;
use crate::touched::Touched;
use dial_core::Finding;
use jiff::Timestamp;
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
    /// The rule makes a finding of which nobody is told.
    Suppressed,
    /// The event does not meet the condition.
    NoMatch,
    /// The event meets the condition, but is kept away from the rule.
    Kept,
}

impl Pipeline {
    /// Explains what a rule makes of an event, with the suppressions that hold at `now`.
    pub fn explain(&self, rule: &RuleInfo, event: &Event, now: Timestamp) -> Option<Explanation> {
        let mut rules = self.engine.rules().iter();
        let index = rules.position(|known| known.id == rule.id)?;
        let touched = Touched::by(event);
        let known = self.everything(&touched, &mut Judged::default());
        let view = View::new(event, &known.derived);
        let mut condition = self.engine.explain(index, &view);
        for step in &mut condition {
            respell(step, &rule.event_names);
        }
        let holds = condition.iter().any(|step| step.matched);
        let kept = self.kept_because(index, rule, &view);
        let silent = || self.silent_because(rule, event, now);
        let (verdict, because) = match (holds, kept) {
            (false, kept) => (Verdict::NoMatch, kept),
            (true, Some(kept)) => (Verdict::Kept, Some(kept)),
            (true, None) => match silent() {
                Some(silent) => (Verdict::Suppressed, Some(silent)),
                None => (Verdict::Match, None),
            },
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

    /// Why nobody is told, where all findings of the rule are silent.
    fn silent_because(&self, rule: &RuleInfo, event: &Event, now: Timestamp) -> Option<String> {
        let judged = self.run(event, now);
        let is_of_rule = |finding: &&Finding| finding.rule.id == rule.id;
        if judged.findings.iter().any(|finding| is_of_rule(&finding)) {
            return None;
        }
        let mut suppressed = judged.suppressed.iter().filter(is_of_rule);
        let by = suppressed.find_map(|finding| finding.suppressed.as_ref());
        let own_use = "nobody is told: DIAL's own roles use DIAL's own parts so";
        by.map(|by| {
            let (id, owner, reason) = (&by.id, &by.owner, &by.reason);
            format!("nobody is told: suppression `{id}` of {owner} fits ({reason})")
        })
        .or_else(|| (judged.own_use > 0).then(|| own_use.to_owned()))
    }
}

/// Shows event names as the rule writes them; the library folds their case.
fn respell(step: &mut Step, spelled: &[String]) {
    if let Some(wanted) = step.wanted.as_mut().filter(|_| step.part == "eventName") {
        let is_letter = |c: char| c.is_alphanumeric();
        let words = wanted.split_inclusive(|c| !is_letter(c)).map(|piece| {
            let word = piece.trim_end_matches(|c| !is_letter(c));
            let mut named = spelled.iter().filter(|one| one.eq_ignore_ascii_case(word));
            let behind = piece.get(word.len()..).unwrap_or_default();
            format!("{}{behind}", named.next().map_or(word, String::as_str))
        });
        *wanted = words.collect();
    }
    for part in &mut step.parts {
        respell(part, spelled);
    }
}

//! Rules that fire on ordinary traffic: nobody reads their findings for long.

use super::{Lint, LintLevel};
use crate::engine::RuleInfo;
use crate::envelope::{self, Input};
use crate::event::Event;
use crate::{Pipeline, Settings};
use dial_core::Severity;
use dial_core::wire::WorkerInfo;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;

/// A week of an account in small, written for this: reads, deployments, machines, people at work.
static SAMPLE: &str = include_str!("../../../data/ordinary.jsonl");
/// Rules below this level may record what is ordinary, up to a share of one in this many.
const LOUD: Severity = Severity::Medium;
const QUIET_SHARE: usize = 10;

/// Counts how often rules of a folder fire on events that are no incident.
pub struct Ordinary {
    pipeline: Pipeline,
    events: usize,
    /// Findings by rule id, with one event of them.
    fired: BTreeMap<String, (usize, String)>,
}

impl Ordinary {
    /// `None` where the rules do not load; [`super::lint`] says why.
    pub fn new(rules: &Path) -> Option<Self> {
        let settings = Settings {
            rules: Some(rules.to_owned()),
            ..Settings::default()
        };
        let worker = WorkerInfo {
            account: "lint".into(),
            region: "lint".into(),
            version: String::new(),
            rules: String::new(),
        };
        Some(Self {
            pipeline: Pipeline::new(&settings, worker).ok()?,
            events: 0,
            fired: BTreeMap::new(),
        })
    }

    /// Judges one event of ordinary traffic.
    pub fn judge(&mut self, event: &Event) {
        self.events += 1;
        for finding in self.pipeline.run(event, Timestamp::UNIX_EPOCH).findings {
            let head = event.head();
            let name = head.event_name.or(head.detail_type).unwrap_or_default();
            let fired = self.fired.entry(finding.rule.id);
            let (count, _) = fired.or_insert_with(|| (0, name.into_owned()));
            *count += 1;
        }
    }

    /// Remarks on the rules that fired too often; `whose` events they were.
    pub fn lints(&self, whose: &str) -> Vec<Lint> {
        let own = self.pipeline.rules().iter().filter(|rule| !rule.built_in);
        own.filter_map(|rule| self.lint(rule, whose)).collect()
    }

    fn lint(&self, rule: &RuleInfo, whose: &str) -> Option<Lint> {
        let (count, event) = self.fired.get(&rule.id)?;
        let is_quiet = rule.level < LOUD && count * QUIET_SHARE <= self.events;
        (!is_quiet).then(|| Lint {
            file: rule.file.clone(),
            line: Some(1),
            level: LintLevel::Warning,
            message: format!(
                "{}: fires on {count} of {} {whose} events, such as {event}; sharpen it, or lower its level",
                rule.name, self.events
            ),
        })
    }
}

/// Judges the sample that is part of the program.
pub(super) fn check(rules: &Path) -> Vec<Lint> {
    let Some(mut ordinary) = Ordinary::new(rules) else {
        return Vec::new();
    };
    sample().for_each(|event| ordinary.judge(&event));
    ordinary.lints("ordinary")
}

fn sample() -> impl Iterator<Item = Event> {
    SAMPLE.lines().flat_map(|line| {
        let read = envelope::read(line.as_bytes());
        let events = read.ok().and_then(|input| match input {
            Input::Events(items) => Some(items),
            Input::Queue(_) | Input::Objects(_) => None,
        });
        events.into_iter().flatten().flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::lint::names;

    #[test]
    fn the_sample_is_events_that_aws_has() {
        assert_eq!(sample().count(), SAMPLE.lines().count());
        for event in sample() {
            let head = event.head();
            let (source, name) = (head.event_source.unwrap(), head.event_name.unwrap());
            let service = names::names().service(&source).expect(&source);
            let bare = crate::normalise::without_date(&name);
            assert_eq!(service.spelling(bare), Some(bare), "{source} {name}");
            assert_eq!(event.account, "111122223333");
        }
    }
}

//! Judges events by Sigma rules; the only module that knows the library behind it.
//!
//! The pack was compiled by the build; an own folder is read beside it. An index finds the rules
//! that an event can match, and only those are built and asked.

mod agents;
mod assemble;
mod cost;
mod coverage;
mod entry;
mod explain;
mod gate;
mod index;
mod known;
mod lint;
mod load;
mod matcher;
mod needle;
mod needs;
mod nesting;
mod outline;
mod pack;
mod peek;
mod place;
#[cfg(test)]
mod reference;
mod remembered;
mod rule;
mod rule_error;
mod rule_test;
mod scaffold;
mod section;
mod sieve;
mod skip;
mod sound;
mod source;
#[cfg(test)]
mod tests;
mod trigger;
mod truth;
mod view;
mod words;

pub use coverage::{Reached, RuleCoverage, coverage};
pub use explain::Step;
pub use lint::{
    ATTACK_VERSION, Lint, LintLevel, Ordinary, lint, lint_text, tactics, technique_name,
};
pub use rule::{Delivery, DialKeys, Expect, Pack, RuleInfo, RuleTest};
pub use rule_error::RuleError;
pub use rule_test::{TestOutcome, test};
pub use scaffold::{Draft, DraftError, FILL_IN, Scaffold, scaffold};

pub(crate) use assemble::RuleSources;
pub(crate) use needs::Needs;
#[cfg(test)]
pub(crate) use reference::Reference;
pub(crate) use trigger::{Field, Need, Sees, Text, Trigger};
pub(crate) use view::View;

use crate::event::{Event, Head, Kind};
use crate::normalise::without_date;
use agents::Agents;
use entry::{Body, Entry};
use index::{Index, sorted};
use known::Known;
use matcher::Matcher;
use peek::Peek;
use place::{Place, root_of};
use rsigma_eval::CompiledRule;
use rsigma_parser::FilterRule;
use serde_json::Value;
use sieve::{Left, Sieve};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// A set of rules, ready to judge.
pub(crate) struct Engine {
    rules: Vec<Entry>,
    index: Index,
    sieve: Sieve,
    agents: Agents,
    filters: Vec<FilterRule>,
    /// Derived fields that filters read: any rule may have to.
    filter_reads: BTreeSet<String>,
    /// Derived names that nothing will ever fill, such as `reputation` without a list.
    absent: Vec<&'static str>,
    infos: OnceLock<Vec<RuleInfo>>,
    /// Why documents of the operator's files do not run.
    left_out: Vec<RuleError>,
    hash: String,
}

/// One rule that an event matched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hit {
    /// Index into [`Engine::rules`].
    pub(crate) rule: usize,
    /// Field of each selection that matched, with the value that the rule saw.
    pub(crate) fields: Vec<HitField>,
}

/// One field of a selection that matched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HitField {
    pub(crate) selection: String,
    pub(crate) path: String,
    pub(crate) value: Value,
}

impl Engine {
    /// All rules: the pack's that stay, then the own ones.
    pub(crate) fn rules(&self) -> &[RuleInfo] {
        self.infos.get_or_init(|| {
            let infos = self.rules.iter().map(|rule| rule.info(&self.hash));
            infos.collect()
        })
    }

    /// One rule, read when first asked for: most are never.
    pub(crate) fn rule(&self, index: usize) -> Option<&RuleInfo> {
        let rule = self.rules.get(index)?;
        Some(rule.info.get_or_init(|| rule.info(&self.hash)))
    }

    /// Id and name of every rule.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rules.iter().map(|rule| (rule.id(), rule.name()))
    }

    /// First digits of the SHA-256 over all rule files.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    /// Why documents of the operator's files do not run.
    pub(crate) fn left_out(&self) -> &[RuleError] {
        &self.left_out
    }

    /// Derived names that nothing will ever fill.
    pub(crate) fn absent(&self) -> &[&'static str] {
        &self.absent
    }

    /// What each rule needs of an event; builds them all.
    pub(crate) fn triggers(&self) -> impl Iterator<Item = (&RuleInfo, Trigger)> {
        let rules = self.rules().iter().enumerate();
        rules.filter_map(|(index, rule)| {
            let compiled = self.compiled(index)?;
            Some((rule, Trigger::of(compiled, &self.absent)))
        })
    }

    /// The library's form of a rule, built if it was not, with the filters that narrow it.
    pub(crate) fn compiled(&self, index: usize) -> Option<&CompiledRule> {
        self.matcher(index)?.compiled()
    }

    /// Whether any rule can match a CloudTrail record of which only the head is known; `lacks`
    /// says that nothing makes a derived field of a path for this record, `is_never` that one is
    /// missing or the opposite of what is wanted.
    pub(crate) fn may_match(
        &self,
        head: &Head<'_>,
        lacks: impl Fn(&str) -> bool,
        is_never: impl Fn(&str, bool) -> bool,
    ) -> bool {
        let lacks = |path: &str| self.is_absent(path) || lacks(path);
        let lacks_text = |place: Place, wanted: &str| {
            let text = head.text.as_ref();
            text.is_some_and(|text| needle::lacks(text, head.parts.at(place), wanted))
        };
        let is_plain = OnceCell::new();
        let has_plain_agent = || {
            let gates = || self.rules.iter().map(|rule| &rule.gate);
            let agent = head.user_agent.as_deref();
            let is_plain_agent = || agent.is_some_and(|it| self.agents.is_plain(it, gates));
            *is_plain.get_or_init(is_plain_agent)
        };
        let known = Known {
            has_plain_agent: Some(&has_plain_agent),
            is_never: Some(&is_never),
            lacks_text: Some(&lacks_text),
            ..known(head, &lacks)
        };
        let Some(name) = known.name else {
            return true;
        };
        let of_kind = self.sieve.rules(&known, |kind| {
            let lacks = |path: &str| self.is_absent(path);
            let kind = Known {
                lacks: Some(&lacks),
                ..*kind
            };
            self.left(name, &kind)
        });
        let possible = of_kind.iter().filter(|left| left.gate.may_hold(&known));
        let mut possible = possible.flat_map(|left| &left.rules).peekable();
        if possible.peek().is_none() {
            return false;
        }
        let peek = Peek::new(&known, &head.parts);
        possible.any(|&index| self.compiled(index).is_none_or(|rule| peek.may_hold(rule)))
    }

    /// Rules that records of a kind can match, with what remains to be asked of each record.
    fn left(&self, name: &str, kind: &Known<'_>) -> Vec<Left> {
        let rules = sorted(self.possible(name, kind)).into_iter();
        Left::of(rules.filter_map(|index| {
            let rest = self.rules.get(index)?.gate.rest(kind);
            Some((index, rest.deciding()))
        }))
    }

    fn is_absent(&self, path: &str) -> bool {
        self.absent.contains(&root_of(path))
    }

    /// Rules that must look at every record, or at many, by name.
    pub(crate) fn unfiltered(&self) -> impl Iterator<Item = &str> {
        let unnamed = self.index.unnamed().into_iter();
        unnamed.filter_map(|index| Some(self.rules.get(index)?.name()))
    }

    /// Rules that the event can match, in order: only these need to be asked.
    pub(crate) fn candidates(&self, event: &Event) -> Vec<usize> {
        let head = event.head();
        let lacks = |path: &str| self.is_absent(path);
        let known = known(&head, &lacks);
        match (&event.kind, known.name) {
            (Kind::CloudTrail, Some(name)) => sorted(self.possible(name, &known)),
            _ => self.about(View::service_of(event)),
        }
    }

    fn about(&self, service: &str) -> Vec<usize> {
        let rules = self.rules.iter().enumerate();
        let about = rules.filter(|(_, rule)| rule.sees(service));
        about.map(|(index, _)| index).collect()
    }

    /// Rules that a record can match; one may come several times.
    fn possible(&self, name: &str, known: &Known<'_>) -> impl Iterator<Item = usize> {
        let candidates = self.index.candidates(name, known);
        candidates.filter(move |&index| self.may_hold(index, known))
    }

    fn may_hold(&self, index: usize, known: &Known<'_>) -> bool {
        self.rules.get(index).is_some_and(|rule| {
            (known.error_code.is_none() || rule.attempts) && rule.gate.may_hold(known)
        })
    }

    /// What these rules want to know beside the record.
    pub(crate) fn needs(&self, rules: &[usize]) -> Needs {
        let mut needs = Needs::default();
        for rule in rules.iter().filter_map(|&index| self.rules.get(index)) {
            needs.join(rule.needs.get_or_init(|| self.needs_of(rule)));
        }
        needs
    }

    fn needs_of(&self, rule: &Entry) -> Needs {
        let filters = self.filter_reads.iter().map(String::as_str);
        match &rule.body {
            Body::Packed(packed) => Needs::of(filters.chain(packed.reads.iter().copied())),
            Body::Own(_, reads) => Needs::of(filters.chain(reads.iter().map(String::as_str))),
        }
    }

    /// Those of the rules that the event matches.
    pub(crate) fn judge(&self, rules: &[usize], view: &View<'_>) -> Vec<Hit> {
        let hits = rules.iter().map(|&index| self.judge_one(index, view));
        hits.flatten().collect()
    }

    /// One rule alone.
    pub(crate) fn judge_one(&self, index: usize, view: &View<'_>) -> Option<Hit> {
        let rule = self.rules.get(index)?;
        if !rule.sees(View::service_of(view.event())) || (!rule.attempts && view.failed()) {
            return None;
        }
        self.matcher(index)?.hit(index, view)
    }

    /// Why a rule matches or not: its condition, taken apart.
    pub(crate) fn explain(&self, index: usize, view: &View<'_>) -> Vec<Step> {
        let rule = self.compiled(index);
        rule.map(|rule| explain::steps(rule, view))
            .unwrap_or_default()
    }

    /// Whether events of this log source are for the rule.
    pub(crate) fn sees(&self, index: usize, view: &View<'_>) -> bool {
        let rule = self.rules.get(index);
        rule.is_some_and(|rule| rule.sees(View::service_of(view.event())))
    }

    /// Built when first asked for, unless it was when loaded.
    fn matcher(&self, index: usize) -> Option<&Matcher> {
        let rule = self.rules.get(index)?;
        match rule.body {
            Body::Own(..) => rule.matcher.get(),
            Body::Packed(packed) => Some(rule.matcher.get_or_init(|| {
                let built = Matcher::of(&packed.rule(), self.filters.iter());
                built.expect("filters were tried when loaded, and a test builds the whole pack")
            })),
        }
    }
}

/// What the index and the gates are asked with.
fn known<'h>(head: &'h Head<'_>, lacks: &'h dyn Fn(&str) -> bool) -> Known<'h> {
    let name = head.event_name.as_deref();
    Known {
        name,
        plain_name: name.map(without_date),
        source: head.event_source.as_deref(),
        identity_type: head.user_identity_type.as_deref(),
        error_code: head.error_code.as_deref(),
        succeeded: head.succeeded,
        user_agent: head.user_agent.as_deref(),
        account: head.user_identity_account.as_deref(),
        lacks: Some(lacks),
        has_plain_agent: None,
        is_never: None,
        lacks_text: None,
    }
}

//! How AWS spells what rules compare without regard to case: `EventBridge` regards it.

use super::condition::Condition;
use super::place;
use crate::engine::{Field, RuleInfo, Text, Trigger};
use crate::facts::EXTRACTORS;
use std::collections::{BTreeMap, BTreeSet};

/// `detail-type`s of native findings.
const DETAIL_TYPES: [&str; 14] = [
    "AWS Health Abuse Event",
    "AWS Health Event",
    "Access Analyzer Finding",
    "CloudWatch Alarm Configuration Change",
    "CloudWatch Alarm State Change",
    "Config Rules Compliance Change",
    "GuardDuty Finding",
    "GuardDuty Malware Protection Object Scan Result",
    "Inspector2 Finding",
    "Macie Finding",
    "Security Hub Findings - Custom Action",
    "Security Hub Findings - Imported",
    "Security Hub Insight Results",
    "Unused Access Finding for IAM entities",
];

/// Every `userIdentity.type` (CloudTrail user guide).
const IDENTITY_TYPES: [&str; 12] = [
    "AWSAccount",
    "AWSService",
    "AssumedRole",
    "Directory",
    "FederatedUser",
    "IAMUser",
    "IdentityCenterUser",
    "Role",
    "Root",
    "SAMLUser",
    "Unknown",
    "WebIdentityUser",
];

/// Event names as AWS spells them, by service and lower-case name.
#[derive(Debug, Default)]
pub(super) struct Spelling {
    known: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Spelling {
    /// Learns from the facts and the rules of the pack, whose tests hold records.
    pub(super) fn of<'a>(rules: impl Iterator<Item = &'a (&'a RuleInfo, Trigger)>) -> Self {
        let mut spelling = Self::default();
        for extractor in EXTRACTORS {
            let sources = extractor.sources.iter();
            sources.for_each(|source| spelling.learn(source, extractor.names.iter().copied()));
        }
        for (rule, trigger) in rules.filter(|(rule, _)| rule.built_in) {
            for need in &trigger.needs {
                let sources = need.0.get(&Field::EventSource).into_iter().flatten();
                sources.for_each(|source| {
                    let source = source.raw();
                    let names = rule.event_names.iter().map(String::as_str);
                    spelling.learn(&source.to_lowercase(), names);
                });
            }
        }
        spelling
    }

    fn learn<'a>(&mut self, source: &str, names: impl Iterator<Item = &'a str>) {
        for name in names {
            let key = (source.to_owned(), name.to_lowercase());
            self.known.entry(key).or_default().insert(name.to_owned());
        }
    }

    /// What `eventName` has to be; a lone `None` if no condition on it is certain.
    pub(super) fn conditions(
        &self,
        rule: &RuleInfo,
        source: Option<&str>,
        text: &Text,
    ) -> Vec<Option<Condition>> {
        let dated = source.is_some_and(place::dates_names);
        let exact = |name: &String| {
            let condition = if dated {
                Condition::Prefix
            } else {
                Condition::Equals
            };
            Some(condition(name.clone()))
        };
        let known = self.known(rule, source, text);
        match (known.is_empty(), source) {
            (false, _) => known.iter().map(exact).collect(),
            // A dated name in an unknown spelling cannot be told from any other.
            (true, Some(_)) if dated => vec![None],
            (true, _) => vec![Some(Condition::EqualsIgnoreCase(as_written(rule, text)))],
        }
    }

    /// What the name may begin with where a date follows it, for a rule that names no service.
    pub(super) fn dated(&self, rule: &RuleInfo, source: &str, text: &Text) -> Vec<Condition> {
        let mut known = self.known(rule, Some(source), text);
        if known.is_empty() {
            known.insert(as_written(rule, text));
        }
        known.into_iter().map(Condition::Prefix).collect()
    }

    /// All spellings that AWS may use; none where that is not known.
    fn known(&self, rule: &RuleInfo, source: Option<&str>, text: &Text) -> BTreeSet<String> {
        let lower = match text {
            Text::Exact(name) => return BTreeSet::from([name.clone()]),
            Text::AnyCase(lower) => lower,
            Text::Present => return BTreeSet::new(),
        };
        if rule.built_in {
            let own = rule.event_names.iter();
            let own: BTreeSet<String> = own
                .filter(|name| name.to_lowercase() == *lower)
                .cloned()
                .collect();
            if !own.is_empty() {
                return own;
            }
        }
        let learnt = source.and_then(|it| self.known.get(&(it.to_owned(), lower.clone())));
        learnt.cloned().unwrap_or_default()
    }
}

/// The name as the rule's file has it.
fn as_written(rule: &RuleInfo, text: &Text) -> String {
    let wanted = text.raw();
    let mut names = rule.event_names.iter();
    let written = names.find(|name| name.to_lowercase() == wanted.to_lowercase());
    written.map_or_else(|| wanted.to_owned(), String::clone)
}

/// The condition on `detail-type`.
pub(super) fn detail_type(text: &Text) -> Condition {
    spelled(text, &DETAIL_TYPES)
}

/// The condition on `userIdentity.type`.
pub(super) fn identity_type(text: &Text) -> Condition {
    spelled(text, &IDENTITY_TYPES)
}

fn spelled(text: &Text, known: &[&str]) -> Condition {
    match text {
        Text::Exact(text) => Condition::Equals(text.clone()),
        Text::AnyCase(lower) => {
            let found = known.iter().find(|known| known.to_lowercase() == *lower);
            found.map_or_else(
                || Condition::EqualsIgnoreCase(lower.clone()),
                |known| Condition::Equals((*known).to_owned()),
            )
        }
        Text::Present => Condition::Exists(true),
    }
}

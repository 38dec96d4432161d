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
                    let (Text::Exact(source) | Text::AnyCase(source)) = source;
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
        let dated = place::dates_names(source);
        let exact = |name: &str| {
            let condition = if dated {
                Condition::Prefix
            } else {
                Condition::Equals
            };
            Some(condition(name.to_owned()))
        };
        let lower = match text {
            Text::Exact(name) => return vec![exact(name)],
            Text::AnyCase(lower) => lower,
        };
        let own = rule.event_names.iter();
        let own: Vec<&str> = own
            .map(String::as_str)
            .filter(|name| name.to_lowercase() == *lower)
            .collect();
        if rule.built_in && !own.is_empty() {
            return own.into_iter().map(exact).collect();
        }
        let known = source.and_then(|source| self.known.get(&(source.to_owned(), lower.clone())));
        if let Some(known) = known {
            return known.iter().map(|name| exact(name)).collect();
        }
        let shown = own.first().copied().unwrap_or(lower).to_owned();
        match source {
            // A dated name in an unknown spelling cannot be told from any other.
            Some(_) if dated => vec![None],
            Some(_) => vec![Some(Condition::EqualsIgnoreCase(shown))],
            None => vec![
                exact(&shown),
                Some(Condition::EqualsIgnoreCase(shown.clone())),
            ],
        }
    }
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
    }
}

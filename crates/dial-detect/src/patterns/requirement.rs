//! What an account must have switched on for a rule to see its events.

use super::place;
use super::rules_wanting;
use super::wanted::Wanted;
use crate::Pipeline;
use crate::engine::{RuleInfo, Sees, Trigger};
use dial_core::Severity;
use dial_core::catalogue::Requirement;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a rule needs to fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// Name of the rule.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// Its level.
    pub level: Severity,
    /// All that it needs, in a settled order.
    pub requires: Vec<Requirement>,
}

/// One requirement with the rules that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prerequisite {
    /// What has to be switched on.
    #[serde(flatten)]
    pub requirement: Requirement,
    /// Names of the rules, sorted.
    pub rules: Vec<String>,
}

/// Settings behind the names of derived fields.
const SETTINGS: [(&str, &str); 8] = [
    ("asn", "enrich.geoip.asn"),
    ("decoy", "decoys"),
    ("geo", "enrich.geoip.city"),
    ("own", "own"),
    ("principal", "trusted_principals"),
    ("region", "allowed_regions"),
    ("reputation", "enrich.reputation"),
    ("watched", "watched"),
];

/// What each rule needs to fire, in order of names.
pub fn needed(pipeline: &Pipeline) -> Vec<Needed> {
    let rules = rules_wanting(pipeline, false).into_iter();
    let mut needed: Vec<Needed> = rules
        .map(|(rule, trigger, wanted)| Needed {
            rule: rule.name.clone(),
            title: rule.title.clone(),
            level: rule.level,
            requires: of_rule(rule, &trigger, &wanted).into_iter().collect(),
        })
        .collect();
    needed.sort_by(|a, b| a.rule.cmp(&b.rule));
    needed
}

/// The same by requirement.
pub(super) fn prerequisites(needed: Vec<Needed>) -> Vec<Prerequisite> {
    let mut rules: BTreeMap<Requirement, Vec<String>> = BTreeMap::new();
    for one in needed {
        for requirement in one.requires {
            rules.entry(requirement).or_default().push(one.rule.clone());
        }
    }
    let prerequisites = rules.into_iter();
    prerequisites
        .map(|(requirement, rules)| Prerequisite { requirement, rules })
        .collect()
}

fn of_rule(rule: &RuleInfo, trigger: &Trigger, wanted: &BTreeSet<Wanted>) -> BTreeSet<Requirement> {
    if trigger.sees == Sees::Dial {
        let name = "worker.patterns".to_owned();
        return BTreeSet::from([Requirement::Setting { name }]);
    }
    if wanted.is_empty() {
        return trigger.unfilled.iter().map(|root| setting(root)).collect();
    }
    wanted.iter().flat_map(|wanted| of(rule, wanted)).collect()
}

fn setting(root: &str) -> Requirement {
    let known = SETTINGS.iter().find(|(known, _)| *known == root);
    let name = known.map_or(root, |(_, setting)| setting).to_owned();
    Requirement::Setting { name }
}

fn of(rule: &RuleInfo, wanted: &Wanted) -> Vec<Requirement> {
    match wanted {
        Wanted::Call {
            source, data: true, ..
        } => {
            let names = rule.event_names.iter();
            let by_name = |source: &String| {
                let mut types = names.clone().map(|name| place::data_resource(source, name));
                types.find_map(|resource| resource)
            };
            let resource_type = source.as_ref().and_then(by_name);
            vec![Requirement::DataEvents {
                resource_type: resource_type.map(str::to_owned),
            }]
        }
        Wanted::Call { source, read, .. } => {
            let us_east_1 = source.as_deref().is_some_and(place::is_us_east_1);
            let all = [
                (Requirement::ManagementEvents, true),
                (Requirement::ReadEvents, *read),
                (Requirement::UsEast1, us_east_1),
            ];
            let needed = all.into_iter().filter(|(_, needed)| *needed);
            needed.map(|(requirement, _)| requirement).collect()
        }
        Wanted::Decoy { path, .. } if path.ends_with(".bucketName") => vec![
            Requirement::ManagementEvents,
            Requirement::ReadEvents,
            Requirement::DataEvents {
                resource_type: Some("AWS::S3::Object".to_owned()),
            },
        ],
        Wanted::Caller { .. } | Wanted::Decoy { .. } => {
            vec![Requirement::ManagementEvents, Requirement::ReadEvents]
        }
        Wanted::Native { source, .. } => vec![Requirement::Service {
            source: source.clone().unwrap_or_else(|| "aws".to_owned()),
        }],
        Wanted::Everything => vec![Requirement::TrailFiles],
    }
}

//! What an account must have switched on for a rule to see its events.

use super::place;
use super::rules_wanting;
use super::wanted::Wanted;
use crate::Pipeline;
use crate::engine::{RuleInfo, Sees, Trigger};
use dial_core::Severity;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One thing that has to be switched on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Requirement {
    /// A trail that logs management events of every region.
    ManagementEvents,
    /// The state of `EventBridge` rules that brings calls that only read.
    ReadEvents,
    /// A worker in us-east-1, where global services are recorded.
    UsEast1,
    /// A trail that selects data events.
    DataEvents {
        /// CloudFormation type as a trail's selectors name it, where known.
        resource_type: Option<String>,
    },
    /// A service whose findings these are.
    Service {
        /// `source` of its events, such as `aws.guardduty`.
        source: String,
    },
    /// Trail files: no pattern can tell the rule's events from others.
    TrailFiles,
    /// A setting below `[worker.detect]`; without it the rule never matches.
    Setting {
        /// Its name.
        name: String,
    },
}

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

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ManagementEvents => f.write_str("a trail with management events"),
            Self::ReadEvents => f.write_str("patterns for read-only events"),
            Self::UsEast1 => f.write_str("a worker in us-east-1"),
            Self::DataEvents {
                resource_type: Some(resource),
            } => write!(f, "data events of {resource}"),
            Self::DataEvents {
                resource_type: None,
            } => f.write_str("data events"),
            Self::Service { source } => f.write_str(service(source)),
            Self::TrailFiles => f.write_str("trail files, or --every-record"),
            Self::Setting { name } => write!(f, "the setting `{name}`"),
        }
    }
}

fn service(source: &str) -> &str {
    match source {
        "aws.access-analyzer" => "IAM Access Analyzer",
        "aws.cloudwatch" => "CloudWatch alarms",
        "aws.guardduty" => "GuardDuty",
        "aws.health" => "AWS Health (always on)",
        "aws.inspector2" => "Amazon Inspector",
        "aws.macie" => "Amazon Macie",
        "aws.securityhub" => "Security Hub",
        other => other,
    }
}

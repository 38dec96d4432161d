//! What is known of rules apart from how they judge: what the one who judges tells the one who shows.

use crate::Severity;
use serde::{Deserialize, Serialize};
use std::fmt;

/// File beside a master's program that holds its catalogue.
pub const FILE: &str = "catalogue.json";

/// The rules that a worker runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Hash of the rules, as workers tell theirs in heartbeats.
    pub hash: String,
    /// Version of the program that wrote it.
    pub version: String,
    /// Every rule, by name.
    pub rules: Vec<RuleCard>,
}

/// A rule, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleCard {
    /// UUID.
    pub id: String,
    /// Path-like name, such as `s3_bucket_policy_public`.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Why it matters and what to do.
    pub description: String,
    /// Severity before configuration and context.
    pub level: Severity,
    /// Which pack it is of: `core`, `audit` or `yours`.
    pub pack: String,
    /// When it was last changed, else the hash of the rules.
    pub version: String,
    /// ATT&CK techniques, each with its tactics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<Technique>,
    /// What else may look like this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub falsepositives: Vec<String>,
    /// Further reading.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// What has to be switched on for it to fire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// How many events it is tested with.
    pub tests: usize,
}

/// A technique of ATT&CK and the tactics that it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Technique {
    /// Such as `T1530`.
    pub id: String,
    /// As ATT&CK has it, such as `Valid Accounts: Cloud Accounts`; empty where it has no such id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Such as `credential-access`.
    pub tactics: Vec<String>,
}

/// One thing that has to be switched on for a rule to see its events.
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

impl Catalogue {
    /// The rule of a name.
    pub fn rule(&self, name: &str) -> Option<&RuleCard> {
        self.rules.iter().find(|card| card.name == name)
    }

    /// The name of a technique that a rule here looks for.
    pub fn technique(&self, id: &str) -> Option<&str> {
        let mut techniques = self.rules.iter().flat_map(|card| &card.attack);
        let found = techniques.find(|one| one.id == id && !one.name.is_empty());
        found.map(|one| one.name.as_str())
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

//! What can be matched and grouped by: labels, and their values in a finding or a list's line.

use dial_core::config::nearest;
use dial_core::store::Summary;
use dial_core::{Finding, Severity};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Start of labels that name a fact.
const FACT: &str = "fact.";
/// Longest name of a label, bytes.
const MAX_NAME: usize = 128;

/// One property of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// `informational` to `critical`; the only one with an order.
    Severity,
    /// Number of the account, or its name where the configuration gives one.
    Account,
    /// Region.
    Region,
    /// Name of the rule, or its UUID.
    Rule,
    /// ATT&CK technique, such as `T1098.001`, or the technique above it, `T1098`.
    Attack,
    /// ARN, else name, else type of who called.
    Principal,
    /// `userIdentity.type` of who called.
    PrincipalType,
    /// Account of who called.
    PrincipalAccount,
    /// ARN of the role behind a session.
    Role,
    /// ARN, else `type/name`, of what was touched.
    Resource,
    /// Type of what was touched, such as `AWS::S3::Bucket`.
    ResourceType,
    /// `eventName`.
    Event,
    /// `eventSource`, such as `s3.amazonaws.com`.
    Service,
    /// `errorCode`; empty for a call that went well.
    ErrorCode,
    /// `sourceIPAddress`.
    SourceIp,
    /// Country of the address, ISO 3166-1 alpha-2.
    Country,
    /// A fact by name, such as `fact.s3.policy.public`.
    Fact(String),
}

/// Labels with a name of their own.
const NAMES: [(&str, Label); 16] = [
    ("severity", Label::Severity),
    ("account", Label::Account),
    ("region", Label::Region),
    ("rule", Label::Rule),
    ("attack", Label::Attack),
    ("principal", Label::Principal),
    ("principal_type", Label::PrincipalType),
    ("principal_account", Label::PrincipalAccount),
    ("role", Label::Role),
    ("resource", Label::Resource),
    ("resource_type", Label::ResourceType),
    ("event", Label::Event),
    ("service", Label::Service),
    ("error_code", Label::ErrorCode),
    ("source_ip", Label::SourceIp),
    ("country", Label::Country),
];

/// CloudTrail tells what was done, not how things are tagged.
const NO_TAGS: &str = "events carry no tags; match accounts by their configured names, \
    `account=~\"prod-.*\"`, or resources by ARN, `resource=~\".*:prod-.*\"`";

/// A word that is no label; says which one was meant, or which there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no label; {1}")]
pub struct UnknownLabel(String, String);

/// Something that has labels.
pub trait Labelled {
    /// How bad it is.
    fn severity(&self) -> Severity;

    /// Every value of a label, the most exact first; `None` where this view cannot tell.
    fn values(&self, label: &Label) -> Option<Vec<Cow<'_, str>>>;
}

impl Label {
    /// Whether a list's line can tell, without the finding itself.
    pub fn is_in_summary(&self) -> bool {
        matches!(
            self,
            Self::Severity
                | Self::Account
                | Self::Region
                | Self::Rule
                | Self::Principal
                | Self::Resource
                | Self::SourceIp
                | Self::Attack
        )
    }
}

impl FromStr for Label {
    type Err = UnknownLabel;

    fn from_str(word: &str) -> Result<Self, UnknownLabel> {
        if let Some((_, label)) = NAMES.iter().find(|(name, _)| *name == word) {
            return Ok(label.clone());
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match word.strip_prefix(FACT) {
            Some(name) if !name.is_empty() && word.len() <= MAX_NAME && name.chars().all(fits) => {
                Ok(Self::Fact(name.to_owned()))
            }
            _ => Err(unknown(word)),
        }
    }
}

fn unknown(word: &str) -> UnknownLabel {
    let names = NAMES.iter().map(|(name, _)| *name);
    let tag = word.strip_prefix("tags").or(word.strip_prefix("tag"));
    if tag.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':'])) {
        return UnknownLabel(word.chars().take(MAX_NAME).collect(), NO_TAGS.to_owned());
    }
    let hint = match nearest(word, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "use {} or fact.<name>",
            names.collect::<Vec<_>>().join(", ")
        ),
    };
    UnknownLabel(word.chars().take(MAX_NAME).collect(), hint)
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Fact(name) = self {
            return write!(f, "{FACT}{name}");
        }
        let named = NAMES.iter().find(|(_, label)| label == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

impl Labelled for Finding {
    fn severity(&self) -> Severity {
        self.severity
    }

    fn values(&self, label: &Label) -> Option<Vec<Cow<'_, str>>> {
        let first = self.resources.first();
        Some(match label {
            Label::Severity => vec![self.severity.as_str().into()],
            Label::Account => {
                let name = self.account.name.as_deref();
                texts([Some(self.account.id.as_str()), name])
            }
            Label::Region => texts([Some(self.region.as_str())]),
            Label::Rule => texts([Some(self.rule.name.as_str()), Some(&self.rule.id)]),
            Label::Attack => self.attack.iter().flat_map(|id| techniques(id)).collect(),
            Label::Principal => texts([Some(self.principal.key())]),
            Label::PrincipalType => texts([self.principal.kind.as_deref()]),
            Label::PrincipalAccount => texts([self.principal.account.as_deref()]),
            Label::Role => texts([self.principal.session_issuer.as_deref()]),
            Label::Resource => vec![self.resource_key().into()],
            Label::ResourceType => texts([first.map(|resource| resource.kind.as_str())]),
            Label::Event => texts([Some(self.event.name.as_str())]),
            Label::Service => texts([Some(self.event.source.as_str())]),
            Label::ErrorCode => texts([self.event.error_code.as_deref()]),
            Label::SourceIp => texts([self.source.ip.as_deref()]),
            Label::Country => {
                let geo = self.source.geo.as_ref();
                texts([geo.and_then(|geo| geo.country.as_deref())])
            }
            Label::Fact(name) => self.facts.get(name).map(scalars).unwrap_or_default(),
        })
    }
}

impl Labelled for Summary {
    fn severity(&self) -> Severity {
        self.severity
    }

    fn values(&self, label: &Label) -> Option<Vec<Cow<'_, str>>> {
        Some(match label {
            Label::Severity => vec![self.severity.as_str().into()],
            Label::Account => {
                let name = self.account.name.as_deref();
                texts([Some(self.account.id.as_str()), name])
            }
            Label::Region => texts([Some(self.region.as_str())]),
            Label::Rule => texts([Some(self.rule.name.as_str()), Some(&self.rule.id)]),
            Label::Principal => texts([Some(self.principal.as_str())]),
            Label::Resource => texts([Some(self.resource.as_str())]),
            Label::SourceIp => texts([self.source_ip.as_deref()]),
            Label::Attack => self.attack.iter().flat_map(|id| techniques(id)).collect(),
            _ => return None,
        })
    }
}

fn texts<const N: usize>(texts: [Option<&str>; N]) -> Vec<Cow<'_, str>> {
    let given = texts.into_iter().flatten().filter(|text| !text.is_empty());
    given.map(Cow::Borrowed).collect()
}

/// A technique and the one above it.
fn techniques(id: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let above = id.split_once('.').map(|(above, _)| above);
    std::iter::once(id).chain(above).map(Cow::Borrowed)
}

/// A fact's value as text; of a list, each member's.
fn scalars(value: &Value) -> Vec<Cow<'_, str>> {
    match value {
        Value::Null | Value::Object(_) => Vec::new(),
        Value::Bool(_) | Value::Number(_) => vec![value.to_string().into()],
        Value::String(text) => vec![text.as_str().into()],
        Value::Array(members) => members.iter().flat_map(scalars).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_labels_come_with_what_to_use() {
        let cases = [
            ("severty", "did you mean `severity`?"),
            ("tag", "events carry no tags"),
            ("tags", "events carry no tags"),
            ("tag.Environment", "events carry no tags"),
            ("tags:Environment", "events carry no tags"),
            ("tagged", "use severity, account"),
        ];
        for (word, hint) in cases {
            let said = word.parse::<Label>().unwrap_err().to_string();
            assert!(said.contains(hint), "{said}");
        }
    }
}

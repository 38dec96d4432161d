//! What a rule says about itself: everything in its file but the detection.

use dial_core::Severity;
use rsigma_parser::{Detection, DetectionItem, Modifier, SigmaRule, SigmaValue, StringPart};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// Longest version text; more is no date.
const MAX_VERSION: usize = 64;

/// One loaded rule, as lists and documents show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleInfo {
    /// UUID; part of every finding's id.
    pub id: String,
    /// Path without folder separators and suffix, such as `s3_bucket_policy_public`.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Why it matters and what to do.
    pub description: String,
    /// Severity before configuration and context.
    pub level: Severity,
    /// Sigma's maturity word, such as `stable`; empty where the rule has none.
    pub status: String,
    /// `modified`, else `date`, else the hash of the rules.
    pub version: String,
    /// ATT&CK technique ids, such as `T1530`.
    pub attack: Vec<String>,
    /// Event names that its detection mentions, spelled as in the file; sorted.
    pub event_names: Vec<String>,
    /// What else may look like this.
    pub falsepositives: Vec<String>,
    /// Further reading.
    pub references: Vec<String>,
    /// File, with its folder inside the pack or the operator's rules.
    pub file: String,
    /// Whether a pack brought it, rather than the operator.
    pub built_in: bool,
    /// Which pack it is of.
    pub pack: Pack,
    /// DIAL's own keys.
    pub dial: DialKeys,
    /// Events that it must or must not match.
    pub tests: Vec<RuleTest>,
}

/// Where a rule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pack {
    /// What DIAL brings and every pipeline loads.
    Core,
    /// What DIAL brings and `audit_rules = true` loads: what changed, rather than what is wrong.
    Audit,
    /// The operator's folder.
    Yours,
}

/// The `dial:` block of a rule; absent in plain Sigma.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DialKeys {
    /// How the event arrives.
    pub delivery: Option<Delivery>,
    /// Whether failed calls (`errorCode`) are matched too, as attempts. Sigma's own meaning,
    /// and so that of a rule without this key, is every call that the detection fits.
    pub attempts: Option<bool>,
    /// CloudFormation type of the resource that the rule is about.
    pub resource: Option<String>,
    /// One finding for each resource of that type, rather than one for the event.
    pub each_resource: bool,
    /// Path of a severity that replaces `level`: GuardDuty's number (1–10), or a word such as
    /// `HIGH`.
    pub severity_from: Option<String>,
    /// Path of a text that replaces `title` on findings.
    pub title_from: Option<String>,
}

/// How an event arrives, which decides what it costs to watch for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Delivery {
    /// Management event that writes: any trail, any EventBridge rule.
    #[serde(rename = "M")]
    Write,
    /// Management event that reads: EventBridge rules for all management events only.
    #[serde(rename = "R")]
    Read,
    /// Data event: a trail must select it.
    #[serde(rename = "D")]
    Data,
    /// Service event or native finding.
    #[serde(rename = "S")]
    Service,
}

/// One line of a rule's `tests:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleTest {
    /// File below the fixtures folder.
    pub event: String,
    /// What the rule must do.
    pub expect: Expect,
    /// Derived fields that a test cannot get from the event, such as `reputation`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub given: Map<String, Value>,
}

/// What a rule must do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// Make a finding.
    Match,
    /// Stay silent.
    NoMatch,
}

impl RuleInfo {
    /// Reads a parsed rule; `fallback_name` is made from the path, `version` from the hash.
    pub(super) fn of(rule: &SigmaRule, origin: &Origin<'_>) -> Result<Self, String> {
        let id = rule.id.clone().ok_or("`id` is missing: a UUID is needed")?;
        if !is_uuid(&id) {
            return Err(format!("`id` is no UUID: {id}"));
        }
        let level = rule
            .level
            .ok_or("`level` is missing: informational, low, medium, high or critical is needed")?;
        Ok(Self {
            id: id.to_ascii_lowercase(),
            name: rule.name.clone().unwrap_or_else(|| origin.name.to_owned()),
            title: rule.title.clone(),
            description: rule.description.clone().unwrap_or_default(),
            level: level.as_str().parse().map_err(|e| format!("{e}"))?,
            status: rule.status.map(status_word).unwrap_or_default().to_owned(),
            version: version(rule),
            attack: techniques(&rule.tags),
            event_names: event_names(rule),
            falsepositives: rule.falsepositives.clone(),
            references: rule.references.clone(),
            file: origin.file.to_owned(),
            built_in: origin.pack != Pack::Yours,
            pack: origin.pack,
            dial: own_key(rule, "dial")?.unwrap_or_default(),
            tests: own_key(rule, "tests")?.unwrap_or_default(),
        })
    }

    /// Whether a failed call can make a finding of this rule.
    pub(crate) fn takes_attempts(&self) -> bool {
        self.dial.attempts.unwrap_or(true)
    }
}

/// Where a rule was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) file: &'a str,
    pub(super) name: &'a str,
    pub(super) pack: Pack,
}

/// 8-4-4-4-12 hexadecimal digits.
pub(super) fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// `attack.t1562.008` → `T1562.008`; tactics and other tags are left out.
fn techniques(tags: &[String]) -> Vec<String> {
    let words = tags.iter().filter_map(|tag| tag.strip_prefix("attack."));
    let techniques = words.filter(|word| is_technique(word));
    techniques.map(str::to_ascii_uppercase).collect()
}

/// `t1530` or `t1562.008`.
pub(super) fn is_technique(word: &str) -> bool {
    let number =
        |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(rest) = word.strip_prefix('t') else {
        return false;
    };
    match rest.split_once('.') {
        Some((technique, sub)) => number(technique, 4) && number(sub, 3),
        None => number(rest, 4),
    }
}

/// The library folds case when it compiles, and EventBridge does not ignore it.
fn event_names(rule: &SigmaRule) -> Vec<String> {
    let mut names = BTreeSet::new();
    for detection in rule.detection.named.values() {
        collect_event_names(detection, &mut names);
    }
    names.into_iter().collect()
}

fn collect_event_names(detection: &Detection, names: &mut BTreeSet<String>) {
    match detection {
        Detection::AllOf(items) => {
            let items = items.iter().filter(|item| compares_names(item));
            names.extend(items.flat_map(|item| &item.values).filter_map(plain));
        }
        Detection::AnyOf(parts) | Detection::And(parts) => {
            let parts = parts.iter();
            parts.for_each(|part| collect_event_names(part, names));
        }
        _ => {}
    }
}

fn compares_names(item: &DetectionItem) -> bool {
    let mut modifiers = item.field.modifiers.iter();
    item.field.name.as_deref() == Some("eventName")
        && modifiers.all(|modifier| *modifier == Modifier::Cased)
}

/// Text without wildcards.
fn plain(value: &SigmaValue) -> Option<String> {
    let SigmaValue::String(text) = value else {
        return None;
    };
    match text.parts.as_slice() {
        [StringPart::Plain(text)] => Some(text.clone()),
        _ => None,
    }
}

fn version(rule: &SigmaRule) -> String {
    let date = rule.modified.as_ref().or(rule.date.as_ref());
    date.filter(|date| date.len() <= MAX_VERSION)
        .cloned()
        .unwrap_or_default()
}

fn own_key<T: serde::de::DeserializeOwned>(
    rule: &SigmaRule,
    key: &str,
) -> Result<Option<T>, String> {
    let Some(value) = rule.custom_attributes.get(key) else {
        return Ok(None);
    };
    let json = serde_json::to_value(value).map_err(|error| format!("`{key}`: {error}"))?;
    let read = serde_json::from_value(json).map_err(|error| format!("`{key}`: {error}"))?;
    Ok(Some(read))
}

fn status_word(status: rsigma_parser::Status) -> &'static str {
    use rsigma_parser::Status;
    match status {
        Status::Stable => "stable",
        Status::Test => "test",
        Status::Experimental => "experimental",
        Status::Deprecated => "deprecated",
        Status::Unsupported => "unsupported",
    }
}

/// Whether a file is named like a rule.
pub(super) fn is_rule(path: &Path) -> bool {
    path.extension()
        .is_some_and(|suffix| suffix == "yml" || suffix == "yaml")
}

/// `s3/bucket_policy_public.yml` → `s3_bucket_policy_public`.
pub(super) fn name_of(path: &Path) -> String {
    let parts = path.with_extension("");
    let parts = parts
        .components()
        .map(|part| part.as_os_str().to_string_lossy());
    let name = parts.collect::<Vec<_>>().join("_");
    if name.is_empty() {
        let stem = path.file_stem().unwrap_or_default();
        return stem.to_string_lossy().into_owned();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_and_techniques_have_one_form() {
        assert!(is_uuid("1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11"));
        for text in [
            "",
            "1b7e5d6c",
            "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a1g",
            "----",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
        let tags = [
            "attack.t1562.008",
            "attack.exfiltration",
            "attack.T1",
            "cve.2024-1",
        ];
        assert_eq!(techniques(&tags.map(str::to_owned)), ["T1562.008"]);
    }

    #[test]
    fn event_names_keep_their_spelling() {
        let text = "
title: t
logsource: { product: aws }
detection:
  a: { eventName: [PutBucketPolicy, Delete*], eventSource: S3.amazonaws.com }
  b: [{ eventName|cased: CreateUser }, { eventName|startswith: Put }]
  c: { eventName|re: ^Get, requestParameters.name: X }
  condition: 1 of them";
        let collection = rsigma_parser::parse_sigma_yaml(text).unwrap();
        let names = event_names(&collection.rules[0]);
        assert_eq!(names, ["CreateUser", "PutBucketPolicy"]);
    }
}

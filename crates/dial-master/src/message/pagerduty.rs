//! A finding as a PagerDuty event: summary, source, severity and details as plain text.
//!
//! PagerDuty parses no markup in any of them; phones show the summary alone, so it says the most.

use super::links::Links;
use super::notice::{self, Notice};
use super::text::inert;
use super::{Line, Story, severity_mark, within};
use crate::sinks::GroupState;
use dial_core::{Finding, Severity};
use serde_json::{Map, Value, json};

/// Longest `summary`, characters.
const MAX_SUMMARY: usize = 1_024;
/// PagerDuty takes 512 KB; more than this helps nobody on call.
const MAX_PAYLOAD: usize = 32 * 1024;

/// `payload` of a trigger.
pub(crate) fn payload(finding: &Finding, group: Option<&GroupState>) -> Value {
    let repeats = notice::repeats_line(group);
    within(MAX_PAYLOAD, |caps| {
        let story = Story::of(finding, caps);
        json!({
            "summary": summary(&story, finding),
            "source": source(finding),
            "severity": severity(finding.severity),
            "timestamp": finding.time.to_string(),
            "component": inert(&finding.resource_key(), 255),
            "group": inert(&finding.account.id, 80),
            "class": inert(&finding.rule.name, 255),
            "custom_details": details(&story, finding, repeats.as_ref()),
        })
    })
}

/// `payload` of a trigger that tells of many findings.
pub(crate) fn digest(notice: &Notice) -> Value {
    let lines = notice.lines.iter();
    let details: Map<String, Value> = lines
        .map(|line| (line.label.to_owned(), shown(line)))
        .collect();
    json!({
        "summary": inert(&notice.headline, MAX_SUMMARY),
        "source": "DIAL",
        "severity": severity(notice.severity),
        "custom_details": details,
    })
}

/// `links` of a trigger.
pub(crate) fn links(finding: &Finding, links: &Links) -> Value {
    let targets = links.targets(finding).into_iter();
    let told = targets.map(|(text, href)| json!({"href": href, "text": text}));
    Value::Array(told.collect())
}

/// `links` of a trigger that tells of many findings.
pub(crate) fn link(notice: &Notice) -> Value {
    let link = notice.link.iter();
    link.map(|(text, href)| json!({"href": href, "text": text}))
        .collect()
}

fn summary(story: &Story, finding: &Finding) -> String {
    let (_, word) = severity_mark(story.severity);
    let account = finding.account.name.as_ref().unwrap_or(&finding.account.id);
    let place = inert(&format!("{account}, {}", finding.region), 200);
    inert(&format!("{word}: {} ({place})", story.title), MAX_SUMMARY)
}

/// What is affected; must not be empty.
fn source(finding: &Finding) -> String {
    let place = format!("account {} {}", finding.account.id, finding.region);
    inert(&place, 255)
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Informational => "info",
    }
}

/// Labels and values; several values stay a list, so that none poses as its neighbour.
fn details(story: &Story, finding: &Finding, repeats: Option<&Line>) -> Map<String, Value> {
    let why = (!story.why.is_empty()).then(|| ("Why".to_owned(), json!(story.why)));
    let lines = story
        .lines
        .iter()
        .chain(repeats)
        .map(|l| (l.label.to_owned(), shown(l)));
    let finding = ("Finding".to_owned(), json!(finding.id));
    why.into_iter().chain(lines).chain([finding]).collect()
}

/// One value as it is, several as a list.
fn shown(line: &Line) -> Value {
    match line.values.as_slice() {
        [one] => json!(one),
        several => json!(several),
    }
}

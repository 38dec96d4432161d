//! What a message says, whatever the format: who, what, when, where, why.

pub(crate) mod adaptive_card;
pub(crate) mod adf;
pub(crate) mod asff;
pub(crate) mod ecs;
pub(crate) mod google_chat;
pub(crate) mod history;
#[cfg(test)]
pub(crate) mod hostile;
#[cfg(test)]
pub(crate) mod hostile_documents;
#[cfg(test)]
pub(crate) mod injection;
#[cfg(test)]
pub(crate) mod limits;
pub mod links;
pub(crate) mod markdown;
pub(crate) mod news;
pub(crate) mod notice;
pub(crate) mod pagerduty;
pub(crate) mod plain;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod slack;
pub mod text;
pub(crate) mod together;

use crate::sinks::GroupState;
use dial_core::finding::{Asn, Geo, Principal, Resource, Source};
use dial_core::{Finding, Severity};
use serde_json::Value;
use text::inert;

/// Most resources, lists, severity changes and so on that a message names; the finding has all.
const MAX_LISTED: usize = 5;

/// Of one value of a glance, characters.
const MAX_GLANCE: usize = 100;

/// How many characters of untrusted text may stay; lists are cut at fixed numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    /// Of the title.
    pub(crate) title: usize,
    /// Of one value.
    pub(crate) value: usize,
    /// Of a sentence of the explanation.
    pub(crate) prose: usize,
}

/// From generous to what fits every format that has a limit.
const LADDER: [Caps; 5] = [
    Caps {
        title: 250,
        value: 1_000,
        prose: 4_000,
    },
    Caps {
        title: 140,
        value: 400,
        prose: 2_000,
    },
    Caps {
        title: 140,
        value: 200,
        prose: 800,
    },
    Caps {
        title: 120,
        value: 80,
        prose: 300,
    },
    Caps {
        title: 60,
        value: 32,
        prose: 80,
    },
];

/// The most generous rendering of at most `limit` bytes of JSON, else the least one.
pub(crate) fn within(limit: usize, render: impl Fn(Caps) -> Value) -> Value {
    let [generous, rest @ ..] = LADDER;
    rest.into_iter().fold(render(generous), |told, caps| {
        if told.to_string().len() <= limit {
            told
        } else {
            render(caps)
        }
    })
}

/// A finding as text: every part is inert (see [`text::inert`]) but not escaped for any format.
#[derive(Debug)]
pub(crate) struct Story {
    /// Severity.
    pub(crate) severity: Severity,
    /// One line.
    pub(crate) title: String,
    /// Who, what, when, where and so on, in reading order; none is empty.
    pub(crate) lines: Vec<Line>,
    /// Sentences that say why.
    pub(crate) why: Vec<String>,
}

/// One labelled line; values stay apart so that no value can pose as its neighbour.
#[derive(Debug)]
pub(crate) struct Line {
    /// Our word.
    pub(crate) label: &'static str,
    /// Values, never empty texts.
    pub(crate) values: Vec<String>,
}

impl Story {
    /// Tells a finding within caps.
    pub(crate) fn of(finding: &Finding, caps: Caps) -> Self {
        let told = [
            ("Who", who(&finding.principal, &finding.account.id)),
            ("What", what(finding)),
            ("When", vec![finding.time.to_string()]),
            ("Where", place(finding)),
            ("From", from(&finding.source)),
            ("Reputation", reputation(&finding.source)),
            (
                "User agent",
                finding.source.user_agent.iter().cloned().collect(),
            ),
            ("Resource", resources(finding)),
            ("Technique", listed(&finding.attack)),
        ];
        Self {
            severity: finding.severity,
            title: title(finding, caps.title),
            lines: told
                .into_iter()
                .filter_map(|(label, values)| Line::of(label, &values, caps.value))
                .collect(),
            why: why(finding, caps.prose),
        }
    }

    /// The same, with how often it came so far.
    pub(crate) fn so_far(mut self, group: Option<&GroupState>) -> Self {
        self.lines.extend(notice::repeats_line(group));
        self
    }

    /// Severity in a word, and the title.
    pub(crate) fn headline(&self) -> String {
        let (emoji, word) = severity_mark(self.severity);
        format!("{emoji} {word} · {}", self.title)
    }
}

/// Who did what to what, and where, in the fewest words; no value is empty.
pub(crate) fn glance(finding: &Finding) -> [Vec<String>; 2] {
    let account = &finding.account;
    let kept = |values: [String; 3]| {
        let inert = values.map(|value| inert(&value, MAX_GLANCE));
        inert.into_iter().filter(|v| !v.is_empty()).collect()
    };
    let did = [
        short_who(&finding.principal),
        call(finding),
        touched(finding),
    ];
    let place = [
        account.name.clone().unwrap_or_default(),
        account.id.clone(),
        finding.region.clone(),
    ];
    [kept(did), kept(place)]
}

/// Name, else ARN, else type.
fn short_who(principal: &Principal) -> String {
    let names = [&principal.name, &principal.arn, &principal.kind];
    let first = names.into_iter().find_map(Clone::clone);
    first.unwrap_or_default()
}

/// `PutBucketPolicy (s3), failed: AccessDenied`.
fn call(finding: &Finding) -> String {
    let event = &finding.event;
    let service = event
        .source
        .strip_suffix(".amazonaws.com")
        .unwrap_or(&event.source);
    match &event.error_code {
        Some(code) => format!("{} ({service}), failed: {code}", event.name),
        None => format!("{} ({service})", event.name),
    }
}

/// The name of the first resource, and how many more there are.
fn touched(finding: &Finding) -> String {
    let name = finding
        .resources
        .first()
        .map(|first| first.name.as_str())
        .unwrap_or_default();
    match finding.resources.len().saturating_sub(1) {
        0 => name.to_owned(),
        more => format!("{name} and {more} more"),
    }
}

impl Line {
    fn of(label: &'static str, values: &[String], limit: usize) -> Option<Self> {
        let inert = values.iter().map(|value| inert(value, limit));
        let values: Vec<String> = inert.filter(|value| !value.is_empty()).collect();
        (!values.is_empty()).then_some(Self { label, values })
    }
}

/// Emoji and word of a severity: colour alone does not reach everyone.
pub(crate) fn severity_mark(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Critical => ("🔴", "CRITICAL"),
        Severity::High => ("🟠", "HIGH"),
        Severity::Medium => ("🟡", "MEDIUM"),
        Severity::Low => ("🔵", "LOW"),
        Severity::Informational => ("⚪", "INFORMATIONAL"),
    }
}

/// The finding's title, else its rule's, else our word: no message is without one.
pub(crate) fn title(finding: &Finding, limit: usize) -> String {
    [&finding.title, &finding.rule.title]
        .into_iter()
        .map(|title| inert(title, limit))
        .find(|title| !title.is_empty())
        .unwrap_or_else(|| "Untitled finding".to_owned())
}

fn who(principal: &Principal, account: &str) -> Vec<String> {
    let foreign = principal
        .account
        .as_deref()
        .filter(|other| *other != account);
    [
        principal.name.clone(),
        principal.arn.clone(),
        principal.kind.clone(),
        foreign.map(|other| format!("from account {other}")),
        principal
            .session_issuer
            .as_ref()
            .map(|role| format!("role {role}")),
        principal
            .access_key_id
            .as_ref()
            .map(|key| format!("key {key}")),
        principal
            .mfa
            .map(|mfa| if mfa { "with MFA" } else { "without MFA" }.to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn what(finding: &Finding) -> Vec<String> {
    let event = &finding.event;
    let result = match &event.error_code {
        Some(code) => Some(format!("failed: {code}")),
        // Sign-ins and native findings say elsewhere how they ended.
        None => (event.kind == "AwsApiCall").then(|| "succeeded".to_owned()),
    };
    let call = format!("{} {}", event.source, event.name);
    std::iter::once(call).chain(result).collect()
}

fn place(finding: &Finding) -> Vec<String> {
    let account = &finding.account;
    let named = match &account.name {
        // The number comes first: a long name must not push it out.
        Some(name) => format!("account {} ({name})", account.id),
        None => format!("account {}", account.id),
    };
    vec![finding.region.clone(), named]
}

fn from(source: &Source) -> Vec<String> {
    [
        source.ip.clone(),
        source.geo.as_ref().and_then(town),
        source.asn.as_ref().map(network),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn town(geo: &Geo) -> Option<String> {
    let known: Vec<&str> = [geo.city.as_deref(), geo.country.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    (!known.is_empty()).then(|| known.join(", "))
}

fn network(asn: &Asn) -> String {
    match &asn.org {
        Some(org) => format!("AS{} {org}", asn.number),
        None => format!("AS{}", asn.number),
    }
}

fn reputation(source: &Source) -> Vec<String> {
    let entries = source.reputation.iter();
    let told: Vec<String> = entries
        .map(|r| format!("{}: {}", r.list, r.category))
        .collect();
    listed(&told)
}

fn resources(finding: &Finding) -> Vec<String> {
    let keys: Vec<String> = finding.resources.iter().map(Resource::key).collect();
    listed(&keys)
}

fn why(finding: &Finding, limit: usize) -> Vec<String> {
    let changes = finding.severity_changes.iter().take(MAX_LISTED);
    let gaps = finding.incomplete.iter().take(MAX_LISTED);
    // Every message has who, what and where in places of their own.
    let explanation = finding.explanation.replacen(&called(finding), "", 1);
    std::iter::once(explanation)
        .chain(changes.map(|c| format!("Severity {} → {}: {}", c.from, c.to, c.reason)))
        .chain(gaps.map(|gap| format!("Not known: {gap}")))
        .map(|sentence| inert(&sentence, limit))
        .filter(|sentence| !sentence.is_empty())
        .collect()
}

/// The sentence in which a worker's explanation names the call, to the letter: where it reads
/// otherwise it stays, so that nothing but this sentence can be made to vanish.
fn called(finding: &Finding) -> String {
    let (principal, event, source) = (&finding.principal, &finding.event, &finding.source);
    let name = principal.name.as_ref().or(principal.arn.as_ref());
    let who = match (name, &principal.kind) {
        (Some(name), Some(kind)) => format!("{name} ({kind})"),
        (Some(name), None) => name.clone(),
        (None, kind) => format!("A caller of type {}", kind.as_deref().unwrap_or_default()),
    };
    let account = match &finding.account.name {
        Some(name) => format!("{} ({name})", finding.account.id),
        None => finding.account.id.clone(),
    };
    let geo = source.geo.iter().flat_map(|geo| [&geo.city, &geo.country]);
    let lists = source.reputation.iter();
    let lists = lists.map(|entry| format!("on {} as {}", entry.list, entry.category));
    let place = geo
        .flatten()
        .cloned()
        .chain(source.asn.as_ref().map(network));
    let place = place.chain(lists).collect::<Vec<_>>().join(", ");
    let from = match &source.ip {
        Some(ip) if place.is_empty() => format!(", from {ip}"),
        Some(ip) => format!(", from {ip} ({place})"),
        None => String::new(),
    };
    let (call, service, region) = (&event.name, &event.source, &finding.region);
    format!("{who} called {call} ({service}) in account {account}, {region}{from}.")
}

/// The first few, and how many more there are.
fn listed(all: &[String]) -> Vec<String> {
    let rest = all.len().saturating_sub(MAX_LISTED);
    let more = (rest > 0).then(|| format!("and {rest} more"));
    all.iter().take(MAX_LISTED).cloned().chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_is_not_told_twice_and_nothing_else_is_left_out() {
        let mut finding = samples::benign();
        let called = "ci-42 (AssumedRole) called PutBucketPolicy (s3.amazonaws.com) in account \
                      111122223333 (shop-production), eu-west-1, from 198.51.100.7 (Linköping, SE, \
                      AS64500 Example Net, on tor-exits as tor).";
        let other = called.replace("198.51.100.7", "198.51.100.8");
        let cases = [
            (format!("Before. {called} After."), "Before. After."),
            (format!("Before. {called} {called}"), called),
            (other.clone(), other.as_str()),
            (
                called.trim_end_matches('.').to_owned(),
                called.trim_end_matches('.'),
            ),
        ];
        for (explanation, expected) in cases {
            finding.explanation = explanation;
            let told = why(&finding, 2_000).remove(0);
            assert!(told.ends_with(expected), "{told}");
            assert_eq!(
                told.contains("Before"),
                finding.explanation.contains("Before")
            );
        }
    }
}

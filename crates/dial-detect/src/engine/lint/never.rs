//! Rules that can never fire: what their condition asks for cannot be true of one event.
//!
//! The condition is taken apart into alternatives, each a set of demands; a rule is refused only
//! if every alternative contradicts itself. What is not understood contradicts nothing.

mod alternatives;
mod demands;

use super::Report;
use crate::engine::rule::RuleInfo;
use crate::facts::{EXTRACTORS, Extractor};
use crate::normalise::without_date;
use alternatives::{Alternative, alternatives};
use demands::Demands;
use rsigma_parser::SigmaRule;
use std::collections::BTreeMap;

/// Starts of the names of calls that certainly write, and that certainly read.
const WRITES: [&str; 7] = [
    "Attach",
    "Create",
    "Delete",
    "Modify",
    "Put",
    "Terminate",
    "Update",
];
const READS: [&str; 3] = ["Describe", "Get", "List"];

pub(super) fn check(info: &RuleInfo, rule: &SigmaRule, report: &mut Report<'_>) {
    let mut all: Vec<Alternative<'_>> = Vec::new();
    for condition in &rule.detection.conditions {
        let Some(alternatives) = alternatives(condition, rule) else {
            return;
        };
        all.extend(alternatives);
    }
    let mut why = Vec::new();
    for alternative in &all {
        match contradiction(info, alternative) {
            Some(reason) => why.push(reason),
            None => return,
        }
    }
    if let Some((place, reason)) = why.first() {
        let message = format!("the rule can never fire: {reason}");
        report.error(&["detection:", place], &message);
    }
}

/// A place in the file, and why the alternative cannot be met.
fn contradiction(info: &RuleInfo, alternative: &Alternative<'_>) -> Option<(String, String)> {
    let mut fields: BTreeMap<&str, Demands<'_>> = BTreeMap::new();
    for (group, positive) in alternative {
        for item in &group.items {
            if let Some(field) = item.field.name.as_deref() {
                let demands = fields.entry(field).or_default();
                demands.written = field;
                demands.add(item, *positive);
            }
        }
    }
    let of_field = fields.iter().find_map(|(field, demands)| {
        let reason = demands.contradiction(field)?;
        Some((demands.written.to_owned(), reason))
    });
    let names = fields.get("eventName").and_then(Demands::one_of);
    let sources = fields.get("eventSource").and_then(Demands::one_of);
    of_field
        .or_else(|| wrong_fact(&fields, names.as_deref(), sources.as_deref()))
        .or_else(|| wrong_kind(&fields, names.as_deref()))
        .or_else(|| refused_failure(info, &fields))
}

/// A fact that no event of these names has.
fn wrong_fact(
    fields: &BTreeMap<&str, Demands<'_>>,
    names: Option<&[String]>,
    sources: Option<&[String]>,
) -> Option<(String, String)> {
    let needed = fields.iter().filter(|(field, demands)| {
        field.starts_with("fact.") && demands.present && !demands.missing
    });
    for (field, demands) in needed {
        let fact = field.strip_prefix("fact.").unwrap_or(field);
        let fits = |extractor: &&Extractor| {
            among(extractor.names, names) && among(extractor.sources, sources)
        };
        let makers = EXTRACTORS.iter();
        let makers: Vec<&Extractor> = makers
            .filter(|extractor| extractor.facts.contains(&fact))
            .collect();
        if !makers.is_empty() && !makers.iter().any(fits) {
            let of: Vec<&str> = makers
                .iter()
                .flat_map(|extractor| extractor.names)
                .take(4)
                .copied()
                .collect();
            let reason = format!("`{field}` is made of other events: {}", of.join(", "));
            return Some((demands.written.to_owned(), reason));
        }
    }
    None
}

/// Whether one of the rule's values is on a list; an empty list, or no demand, is any.
fn among(list: &[&str], wanted: Option<&[String]>) -> bool {
    let on_list = |text: &String| {
        let bare = without_date(text);
        list.iter().any(|one| one.eq_ignore_ascii_case(bare))
    };
    list.is_empty() || wanted.is_none_or(|wanted| wanted.iter().any(on_list))
}

/// `readOnly` against what every name says.
fn wrong_kind(
    fields: &BTreeMap<&str, Demands<'_>>,
    names: Option<&[String]>,
) -> Option<(String, String)> {
    let names = names.filter(|names| !names.is_empty())?;
    let read_only = *fields.get("readOnly")?.truths.first()?;
    let begin = |starts: &[&str]| {
        let one = |name: &String| starts.iter().any(|start| name.starts_with(start));
        names.iter().all(one)
    };
    let wrong = if read_only {
        begin(&WRITES)
    } else {
        begin(&READS)
    };
    // These hand out credentials, and are recorded as either.
    let tokens = names.iter().any(|name| name.ends_with("Token"));
    (wrong && !tokens).then(|| {
        let kind = if read_only { "write" } else { "read" };
        (
            "readOnly".to_owned(),
            format!("`readOnly: {read_only}`, and all names {kind}"),
        )
    })
}

/// A rule about errors that is kept away from calls with errors.
fn refused_failure(
    info: &RuleInfo,
    fields: &BTreeMap<&str, Demands<'_>>,
) -> Option<(String, String)> {
    let demands = fields.get("errorCode")?;
    let only_failures = demands.present && !demands.missing;
    (only_failures && !info.takes_attempts()).then(|| {
        let reason = "it needs an `errorCode`, and `dial.attempts: false` keeps such calls away";
        ("errorCode".to_owned(), reason.to_owned())
    })
}

//! Attack techniques as Stratus Red Team detonates them: each must be named by a rule that is
//! about it, not merely be noticed.

use super::corpus::{Entry, judged};
use super::judge::Judge;
use super::{Bound, Part, table};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What counts for one technique.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Technique {
    /// Rules that name it; one of them is enough.
    #[serde(default)]
    rules: Vec<String>,
    /// Why no rule can name it from a single event.
    without: Option<String>,
}

pub(super) fn measure(judge: &Judge, folder: &Path) -> Part {
    let table: BTreeMap<String, Technique> = table::read("stratus.toml");
    let entries = judged(judge, folder, "stratus");
    let mut part = Part::named("stratus");
    let techniques: BTreeSet<&str> = entries.iter().map(|e| e.label.as_str()).collect();
    let mut named = 0;
    for technique in &techniques {
        let found = found(&entries, technique);
        let Some(expected) = table.get(*technique) else {
            part.fault(format!(
                "{technique} is not in stratus.toml; found {found:?}"
            ));
            continue;
        };
        let naming = expected
            .rules
            .iter()
            .filter(|rule| found.contains(rule.as_str()));
        let naming: Vec<&str> = naming.map(String::as_str).collect();
        named += usize::from(!naming.is_empty());
        match (&expected.without, naming.is_empty()) {
            (None, false) => part.line(format!("{technique}: {}", naming.join(", "))),
            (Some(reason), true) => part.line(format!("{technique}: not without state: {reason}")),
            (None, true) => part.fault(format!(
                "{technique} is named by none of {:?}",
                expected.rules
            )),
            (Some(_), false) => part.fault(format!("{technique} is named; drop its `without`")),
        }
    }
    for rule in table.values().flat_map(|t| &t.rules) {
        if !judge.rules().contains(rule.as_str()) {
            part.fault(format!("stratus.toml names `{rule}`, which is no rule"));
        }
    }
    part.figure("techniques", techniques.len(), Bound::Exactly);
    part.figure("named", named, Bound::AtLeast);
    part
}

/// Rules that fired on a technique's events.
fn found<'e>(entries: &'e [Entry], technique: &str) -> BTreeSet<&'e str> {
    let of_it = entries.iter().filter(|entry| entry.label == technique);
    let findings = of_it.flat_map(|entry| &entry.verdict.findings);
    findings.map(|finding| finding.rule.name.as_str()).collect()
}

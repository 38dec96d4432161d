//! Calls that attackers are known to make: which of them a rule covers, and why the others not.

use super::corpus::judged;
use super::judge::Judge;
use super::{Bound, Part, table};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Where the reasons are.
pub(super) const TABLE: &str = "traildiscover.toml";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reasons {
    uncovered: Vec<Uncovered>,
}

/// Calls that are not covered for one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Uncovered {
    /// One word for it.
    class: String,
    /// The same in a sentence.
    #[expect(dead_code, reason = "for the reader of the table")]
    reason: String,
    /// `service:EventName`.
    calls: Vec<String>,
}

pub(super) fn measure(judge: &Judge, folder: &Path) -> Part {
    let Reasons { uncovered } = table::read(TABLE);
    let mut part = Part::named("traildiscover");
    let mut covered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in judged(judge, folder, "traildiscover") {
        let rules = covered.entry(entry.call).or_default();
        rules.extend(entry.verdict.findings.into_iter().map(|f| f.rule.name));
    }
    let mut reasons: BTreeMap<&str, &str> = BTreeMap::new();
    for Uncovered { class, calls, .. } in &uncovered {
        for call in calls {
            if let Some(before) = reasons.insert(call, class) {
                part.fault(format!("{call} has two reasons: {before} and {class}"));
            }
            match covered.get(call) {
                None => part.fault(format!(
                    "{TABLE} names `{call}`, which is no call of the corpus"
                )),
                Some(rules) if !rules.is_empty() => part.outdated.push(call.clone()),
                Some(_) => {}
            }
        }
    }
    let is_covered = |(_, rules): &(_, &BTreeSet<String>)| !rules.is_empty();
    let number = covered.iter().filter(is_covered).count();
    part.figure("calls", covered.len(), Bound::Exactly);
    part.figure("covered", number, Bound::AtLeast);
    part.line(format!(
        "{} % of the calls are covered",
        number * 100 / covered.len().max(1)
    ));
    for class in uncovered.iter().map(|group| group.class.as_str()) {
        let calls = reasons.iter().filter(|(call, of)| {
            **of == class && covered.get(**call).is_some_and(BTreeSet::is_empty)
        });
        let calls: Vec<&str> = calls.map(|(call, _)| *call).collect();
        part.line(format!(
            "not covered, {class}: {} ({})",
            calls.len(),
            calls.join(", ")
        ));
    }
    let gaps = covered.iter().filter(|pair| !is_covered(pair));
    let gaps = gaps
        .map(|(call, _)| call.as_str())
        .filter(|call| !reasons.contains_key(call));
    let gaps: Vec<&str> = gaps.collect();
    if !gaps.is_empty() {
        part.fault(format!(
            "{} not covered without a reason in {TABLE}: {}",
            gaps.len(),
            gaps.join(", ")
        ));
    }
    for call in part.outdated.clone() {
        let rules: Vec<&str> = covered[&call].iter().map(String::as_str).collect();
        part.fault(format!(
            "{call} is covered by {}; take it out of {TABLE} (--update does)",
            rules.join(", ")
        ));
    }
    part
}

//! One day of an account: an ordinary Terraform run, attacks, and what goes on beside them.

use super::corpus::{Entry, judged};
use super::judge::Judge;
use super::{Bound, Part, table};
use dial_core::Severity;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

const TABLE: &str = "invictus.toml";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Justified {
    #[serde(default)]
    justified: Vec<Loud>,
}

/// Findings of high or critical severity on ordinary events that are right nevertheless.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Loud {
    label: String,
    rule: String,
    severity: Severity,
    count: usize,
    /// Why it is right.
    why: String,
}

/// (label, rule, severity): how many findings.
type Tally = BTreeMap<(String, String, Severity), usize>;

pub(super) fn measure(judge: &Judge, folder: &Path) -> Part {
    let Justified { justified } = table::read(TABLE);
    let entries = judged(judge, folder, "invictus");
    let tally = tally(&entries);
    let mut part = Part::named("invictus");
    let sum = |label: &str, least: Severity| -> usize {
        let of = tally
            .iter()
            .filter(|((l, _, severity), _)| l == label && *severity >= least);
        of.map(|(_, count)| count).sum()
    };
    part.figure(
        "detonation_findings",
        sum("detonation", Severity::Informational),
        Bound::AtLeast,
    );
    part.figure(
        "setup_findings",
        sum("setup", Severity::Informational),
        Bound::AtMost,
    );
    part.figure("setup_high", sum("setup", Severity::High), Bound::AtMost);
    part.figure(
        "background_findings",
        sum("background", Severity::Informational),
        Bound::AtMost,
    );
    let loud = sum("background", Severity::High);
    part.figure("background_high", loud, Bound::AtMost);
    let background = entries.iter().filter(|e| e.label == "background").count();
    let tenths = loud * 10_000 / background.max(1);
    part.line(format!(
        "{loud} high or critical in {background} background events: {}.{} per 1,000",
        tenths / 10,
        tenths % 10,
    ));
    for ((label, rule, severity), count) in &tally {
        part.line(format!("{label}: {count} {severity} {rule}"));
        let is_ordinary = label != "detonation" && *severity >= Severity::High;
        let reason = justified
            .iter()
            .find(|j| j.label == *label && j.rule == *rule && j.severity == *severity);
        match reason {
            Some(given) if given.count == *count => part.line(format!("  {}", given.why)),
            Some(given) => part.fault(format!(
                "{label}: {count} {severity} {rule}, {TABLE} justifies {}",
                given.count
            )),
            None if is_ordinary => part.fault(format!(
                "{label}: {count} {severity} {rule} that {TABLE} does not justify"
            )),
            None => {}
        }
    }
    for given in &justified {
        if !tally.contains_key(&(given.label.clone(), given.rule.clone(), given.severity)) {
            part.fault(format!(
                "{TABLE} justifies {} {} in {}, which is no longer found",
                given.severity, given.rule, given.label
            ));
        }
    }
    part
}

fn tally(entries: &[Entry]) -> Tally {
    let mut tally = Tally::new();
    for entry in entries {
        for finding in &entry.verdict.findings {
            let key = (
                entry.label.clone(),
                finding.rule.name.clone(),
                finding.severity,
            );
            *tally.entry(key).or_default() += 1;
        }
    }
    tally
}

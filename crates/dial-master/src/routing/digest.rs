//! Digests: in a storm one message says what many would have said.

use super::mention::Mention;
use dial_core::{Finding, FindingId, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Rules and accounts that a digest names.
const NAMED: usize = 5;
/// Findings that a digest names.
const WORST: usize = 5;
/// Longest title that a digest keeps, characters.
const MAX_TITLE: usize = 200;

/// What one message says of many findings; kept with the delivery that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// How many findings.
    pub count: usize,
    /// How many of each severity, the worst first; none is left out.
    pub by_severity: Vec<(Severity, usize)>,
    /// The rules with the most findings.
    pub by_rule: Vec<(String, usize)>,
    /// The accounts with the most findings.
    pub by_account: Vec<(String, usize)>,
    /// The worst findings, among equals the newest.
    pub worst: Vec<Named>,
    /// Time of the first event.
    pub from: Timestamp,
    /// Time of the last one.
    pub to: Timestamp,
    /// Who is alerted: whomever the routes of its findings mention, each once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub mentions: BTreeSet<Mention>,
}

/// A finding that a digest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: FindingId,
    /// Its severity.
    pub severity: Severity,
    /// Its title, still untrusted.
    pub title: String,
    /// Its account, by name where it has one.
    pub account: String,
}

/// Whether so many findings that wait for a sink become a digest.
///
/// Critical ones are told each by itself, unless they are too many themselves: the answer says
/// which severities go into the digest.
pub fn storm(severities: &[Severity], above: usize) -> Option<fn(Severity) -> bool> {
    let critical = severities
        .iter()
        .filter(|severity| **severity == Severity::Critical)
        .count();
    match severities.len() {
        _ if critical > above => Some(|_| true),
        all if all > above && all > critical + 1 => Some(|severity| severity < Severity::Critical),
        _ => None,
    }
}

impl Digest {
    /// The digest of these findings; `None` of none.
    pub fn of(findings: &[&Finding]) -> Option<Self> {
        let times = || findings.iter().map(|finding| finding.time);
        let mut severities: BTreeMap<Severity, usize> = BTreeMap::new();
        for finding in findings {
            *severities.entry(finding.severity).or_default() += 1;
        }
        let mut worst = findings.to_vec();
        worst.sort_by(|a, b| (b.severity, b.time, &a.id).cmp(&(a.severity, a.time, &b.id)));
        Some(Self {
            count: findings.len(),
            by_severity: severities.into_iter().rev().collect(),
            by_rule: most(findings.iter().map(|finding| finding.rule.name.clone())),
            by_account: most(findings.iter().map(|finding| account(finding))),
            worst: worst.into_iter().take(WORST).map(Named::of).collect(),
            from: times().min()?,
            to: times().max()?,
            mentions: BTreeSet::new(),
        })
    }
}

impl Named {
    fn of(finding: &Finding) -> Self {
        Self {
            id: finding.id.clone(),
            severity: finding.severity,
            title: finding.title.chars().take(MAX_TITLE).collect(),
            account: account(finding),
        }
    }
}

fn account(finding: &Finding) -> String {
    let name = finding.account.name.as_ref();
    name.unwrap_or(&finding.account.id).clone()
}

/// The most frequent values, among equals in the order of their texts.
fn most(values: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(NAMED);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::samples;
    use Severity::{Critical, High, Low};

    #[test]
    fn a_storm_leaves_out_the_critical_unless_they_are_the_storm() {
        let many = |severity, count: usize| vec![severity; count];
        let cases: [(&str, Vec<Severity>, Option<bool>); 6] = [
            ("calm", many(Low, 20), None),
            ("storm", many(Low, 21), Some(false)),
            ("storm of the critical", many(Critical, 21), Some(true)),
            (
                "both",
                [many(Low, 21), many(Critical, 20)].concat(),
                Some(false),
            ),
            (
                "critical only just",
                [many(Low, 1), many(Critical, 20)].concat(),
                None,
            ),
            (
                "few beside",
                [many(High, 2), many(Critical, 19)].concat(),
                Some(false),
            ),
        ];
        for (name, severities, expected) in cases {
            let takes = storm(&severities, 20);
            assert_eq!(takes.map(|takes| takes(Critical)), expected, "{name}");
            assert!(takes.is_none_or(|takes| takes(High)), "{name}");
        }
    }

    #[test]
    fn a_digest_counts_all_and_names_the_worst() {
        let findings: Vec<Finding> = (0..30_u32)
            .map(|n| {
                samples::finding_with(n, |finding| {
                    finding.severity = if n == 7 { High } else { Low };
                    finding.rule.name = format!("rule_{}", n % 7);
                    finding.account.name = (n % 3 > 0).then(|| format!("team {}", n % 3));
                    finding.time = Timestamp::from_second(1_777_629_600 + i64::from(n)).unwrap();
                })
            })
            .collect();
        let digest = Digest::of(&findings.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(digest.count, 30);
        assert_eq!(digest.worst[0].severity, High);
        insta::assert_json_snapshot!(digest);
        assert_eq!(Digest::of(&[]), None);
    }
}

//! Whether ATT&CK tags are valid, and go with each other.

use super::Report;
use rsigma_parser::SigmaRule;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// The version of ATT&CK that tags are checked against.
pub const ATTACK_VERSION: &str = "17.1";

static TECHNIQUES: &str = include_str!("../../../data/attack.txt");

/// Tactics and name.
type Matrix = BTreeMap<&'static str, (Vec<&'static str>, &'static str)>;

/// By technique, such as `t1530`.
fn matrix() -> &'static Matrix {
    static MATRIX: OnceLock<Matrix> = OnceLock::new();
    MATRIX.get_or_init(|| {
        let lines = TECHNIQUES.lines().filter(|line| !line.starts_with('#'));
        let split = lines.filter_map(|line| line.split_once(' '));
        split
            .filter_map(|(technique, rest)| {
                let (tactics, name) = rest.split_once(": ")?;
                Some((technique, (tactics.split(' ').collect(), name)))
            })
            .collect()
    })
}

/// Tactics of a technique, such as `T1530`; empty where there is no such technique.
pub fn tactics(technique: &str) -> &'static [&'static str] {
    let found = matrix().get(technique.to_ascii_lowercase().as_str());
    found.map_or(&[], |(tactics, _)| tactics.as_slice())
}

/// The name of a technique as ATT&CK shows it, a sub-technique after its technique:
/// `Valid Accounts: Cloud Accounts` for `T1078.004`.
pub fn technique_name(technique: &str) -> Option<String> {
    let id = technique.to_ascii_lowercase();
    let (_, name) = matrix().get(id.as_str())?;
    let parent = id
        .split_once('.')
        .and_then(|(parent, _)| matrix().get(parent));
    Some(match parent {
        Some((_, parent)) => format!("{parent}: {name}"),
        None => (*name).to_owned(),
    })
}

pub(super) fn check(rule: &SigmaRule, report: &mut Report<'_>) {
    let words = rule
        .tags
        .iter()
        .filter_map(|tag| tag.strip_prefix("attack."));
    let (techniques, others): (Vec<&str>, Vec<&str>) = words.partition(|word| is_id(word, 't'));
    let tactics: BTreeSet<&str> = matrix()
        .values()
        .flat_map(|(tactics, _)| tactics)
        .copied()
        .collect();
    let (named, unknown): (Vec<&str>, Vec<&str>) =
        others.into_iter().partition(|word| tactics.contains(word));
    for word in unknown {
        // Groups (g0001) and software (s0001) are tags too, but no technique.
        if !is_id(word, 'g') && !is_id(word, 's') {
            report.error(&["tags:", word], &no_tag(word, &tactics));
        }
    }
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    for word in techniques {
        let Some((of, _)) = matrix().get(word) else {
            let message = format!(
                "ATT&CK {ATTACK_VERSION} has no technique {}",
                word.to_ascii_uppercase()
            );
            report.error(&["tags:", word], &message);
            continue;
        };
        reached.extend(of);
        if !named.is_empty() && !of.iter().any(|tactic| named.contains(tactic)) {
            let message = format!(
                "`attack.{word}` belongs to none of the tactics named; add attack.{}",
                of.join(" or attack.")
            );
            report.warning(&["tags:", word], &message);
        }
    }
    for word in named {
        if !reached.is_empty() && !reached.contains(word) {
            let message = format!("no technique named here belongs to the tactic `attack.{word}`");
            report.warning(&["tags:", word], &message);
        }
    }
}

fn no_tag(word: &str, tactics: &BTreeSet<&str>) -> String {
    let folded = word.replace('_', "-");
    match super::names::nearest(&folded, tactics.iter().copied()) {
        Some(meant) => format!("`attack.{word}` is no ATT&CK tag; attack.{meant} is one"),
        None => format!("`attack.{word}` is no ATT&CK tag: attack.t1530 or attack.impact"),
    }
}

/// A letter and digits, such as `t1530`, `t1562.008` or `g0016`.
fn is_id(word: &str, letter: char) -> bool {
    let rest = word.strip_prefix(letter);
    rest.is_some_and(|rest| {
        let digits = |c: char| c.is_ascii_digit() || c == '.';
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.chars().all(digits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_whole() {
        assert_eq!(matrix().len(), 679);
        for (technique, (tactics, name)) in matrix() {
            assert!(!name.is_empty() && name.trim() == *name, "{technique}");
            let parent = technique.split('.').next().unwrap();
            let (of_parent, _) = &matrix()[parent];
            let inherited = tactics.iter().all(|tactic| of_parent.contains(tactic));
            assert!(inherited && is_id(technique, 't'), "{technique}");
        }
        let version = TECHNIQUES.lines().next().unwrap();
        assert!(version.contains(ATTACK_VERSION), "{version}");
        for (technique, name) in [
            ("T1530", Some("Data from Cloud Storage")),
            ("T1078.004", Some("Valid Accounts: Cloud Accounts")),
            ("T9999", None),
            ("T9999.001", None),
            ("", None),
        ] {
            assert_eq!(technique_name(technique).as_deref(), name, "{technique}");
        }
    }
}

//! `/rules`: what is looked for, what of it happened, and which of ATT&CK's techniques it covers.

use super::frame::Frame;
use super::oops::Oops;
use super::reply;
use super::visitor::Visitor;
use super::words;
use crate::api::State;
use askama::Template;
use axum::extract;
use axum::response::Response;
use dial_core::catalogue::RuleCard;
use dial_core::store::stats::{Stats, Step, Window};
use http::StatusCode;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Days over which findings are counted.
const DAYS: u16 = 30;
/// Tactics in the order of the matrix; any other comes last.
const TACTICS: [&str; 14] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

/// One rule.
#[derive(Debug)]
struct Row {
    name: String,
    title: String,
    severity: &'static str,
    severity_word: &'static str,
    pack: String,
    attack: Vec<String>,
    tests: usize,
    fired: u64,
}

/// One technique in a column of the matrix.
#[derive(Debug)]
struct Cell {
    id: String,
    rules: usize,
    fired: u64,
}

/// One column of the matrix.
#[derive(Debug)]
struct Column {
    tactic: String,
    cells: Vec<Cell>,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "rules.html")]
struct Page {
    frame: Frame,
    days: u16,
    known: bool,
    rules: Vec<Row>,
    fired: usize,
    techniques: usize,
    matrix: Vec<Column>,
}

pub(super) async fn show(
    visitor: Visitor,
    extract::State(state): extract::State<Arc<State>>,
) -> Result<Response, Oops> {
    let now = state.now();
    let to = now.to_zoned(TimeZone::UTC).date();
    let from = to.saturating_sub((i64::from(DAYS) - 1).days());
    let by = Step::Day;
    let numbers = Stats::read(&*state.parts.store, Window { from, to, by }, now).await?;
    let cards = &state.parts.dashboard.rules;
    let rules = rows(cards, &numbers.by_rule);
    let techniques: BTreeSet<&str> = cards
        .iter()
        .flat_map(|card| card.attack.iter().map(|one| one.id.as_str()))
        .collect();
    let page = Page {
        frame: Frame::new(&visitor, "rules", "Rules"),
        days: DAYS,
        known: !cards.is_empty(),
        fired: rules.iter().filter(|row| row.fired > 0).count(),
        rules,
        techniques: techniques.len(),
        matrix: matrix(cards, &numbers.by_rule),
    };
    Ok(reply::page(StatusCode::OK, &page))
}

/// Every rule that is known or fired: what fired most first, then by name.
fn rows(cards: &[RuleCard], fired: &BTreeMap<String, u64>) -> Vec<Row> {
    let count = |name: &str| fired.get(name).copied().unwrap_or(0);
    let known = cards.iter().map(|card| Row {
        name: card.name.clone(),
        title: words::one_line(&card.title),
        severity: card.level.as_str(),
        severity_word: words::severity(card.level),
        pack: card.pack.clone(),
        attack: card.attack.iter().map(|one| one.id.clone()).collect(),
        tests: card.tests,
        fired: count(&card.name),
    });
    let names: BTreeSet<&str> = cards.iter().map(|card| card.name.as_str()).collect();
    let others = fired
        .iter()
        .filter(|(name, _)| !names.contains(name.as_str()));
    let others = others.map(|(name, count)| Row {
        name: words::one_line(name),
        title: String::new(),
        severity: "",
        severity_word: "",
        pack: String::new(),
        attack: Vec::new(),
        tests: 0,
        fired: *count,
    });
    let mut rows: Vec<Row> = known.chain(others).collect();
    rows.sort_by(|a, b| (b.fired, &a.name).cmp(&(a.fired, &b.name)));
    rows
}

/// Rules of each technique, and how often they fired.
type Techniques<'c> = BTreeMap<&'c str, (BTreeSet<&'c str>, u64)>;

/// Techniques below their tactics, sub-techniques with their technique.
fn matrix(cards: &[RuleCard], fired: &BTreeMap<String, u64>) -> Vec<Column> {
    let mut columns: BTreeMap<(usize, &str), Techniques<'_>> = BTreeMap::new();
    for card in cards {
        for technique in &card.attack {
            let id = technique.id.split('.').next().unwrap_or(&technique.id);
            for tactic in &technique.tactics {
                let place = TACTICS.iter().position(|known| known == tactic);
                let place = place.unwrap_or(TACTICS.len());
                let column = columns.entry((place, tactic)).or_default();
                let (rules, count) = column.entry(id).or_default();
                if rules.insert(&card.name) {
                    *count += fired.get(&card.name).copied().unwrap_or(0);
                }
            }
        }
    }
    let column = |((_, tactic), cells): ((usize, &str), Techniques<'_>)| Column {
        tactic: tactic.replace('-', " "),
        cells: cells
            .into_iter()
            .map(|(id, (rules, fired))| Cell {
                id: id.to_owned(),
                rules: rules.len(),
                fired,
            })
            .collect(),
    };
    columns.into_iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::Severity;
    use dial_core::catalogue::Technique;

    fn card(name: &str, technique: &str, tactics: &[&str]) -> RuleCard {
        RuleCard {
            name: name.into(),
            title: name.into(),
            level: Severity::High,
            pack: "core".into(),
            attack: vec![Technique {
                id: technique.into(),
                tactics: tactics.iter().map(|&tactic| tactic.into()).collect(),
            }],
            tests: 2,
        }
    }

    #[test]
    fn the_matrix_counts_each_rule_once_below_its_technique() {
        let cards = [
            card("a", "T1078.004", &["persistence", "initial-access"]),
            card("b", "T1078", &["initial-access"]),
            card("c", "T1999", &["novelty"]),
        ];
        let fired = BTreeMap::from([("a".to_owned(), 3), ("z".to_owned(), 9)]);
        let shown: Vec<String> = matrix(&cards, &fired)
            .iter()
            .flat_map(|column| {
                let cells = column.cells.iter();
                cells.map(|c| format!("{} {} {} {}", column.tactic, c.id, c.rules, c.fired))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "initial access T1078 2 3",
                "persistence T1078 1 3",
                "novelty T1999 1 0"
            ]
        );
        let rows = rows(&cards, &fired);
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row.name.as_str(), row.fired))
            .collect();
        assert_eq!(rows, [("z", 9), ("a", 3), ("b", 0), ("c", 0)]);
    }
}

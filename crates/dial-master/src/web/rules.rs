//! `/rules`: what is looked for, what of it happened, and which of ATT&CK's techniques it covers.

use super::filter::{Chip, Choice};
use super::frame::Frame;
use super::oops::Oops;
use super::reply;
use super::visitor::Visitor;
use super::words;
use crate::api::State;
use crate::fleet;
use askama::Template;
use axum::extract;
use axum::response::Response;
use dial_core::Severity;
use dial_core::catalogue::{Catalogue, RuleCard, Technique};
use dial_core::store::StoreError;
use dial_core::store::fleet::Fleet as _;
use dial_core::store::stats::{Stats, Step, Window};
use http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Days over which findings are counted.
pub(super) const DAYS: u16 = 30;
/// Digits of a hash that are shown.
const DIGITS: usize = 12;
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
    attack: Vec<Named>,
    tests: usize,
    fired: u64,
}

/// A technique as it is shown.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) id: String,
    /// Empty where it is not known.
    pub(super) name: String,
}

/// One technique in a column of the matrix.
#[derive(Debug)]
struct Cell {
    id: String,
    name: String,
    rules: usize,
    fired: u64,
}

/// One column of the matrix.
#[derive(Debug)]
struct Column {
    tactic: String,
    cells: Vec<Cell>,
}

/// What the address asks for; what it does not know, it does not restrict.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    words: String,
    levels: Vec<Severity>,
    technique: String,
    needs: String,
    fired: bool,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "rules.html")]
struct Page {
    frame: Frame,
    days: u16,
    known: bool,
    words: String,
    levels: Vec<Choice>,
    only_fired: bool,
    chips: Vec<Chip>,
    asked: bool,
    /// That the workers run other rules than the catalogue tells of.
    other: Option<String>,
    all: usize,
    rules: Vec<Row>,
    fired: usize,
    techniques: usize,
    matrix: Vec<Column>,
}

pub(super) async fn show(
    visitor: Visitor,
    extract::State(state): extract::State<Arc<State>>,
    extract::RawQuery(query): extract::RawQuery,
) -> Result<Response, Oops> {
    let now = state.now();
    let asked = Asked::read(query.as_deref().unwrap_or_default());
    let catalogue = &*state.parts.dashboard.catalogue;
    let (numbers, other) = futures::try_join!(numbers(&state, now), other(&state, catalogue, now))?;
    let cards = &catalogue.rules;
    let fired = rows(cards, &numbers.by_rule, &Asked::default());
    let techniques: BTreeSet<&str> = cards
        .iter()
        .flat_map(|card| card.attack.iter().map(|one| one.id.as_str()))
        .collect();
    let page = Page {
        frame: Frame::new(&visitor, "rules", "Rules"),
        days: DAYS,
        known: !cards.is_empty(),
        levels: asked.choices(),
        only_fired: asked.fired,
        chips: asked.chips(cards),
        asked: asked != Asked::default(),
        other,
        all: cards.len(),
        fired: fired.iter().filter(|row| row.fired > 0).count(),
        rules: rows(cards, &numbers.by_rule, &asked),
        words: asked.words,
        techniques: techniques.len(),
        matrix: matrix(cards, &numbers.by_rule),
    };
    Ok(reply::page(StatusCode::OK, &page))
}

/// What happened within [`DAYS`].
pub(super) async fn numbers(state: &State, now: Timestamp) -> Result<Stats, StoreError> {
    let to = now.to_zoned(TimeZone::UTC).date();
    let from = to.saturating_sub((i64::from(DAYS) - 1).days());
    let window = Window {
        from,
        to,
        by: Step::Day,
        over: None,
    };
    Stats::read(&*state.parts.store, window, now).await
}

/// What to say where the workers' newest rules are not those of the catalogue.
async fn other(
    state: &State,
    catalogue: &Catalogue,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let members = state.parts.store.workers(now).await?;
    let newest = fleet::newest_rules(&members, state.parts.silent_after, now);
    let differs = |hash: &&str| !catalogue.hash.is_empty() && *hash != catalogue.hash;
    let short = |hash: &str| {
        words::one_line(hash)
            .chars()
            .take(DIGITS)
            .collect::<String>()
    };
    Ok(newest
        .map(|newest| newest.hash)
        .filter(differs)
        .map(|hash| {
            format!(
                "The workers run other rules ({}) than this page tells of ({}, version {}).",
                short(hash),
                short(&catalogue.hash),
                words::one_line(&catalogue.version)
            )
        }))
}

impl Asked {
    /// The name of the technique that is asked for, where the catalogue has it.
    fn technique_name(&self, cards: &[RuleCard]) -> String {
        let below = format!("{}.", self.technique);
        let mut all = cards.iter().flat_map(|card| &card.attack);
        let named = all.find_map(|one| {
            let name = if one.id.starts_with(&below) {
                one.name.split(": ").next()
            } else {
                (one.id == self.technique).then_some(one.name.as_str())
            };
            name.filter(|name| !name.is_empty())
        });
        named.unwrap_or_default().to_owned()
    }

    fn read(query: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            match &*name {
                "q" => value.clone_into(&mut asked.words),
                "level" => asked.levels.extend(value.parse::<Severity>()),
                "attack" => asked.technique = value.to_uppercase(),
                "needs" => value.clone_into(&mut asked.needs),
                "fired" => asked.fired = !value.is_empty(),
                _ => {}
            }
        }
        asked
    }

    fn choices(&self) -> Vec<Choice> {
        let choice = |level: Severity| {
            let ticked = self.levels.contains(&level);
            Choice::new("level", level.as_str(), words::severity(level), ticked)
        };
        Severity::ALL.into_iter().rev().map(choice).collect()
    }

    /// What has no field of its own, and the page without it.
    fn chips(&self, cards: &[RuleCard]) -> Vec<Chip> {
        let technique = format!("{} {}", self.technique, self.technique_name(cards));
        let set = [("ATT&CK", technique.trim()), ("needs", &*self.needs)];
        let set = set.into_iter().filter(|(_, value)| !value.is_empty());
        set.map(|(name, value)| Chip {
            text: words::one_line(&format!("{name}: {value}")),
            without: "/rules".to_owned(),
        })
        .collect()
    }

    fn takes(&self, card: &RuleCard, fired: u64) -> bool {
        let text = [&card.name, &card.title, &card.description].map(|text| text.to_lowercase());
        let mut words = self.words.split_whitespace().map(str::to_lowercase);
        let is_below = |id: &str| {
            let rest = id.strip_prefix(self.technique.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        words.all(|word| text.iter().any(|text| text.contains(&word)))
            && (self.levels.is_empty() || self.levels.contains(&card.level))
            && (self.technique.is_empty() || card.attack.iter().any(|one| is_below(&one.id)))
            && (self.needs.is_empty()
                || card
                    .requires
                    .iter()
                    .any(|one| one.to_string() == self.needs))
            && (!self.fired || fired > 0)
    }
}

/// Every rule that is asked for, and those that nobody knows and that fired: what fired most first,
/// then by name.
fn rows(cards: &[RuleCard], fired: &BTreeMap<String, u64>, asked: &Asked) -> Vec<Row> {
    let count = |name: &str| fired.get(name).copied().unwrap_or(0);
    let known = cards
        .iter()
        .filter(|card| asked.takes(card, count(&card.name)));
    let known = known.map(|card| Row {
        name: card.name.clone(),
        title: words::one_line(&card.title),
        severity: card.level.as_str(),
        severity_word: words::severity(card.level),
        pack: words::one_line(&card.pack),
        attack: card.attack.iter().map(Named::of).collect(),
        tests: card.tests,
        fired: count(&card.name),
    });
    let names: BTreeSet<&str> = cards.iter().map(|card| card.name.as_str()).collect();
    // Of these nothing but the name is known.
    let only_words = Asked {
        words: asked.words.clone(),
        fired: asked.fired,
        ..Asked::default()
    };
    let is_asked = |name: &str| {
        let mut words = asked.words.split_whitespace();
        *asked == only_words && words.all(|word| name.contains(word))
    };
    let others = fired
        .iter()
        .filter(|(name, _)| !names.contains(name.as_str()) && is_asked(name));
    let others = others.map(|(name, count)| Row {
        name: name.clone(),
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

impl Named {
    pub(super) fn of(technique: &Technique) -> Self {
        Self {
            id: words::one_line(&technique.id),
            name: words::one_line(&technique.name),
        }
    }
}

/// What is known of a technique below a tactic.
#[derive(Default)]
struct Covered<'c> {
    name: &'c str,
    rules: BTreeSet<&'c str>,
    fired: u64,
}

type Techniques<'c> = BTreeMap<&'c str, Covered<'c>>;

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
                let covered = column.entry(id).or_default();
                // A sub-technique's name begins with that of its technique.
                let name = technique.name.split(": ").next().unwrap_or_default();
                covered.name = if covered.name.is_empty() {
                    name
                } else {
                    covered.name
                };
                if covered.rules.insert(&card.name) {
                    covered.fired += fired.get(&card.name).copied().unwrap_or(0);
                }
            }
        }
    }
    let column = |((_, tactic), cells): ((usize, &str), Techniques<'_>)| Column {
        tactic: tactic.replace('-', " "),
        cells: cells
            .into_iter()
            .map(|(id, covered)| Cell {
                id: id.to_owned(),
                name: words::one_line(covered.name),
                rules: covered.rules.len(),
                fired: covered.fired,
            })
            .collect(),
    };
    columns.into_iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::catalogue::Requirement;

    fn card(name: &str, technique: &str, tactics: &[&str]) -> RuleCard {
        RuleCard {
            id: String::new(),
            name: name.into(),
            title: name.into(),
            description: "Anyone could read it. Close it.".into(),
            level: Severity::High,
            pack: "core".into(),
            version: "2026-05-01".into(),
            attack: vec![Technique {
                id: technique.into(),
                name: match technique {
                    "T1078.004" => "Valid Accounts: Cloud Accounts".into(),
                    _ => String::new(),
                },
                tactics: tactics.iter().map(|&tactic| tactic.into()).collect(),
            }],
            falsepositives: Vec::new(),
            references: Vec::new(),
            requires: vec![Requirement::UsEast1],
            tests: 2,
        }
    }

    #[test]
    fn rules_are_found_by_what_is_known_of_them() {
        let cards = [
            card("bucket_public", "T1530", &[]),
            card("user_admin", "T1078.004", &[]),
        ];
        let fired = BTreeMap::from([("user_admin".to_owned(), 3), ("own_rule".to_owned(), 1)]);
        for (query, expected) in [
            ("", "user_admin own_rule bucket_public"),
            ("q=CLOSE+bucket", "bucket_public"),
            ("q=own", "own_rule"),
            ("level=high", "user_admin bucket_public"),
            ("level=low&level=colour", ""),
            ("attack=t1078", "user_admin"),
            ("attack=T107", ""),
            ("needs=a+worker+in+us-east-1", "user_admin bucket_public"),
            ("needs=GuardDuty", ""),
            ("fired=yes", "user_admin own_rule"),
            ("fired=&colour=red", "user_admin own_rule bucket_public"),
        ] {
            let rows = rows(&cards, &fired, &Asked::read(query));
            let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
            assert_eq!(names.join(" "), expected, "{query}");
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
                cells.map(|c| {
                    format!(
                        "{} {} {} {} {}",
                        column.tactic, c.id, c.rules, c.fired, c.name
                    )
                })
            })
            .collect();
        assert_eq!(
            shown,
            [
                "initial access T1078 2 3 Valid Accounts",
                "persistence T1078 1 3 Valid Accounts",
                "novelty T1999 1 0 "
            ]
        );
        let rows = rows(&cards, &fired, &Asked::default());
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row.name.as_str(), row.fired))
            .collect();
        assert_eq!(rows, [("z", 9), ("a", 3), ("b", 0), ("c", 0)]);
    }
}

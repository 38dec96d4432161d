//! `/rules/{name}`: what a rule looks for, what it needs, what else may look like it, what it found.

use super::finding::safe_links;
use super::frame::Frame;
use super::line::Line;
use super::oops::Oops;
use super::rules::{DAYS, Named, numbers};
use super::visitor::Visitor;
use super::words;
use super::{blind, reply};
use crate::api::State;
use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path};
use axum::response::Response;
use dial_core::catalogue::RuleCard;
use dial_core::store::Query;
use dial_core::store::silence::Silence;
use http::StatusCode;
use jiff::Timestamp;
use std::sync::Arc;

/// Longest name that is looked up, bytes.
const MAX_NAME: usize = 256;
/// Most findings that are shown.
const FINDINGS: usize = 10;

/// What the catalogue tells.
#[derive(Debug)]
struct Known {
    severity: &'static str,
    severity_word: &'static str,
    description: String,
    falsepositives: Vec<String>,
    attack: Vec<Named>,
    references: Vec<String>,
    requires: Vec<blind::Need>,
    pack: &'static str,
    version: String,
    tests: usize,
    id: String,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "rule.html")]
struct Page {
    frame: Frame,
    name: String,
    title: String,
    known: Option<Known>,
    days: u16,
    fired: u64,
    findings: Vec<Line>,
    silences: Vec<String>,
}

pub(super) async fn show(
    visitor: Visitor,
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Oops> {
    let name = path.ok().map(|Path(name)| name);
    let name = name.filter(|name| !name.is_empty() && name.len() <= MAX_NAME);
    let name = name.ok_or_else(|| Oops::unknown("rule"))?;
    let (store, now) = (&*state.parts.store, state.now());
    let query = Query {
        rule: vec![name.clone()],
        ..Query::default()
    };
    let (page, numbers, silences) = futures::try_join!(
        store.list(&query, None, FINDINGS, now),
        numbers(&state, now),
        store.silences(now)
    )?;
    let card = state.parts.dashboard.catalogue.rule(&name);
    let latest = page.items.first();
    let fired = numbers.by_rule.get(&name).copied().unwrap_or(0);
    if card.is_none() && latest.is_none() && fired == 0 {
        return Err(Oops::unknown("rule"));
    }
    let title = card.map(|card| &card.title);
    let title = title.or(latest.map(|latest| &latest.rule.title));
    let title = words::one_line(title.unwrap_or(&name));
    let page = Page {
        frame: Frame::new(&visitor, "rules", title.clone()),
        title,
        known: card.map(Known::of),
        days: DAYS,
        fired,
        findings: page.items.iter().map(|item| Line::new(item, now)).collect(),
        silences: naming(&silences, &name, now),
        name,
    };
    Ok(reply::page(StatusCode::OK, &page))
}

impl Known {
    fn of(card: &RuleCard) -> Self {
        let lines = |texts: &[String]| texts.iter().map(|text| words::one_line(text)).collect();
        Self {
            severity: card.level.as_str(),
            severity_word: words::severity(card.level),
            description: words::lines(card.description.trim()),
            falsepositives: lines(&card.falsepositives),
            attack: card.attack.iter().map(Named::of).collect(),
            references: safe_links(&card.references),
            requires: card.requires.iter().map(blind::Need::of).collect(),
            pack: match card.pack.as_str() {
                "core" => "built in",
                "audit" => "audit pack",
                _ => "yours",
            },
            version: words::one_line(&card.version),
            tests: card.tests,
            id: words::one_line(&card.id),
        }
    }
}

/// Silences in force that name the rule, by reason and end.
fn naming(silences: &[Silence], name: &str, now: Timestamp) -> Vec<String> {
    let matcher = format!("rule={name}");
    let names = |silence: &&Silence| {
        let mut matchers = silence.matchers.iter();
        silence.is_in_force(now) && matchers.any(|text| text.replace(['"', ' '], "") == matcher)
    };
    let silences = silences.iter().filter(names);
    silences
        .map(|silence| {
            let ends = words::When::new(silence.ends_at, now);
            words::one_line(&format!("{}, ends {}", silence.reason, ends.ago))
        })
        .collect()
}

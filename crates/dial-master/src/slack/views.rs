//! Dialogs: an event to look at, and the question how far something was nothing.
//!
//! Foreign text stands in `plain_text` and preformatted rich text, which parse no markup.

use super::payload::{Breadth, Target, name};
use crate::message::links::{Links, cloudtrail_event};
use crate::message::text::inert;
use crate::message::{severity_mark, title};
use dial_core::Finding;
use serde_json::{Value, json};

/// Of a fact, characters; four of them and a title stay under the rest of [`PAGE`].
const MAX_FACT: usize = 100;
/// Of a title, characters.
const MAX_TITLE: usize = 140;
/// JSON bytes of one preformatted block; Slack documents no limit, sections take 3,000 characters.
const MAX_BLOCK: usize = 2_800;
/// Preformatted blocks of a page; Slack refuses about 13,200 characters in sum.
const PAGE: usize = 3;
/// Characters of a line, so that even one of four-byte characters fits a block.
const MAX_LINE: usize = 650;
/// Deepest indentation that is shown, spaces; deeper lines stay there.
const MAX_INDENT: usize = 40;

/// The event behind a finding, page by page, counted from 0; a page beyond the last is the last.
pub(crate) fn event(finding: &Finding, record: &Record, links: &Links, page: usize) -> Value {
    let mut blocks = vec![heading(finding)];
    blocks.push(facts(&[
        ("Account", &finding.account.id),
        ("Region", &finding.region),
        ("Time", &finding.time.to_string()),
        ("Finding", finding.id.as_str()),
    ]));
    match record {
        Record::Text(text) => blocks.extend(paged(finding, text, page)),
        Record::Elsewhere(why) => blocks.push(section(&inert(why, 500))),
    }
    let targets = [
        (
            "dial_open_finding",
            "Open finding",
            links.finding(&finding.id),
        ),
        (
            "dial_open_event",
            "CloudTrail event",
            cloudtrail_event(finding),
        ),
    ];
    let elements: Vec<Value> = targets
        .into_iter()
        .filter_map(|(action, label, url)| Some(link(action, label, &url?)))
        .collect();
    if !elements.is_empty() {
        blocks.push(json!({"type": "actions", "elements": elements}));
    }
    json!({
        "type": "modal",
        "callback_id": name::SHOW,
        "title": plain("Event"),
        "close": plain("Close"),
        "blocks": blocks,
    })
}

/// A record as the dialog can show it.
pub(crate) enum Record {
    /// Its JSON.
    Text(String),
    /// Not here; says where it is.
    Elsewhere(String),
}

fn paged(finding: &Finding, text: &str, page: usize) -> Vec<Value> {
    let all = cut(text);
    let pages: Vec<&[String]> = all.chunks(PAGE).collect();
    let last = pages.len().saturating_sub(1);
    let page = page.min(last);
    let shown = pages.get(page).copied().unwrap_or_default();
    let mut blocks: Vec<Value> = shown.iter().map(|text| preformatted(text)).collect();
    if last > 0 {
        let place = format!("Page {} of {}", page + 1, last + 1);
        blocks.push(json!({"type": "context", "elements": [plain(&place)]}));
        let turns = [
            (page > 0, "_back", "Previous page", page.saturating_sub(1)),
            (page < last, "_on", "Next page", page + 1),
        ];
        let buttons = turns.into_iter().filter(|(there, ..)| *there);
        let buttons = buttons.map(|(_, which, label, to)| {
            let action = format!("{}{which}", name::TURN);
            let value = format!("{}.{to}", finding.id);
            json!({"type": "button", "action_id": action, "text": plain(label), "value": value})
        });
        blocks.push(json!({"type": "actions", "elements": buttons.collect::<Vec<_>>()}));
    }
    blocks
}

/// Visible lines in parts that fit a block each; nothing is left out, long lines are wrapped.
fn cut(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut bytes = 0;
    for line in text.lines().flat_map(wrapped) {
        // Quotes and backslashes count twice, and a line break counts as two.
        let size = Value::from(line.as_str()).to_string().len();
        match parts.last_mut() {
            Some(part) if bytes + size <= MAX_BLOCK => {
                part.push('\n');
                part.push_str(&line);
                bytes += size;
            }
            _ => {
                parts.push(line);
                bytes = size;
            }
        }
    }
    parts
}

fn wrapped(line: &str) -> Vec<String> {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let indent = " ".repeat(indent.min(MAX_INDENT));
    let text: Vec<char> = inert(line, usize::MAX).chars().collect();
    let pieces = text.chunks(MAX_LINE);
    pieces
        .map(|piece| indent.clone() + &String::from_iter(piece))
        .collect()
}

/// Asks how far a finding was nothing, for how long to silence it, and why.
pub(crate) fn false_positive(finding: &Finding, target: &Target) -> Value {
    let principal = inert(finding.principal.key(), MAX_FACT);
    let resource = inert(&finding.resource_key(), MAX_FACT);
    let offered = Breadth::ALL.into_iter().filter(|breadth| match breadth {
        Breadth::Nothing | Breadth::Account => true,
        Breadth::Principal => !principal.is_empty(),
        Breadth::Resource => !resource.is_empty(),
        Breadth::PrincipalAndResource => !principal.is_empty() && !resource.is_empty(),
    });
    let breadths: Vec<Value> = offered.map(|b| option(asked(b), b.word())).collect();
    let days = [
        ("1 day", "1"),
        ("1 week", "7"),
        ("2 weeks", "14"),
        ("30 days", "30"),
    ];
    let days: Vec<Value> = days.map(|(label, value)| option(label, value)).into();
    json!({
        "type": "modal",
        "callback_id": name::FALSE_POSITIVE,
        "private_metadata": target.to_string(),
        "title": plain("False positive"),
        "submit": plain("Close finding"),
        "close": plain("Cancel"),
        "blocks": [
            heading(finding),
            facts(&[
                ("Rule", &finding.rule.name),
                ("Account", &finding.account.id),
                ("Principal", &principal),
                ("Resource", &resource),
                ("Finding", finding.id.as_str()),
            ]),
            menu(name::BREADTH, "Silence later findings of this rule?", &breadths, 0),
            menu(name::DAYS, "For how long, if so", &days, 1),
            {
                "type": "input",
                "block_id": name::REASON,
                "label": plain("Why was it nothing?"),
                "element": {
                    "type": "plain_text_input",
                    "action_id": name::REASON,
                    "multiline": true,
                    "min_length": 3,
                    "max_length": 500,
                },
            },
        ],
    })
}

fn asked(breadth: Breadth) -> &'static str {
    match breadth {
        Breadth::Nothing => "No, close only this one",
        Breadth::PrincipalAndResource => "Same account, principal and resource",
        Breadth::Principal => "Same account and principal",
        Breadth::Resource => "Same account and resource",
        Breadth::Account => "Whole account",
    }
}

/// A dialog that only says something.
pub(crate) fn notice(text: &str) -> Value {
    json!({
        "type": "modal",
        "title": plain("DIAL"),
        "close": plain("Close"),
        "blocks": [section(text)],
    })
}

fn heading(finding: &Finding) -> Value {
    let (emoji, word) = severity_mark(finding.severity);
    section(&format!("{emoji} {word} · {}", title(finding, MAX_TITLE)))
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": plain(&inert(text, 2_900))})
}

/// One line of labelled values; empty ones are left out.
fn facts(facts: &[(&str, &str)]) -> Value {
    let shown = facts.iter().filter_map(|(label, value)| {
        let value = inert(value, MAX_FACT);
        (!value.is_empty()).then(|| plain(&format!("{label}: {value}")))
    });
    json!({"type": "context", "elements": shown.collect::<Vec<_>>()})
}

fn preformatted(text: &str) -> Value {
    json!({"type": "rich_text", "elements": [{
        "type": "rich_text_preformatted",
        "elements": [{"type": "text", "text": text}],
    }]})
}

fn link(action: &str, label: &str, url: &str) -> Value {
    json!({"type": "button", "action_id": action, "text": plain(label), "url": url})
}

fn menu(name: &str, label: &str, options: &[Value], first: usize) -> Value {
    json!({
        "type": "input",
        "block_id": name,
        "label": plain(label),
        "element": {
            "type": "static_select",
            "action_id": name,
            "options": options,
            "initial_option": options.get(first),
        },
    })
}

fn option(label: &str, value: &str) -> Value {
    json!({"text": plain(label), "value": value})
}

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

//! A finding as an Atlassian document (Jira): text nodes parse nothing, values are marked as code.

use super::links::Links;
use super::notice::Notice;
use super::{Line, Story, news, within};
use dial_core::Finding;
use dial_core::store::Stored;
use serde_json::{Value, json};

/// Jira takes 32,767 characters; bytes of JSON are more than characters of text.
pub(crate) const MAX_DOCUMENT: usize = 32_000;

/// The description of a finding.
pub(crate) fn description(stored: &Stored, links: &Links) -> Value {
    let finding = &stored.finding;
    within(MAX_DOCUMENT, |caps| {
        let story = Story::of(finding, caps);
        let status = news::state(stored).map(|state| vec![text(&format!("Status: {state}"))]);
        let why = story
            .why
            .iter()
            .map(|sentence| paragraph(vec![text(sentence)]));
        let rule = Line::of("Rule", std::slice::from_ref(&finding.rule.name), caps.value);
        let id = Line::of("Finding", &[finding.id.to_string()], 64);
        let rows = story.lines.iter().chain(&rule).chain(&id);
        let list = json!({"type": "bulletList", "content": rows.map(item).collect::<Vec<_>>()});
        let see = see(finding, links).map(paragraph);
        let status = status.map(paragraph).into_iter();
        document(status.chain(why).chain([list]).chain(see).collect())
    })
}

/// The description of a notice.
pub(crate) fn notice(notice: &Notice) -> Value {
    let rows: Vec<Value> = notice.lines.iter().map(item).collect();
    let see = notice.link.as_ref().map(|(label, url)| {
        let link = json!({"type": "link", "attrs": {"href": url}});
        paragraph(vec![
            json!({"type": "text", "text": label, "marks": [link]}),
        ])
    });
    let head = paragraph(vec![text(&notice.headline)]);
    let list = json!({"type": "bulletList", "content": rows});
    document([head, list].into_iter().chain(see).collect())
}

/// One paragraph a sentence; the sentences are inert.
pub(crate) fn sentences(told: &[String]) -> Value {
    let paragraphs = told.iter().map(|sentence| paragraph(vec![text(sentence)]));
    document(paragraphs.collect())
}

fn document(content: Vec<Value>) -> Value {
    json!({"type": "doc", "version": 1, "content": Value::Array(content)})
}

fn item(line: &Line) -> Value {
    let mut nodes = vec![
        json!({"type": "text", "text": line.label, "marks": [{"type": "strong"}]}),
        text(": "),
    ];
    for (at, value) in line.values.iter().enumerate() {
        if at > 0 {
            nodes.push(text(" · "));
        }
        nodes.push(json!({"type": "text", "text": value, "marks": [{"type": "code"}]}));
    }
    json!({"type": "listItem", "content": [paragraph(nodes)]})
}

fn see(finding: &Finding, links: &Links) -> Option<Vec<Value>> {
    let mut nodes = Vec::new();
    for (label, url) in links.targets(finding) {
        if !nodes.is_empty() {
            nodes.push(text(" · "));
        }
        let link = json!({"type": "link", "attrs": {"href": url}});
        nodes.push(json!({"type": "text", "text": label, "marks": [link]}));
    }
    (!nodes.is_empty()).then_some(nodes)
}

fn paragraph(nodes: Vec<Value>) -> Value {
    json!({"type": "paragraph", "content": Value::Array(nodes)})
}

/// Text nodes must not be empty.
fn text(shown: &str) -> Value {
    let shown = if shown.is_empty() { "—" } else { shown };
    json!({"type": "text", "text": shown})
}

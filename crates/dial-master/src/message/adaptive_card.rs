//! A finding as an adaptive card (Microsoft Teams): text runs only, which know no Markdown.
//!
//! `TextBlock` and `Fact` would render links and emphasis; a `TextRun` shows its text as it is.
//! Date functions and template expressions work in every text, so their openings are parted.

use super::links::Links;
use super::notice::Notice;
use super::text::inert;
use super::{Line, Story, within};
use crate::sinks::GroupState;
use dial_core::{Finding, Severity};
use serde_json::{Value, json};

/// Teams fails from about 28 KB on; its own wrapping needs room.
pub(crate) const MAX_CARD: usize = 20 * 1024;

/// The card.
pub(crate) fn card(finding: &Finding, group: Option<&GroupState>, links: &Links) -> Value {
    within(MAX_CARD, |caps| {
        let story = Story::of(finding, caps).so_far(group);
        json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "fallbackText": plain(&story.headline()),
            "msteams": {"width": "Full"},
            "body": body(&story, finding),
            "actions": actions(finding, links),
        })
    })
}

/// The card of a notice.
pub(crate) fn notice(notice: &Notice) -> Value {
    let title = json!({
        "type": "TextRun", "text": plain(&notice.headline), "weight": "Bolder",
        "size": "Medium", "color": colour(notice.severity),
    });
    let body: Vec<Value> = std::iter::once(text(vec![title]))
        .chain(notice.lines.iter().map(row))
        .collect();
    let open = notice.link.iter();
    let actions: Vec<Value> = open
        .map(|(title, url)| json!({"type": "Action.OpenUrl", "title": title, "url": url}))
        .collect();
    json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": plain(&notice.headline),
        "msteams": {"width": "Full"},
        "body": body,
        "actions": actions,
    })
}

fn body(story: &Story, finding: &Finding) -> Vec<Value> {
    let title = json!({
        "type": "TextRun", "text": plain(&story.headline()), "weight": "Bolder",
        "size": "Medium", "color": colour(story.severity),
    });
    let why = story.why.iter().map(|sentence| text(vec![run(sentence)]));
    let lines = story.lines.iter().map(row);
    let rule = format!("Rule {} · finding {}", finding.rule.name, finding.id);
    let end = json!({
        "type": "TextRun", "text": plain(&inert(&rule, 300)), "isSubtle": true, "size": "Small",
    });
    std::iter::once(text(vec![title]))
        .chain(why)
        .chain(lines)
        .chain([text(vec![end])])
        .collect()
}

/// Our label and the values; each value is a run of its own with our separator between.
fn row(line: &Line) -> Value {
    let label = json!({"type": "TextRun", "text": format!("{}: ", line.label), "weight": "Bolder"});
    let mut runs = vec![label];
    for (at, value) in line.values.iter().enumerate() {
        if at > 0 {
            runs.push(run(" · "));
        }
        runs.push(json!({"type": "TextRun", "text": plain(value), "fontType": "Monospace"}));
    }
    text(runs)
}

fn text(runs: Vec<Value>) -> Value {
    json!({"type": "RichTextBlock", "inlines": Value::Array(runs)})
}

fn run(shown: &str) -> Value {
    json!({"type": "TextRun", "text": plain(shown)})
}

/// Parts `{{` and `${`, the openings of functions and templates.
fn plain(shown: &str) -> String {
    let mut parted = String::new();
    let mut last = ' ';
    for c in shown.chars() {
        if c == '{' && matches!(last, '{' | '$') {
            parted.push(' ');
        }
        parted.push(c);
        last = c;
    }
    parted
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "Attention",
        Severity::Medium => "Warning",
        Severity::Low => "Accent",
        Severity::Informational => "Default",
    }
}

fn actions(finding: &Finding, links: &Links) -> Vec<Value> {
    let targets = links.targets(finding).into_iter();
    targets
        .map(|(title, url)| json!({"type": "Action.OpenUrl", "title": title, "url": url}))
        .collect()
}

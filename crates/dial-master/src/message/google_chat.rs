//! A finding as a card of Google Chat: texts of cards take a little HTML, so none can be in them.

use super::links::Links;
use super::markdown::tame;
use super::notice::Notice;
use super::text::inert;
use super::{Line, Story, within};
use crate::sinks::GroupState;
use dial_core::Finding;
use serde_json::{Value, json};

/// Google Chat takes 32,000 bytes.
pub(crate) const MAX_MESSAGE: usize = 28_000;

/// `fallbackText` and `cardsV2`.
pub(crate) fn message(finding: &Finding, group: Option<&GroupState>, links: &Links) -> Value {
    within(MAX_MESSAGE, |caps| {
        let story = Story::of(finding, caps).so_far(group);
        json!({
            "fallbackText": plain(&story.headline()),
            "cardsV2": [{"cardId": finding.id, "card": card(&story, finding, links)}],
        })
    })
}

/// The message of a notice.
pub(crate) fn notice(notice: &Notice, card: &str) -> Value {
    let open = notice.link.iter();
    let open = open.map(|(text, url)| {
        let button = json!({"text": text, "onClick": {"openLink": {"url": url}}});
        json!({"buttonList": {"buttons": [button]}})
    });
    let widgets: Vec<Value> = notice.lines.iter().map(widget).chain(open).collect();
    json!({
        "fallbackText": plain(&notice.headline),
        "cardsV2": [{"cardId": card, "card": {
            "header": {"title": plain(&notice.headline)},
            "sections": [{"widgets": widgets}],
        }}],
    })
}

fn card(story: &Story, finding: &Finding, links: &Links) -> Value {
    let rule = inert(&format!("Rule {}", finding.rule.name), 200);
    let why = story.why.iter().map(|sentence| paragraph(&plain(sentence)));
    let rows = story.lines.iter().map(widget);
    let end = paragraph(&format!("Finding {}", finding.id));
    let widgets: Vec<Value> = why
        .chain(rows)
        .chain([end])
        .chain(buttons(finding, links))
        .collect();
    json!({
        "header": {"title": plain(&story.headline()), "subtitle": plain(&rule)},
        "sections": [{"widgets": widgets}],
    })
}

/// Values stand on lines of their own; `<br>` is ours, for values hold no angle brackets.
fn widget(line: &Line) -> Value {
    let values: Vec<String> = line.values.iter().map(|value| plain(value)).collect();
    json!({"decoratedText": {
        "topLabel": line.label, "text": values.join("<br>"), "wrapText": true,
    }})
}

fn paragraph(shown: &str) -> Value {
    json!({"textParagraph": {"text": shown}})
}

/// Neither tags nor entities: a `&` that could begin one is shown as a full-width one.
fn plain(shown: &str) -> String {
    tame(shown).replace('&', "＆")
}

fn buttons(finding: &Finding, links: &Links) -> Option<Value> {
    let targets = links.targets(finding).into_iter();
    let buttons: Vec<Value> = targets
        .map(|(text, url)| json!({"text": text, "onClick": {"openLink": {"url": url}}}))
        .collect();
    (!buttons.is_empty()).then(|| json!({"buttonList": {"buttons": buttons}}))
}

//! What people read after a click or a command; only they see it.

use super::payload::name;
use crate::message::severity_mark;
use crate::message::text::inert;
use dial_core::store::Summary;
use dial_core::store::silence::Silence;
use serde_json::{Value, json};

/// Findings that a search shows.
pub(crate) const SHOWN: usize = 10;
/// Of one value of a line, characters: from generous to what always fits.
const CAPS: [usize; 4] = [120, 60, 30, 12];
/// Slack refuses blocks of about 13,200 characters in sum (undocumented); bytes of JSON are more.
const MAX_TOTAL: usize = 12_500;

/// A sentence for one person.
pub(crate) fn note(text: &str) -> Value {
    let shown = inert(text, 2_900);
    json!({
        "response_type": "ephemeral",
        "replace_original": false,
        "text": escaped(&shown),
        "blocks": [{"type": "section", "text": plain(&shown)}],
    })
}

/// A silence that is in force.
pub(crate) fn silenced(silence: &Silence) -> Value {
    note(&format!(
        "Silenced until {:.0}: {}. Findings are kept, but nobody is told; \
         `dial silences end {}` ends it.",
        silence.ends_at,
        silence.matchers.join(" "),
        silence.id
    ))
}

/// What the command can do.
pub(crate) fn help() -> Value {
    let lines = [
        "/dial search severity:high,critical status:open since:24h",
        "/dial search bucket public account:111122223333",
        "/dial show f-…",
        "/dial silence rule=s3_bucket_policy_public account=111122223333 for 4h because planned work",
    ];
    let text = lines.join("\n");
    json!({
        "response_type": "ephemeral",
        "text": text,
        "blocks": [
            {"type": "section", "text": plain("DIAL knows these commands; only you see the answers.")},
            preformatted(&text),
        ],
    })
}

/// What a search found, newest first.
pub(crate) fn found(list: &[Summary], more: bool) -> Value {
    let count = list.len().min(SHOWN);
    let heading = match (count, more) {
        (0, _) => "Nothing found. Fewer words or a longer time (since:7d) may help.".to_owned(),
        (1, false) => "1 finding".to_owned(),
        (_, false) => format!("{count} findings, newest first"),
        (_, true) => format!("The newest {count} findings; there are more"),
    };
    let mut answer = json!({});
    for cap in CAPS {
        let mut blocks = vec![json!({"type": "section", "text": plain(&heading)})];
        blocks.extend(
            list.iter()
                .take(SHOWN)
                .flat_map(|summary| line(summary, cap)),
        );
        answer = json!({"response_type": "ephemeral", "text": heading, "blocks": blocks});
        if answer["blocks"].to_string().len() <= MAX_TOTAL {
            break;
        }
    }
    answer
}

fn line(summary: &Summary, cap: usize) -> [Value; 2] {
    let (emoji, word) = severity_mark(summary.severity);
    let titles = [&summary.title, &summary.rule.title, &summary.rule.name];
    let mut titles = titles.into_iter().map(|title| inert(title, cap));
    let title = titles.find(|title| !title.is_empty());
    let title = title.unwrap_or_else(|| "Untitled finding".to_owned());
    let facts = [
        summary.time.to_string(),
        summary.status.to_string(),
        format!("account {}", summary.account.id),
        summary.region.clone(),
        summary.principal.clone(),
        summary.resource.clone(),
    ];
    let facts = facts.iter().map(|fact| inert(fact, cap));
    let id = summary.id.to_string();
    let facts = facts.filter(|fact| !fact.is_empty()).chain([id]);
    let facts: Vec<Value> = facts.map(|fact| plain(&fact)).collect();
    let button = json!({
        "type": "button",
        "action_id": name::SHOW,
        "text": plain("Show event"),
        "value": summary.id,
    });
    [
        json!({
            "type": "section",
            "text": plain(&format!("{emoji} {word} · {title}")),
            "accessory": button,
        }),
        json!({"type": "context", "elements": facts}),
    ]
}

/// Puts another dialog in the place of the one that was sent.
pub(crate) fn instead(view: &Value) -> Value {
    json!({"response_action": "update", "view": view})
}

/// Slack reads markup in the text of notifications.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn preformatted(text: &str) -> Value {
    json!({"type": "rich_text", "elements": [{
        "type": "rich_text_preformatted",
        "elements": [{"type": "text", "text": text}],
    }]})
}

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

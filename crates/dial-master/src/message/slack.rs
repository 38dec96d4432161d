//! A finding as Slack blocks: within every limit of Block Kit, with nothing live but our links.
//!
//! Prose is `plain_text`, which parses no markup. Values stand in code spans of `verbatim`
//! mrkdwn with `& < >` escaped, so that neither mentions, links, emoji codes nor formatting work.

use super::links::{Links, cloudtrail_event};
use super::{Caps, Line, Story, severity_mark, text};
use dial_core::Finding;
use serde_json::{Value, json};

/// Slack refuses blocks of about 13,200 characters in sum (undocumented); bytes of JSON are more.
const MAX_TOTAL: usize = 12_500;
/// Of a header's text.
const MAX_HEADER: usize = 150;
/// Of a field's text; Slack takes 2,000.
const MAX_FIELD: usize = 1_900;
/// Of a section's text; Slack takes 3,000.
const MAX_SECTION: usize = 2_900;
/// Of the text that notifications show.
const MAX_FALLBACK: usize = 600;
/// From generous to what always fits.
const CAPS: [Caps; 4] = [
    Caps {
        title: 140,
        value: 400,
        prose: 2_000,
    },
    Caps {
        title: 140,
        value: 200,
        prose: 800,
    },
    Caps {
        title: 120,
        value: 80,
        prose: 300,
    },
    Caps {
        title: 60,
        value: 32,
        prose: 80,
    },
];

/// `text` (for notifications) and `blocks`, for a webhook or `chat.postMessage`.
pub(crate) fn message(finding: &Finding, links: &Links) -> Value {
    let mut told = json!({});
    for caps in CAPS {
        let story = Story::of(finding, caps);
        let blocks = blocks(&story, finding, links);
        let fits = blocks.to_string().len() <= MAX_TOTAL;
        told = json!({
            "text": fallback(&story, finding),
            "blocks": blocks,
            // Neither names nor addresses in the notification text come alive.
            "parse": "none",
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        if fits {
            break;
        }
    }
    told
}

fn blocks(story: &Story, finding: &Finding, links: &Links) -> Value {
    let mut blocks = vec![header(story)];
    if !story.why.is_empty() {
        let why = text::inert(&story.why.join(" "), MAX_SECTION);
        blocks.push(json!({"type": "section", "text": plain(&why)}));
    }
    let fields: Vec<Value> = story.lines.iter().map(field).collect();
    // A section takes ten fields; there are nine lines.
    blocks.extend(
        fields
            .chunks(10)
            .map(|fields| json!({"type": "section", "fields": fields})),
    );
    blocks.push(context(finding));
    blocks.extend(buttons(finding, links));
    Value::Array(blocks)
}

fn header(story: &Story) -> Value {
    let (emoji, word) = severity_mark(story.severity);
    let line = text::inert(&format!("{emoji} {word} · {}", story.title), MAX_HEADER);
    json!({"type": "header", "text": plain(&line)})
}

fn field(line: &Line) -> Value {
    let mut shown = format!("*{}*", line.label);
    for value in &line.values {
        let room = MAX_FIELD.saturating_sub(shown.len() + "\n``".len());
        let span = code(value, room);
        if span.is_empty() {
            break;
        }
        shown.push('\n');
        shown.push_str(&span);
    }
    json!({"type": "mrkdwn", "text": shown, "verbatim": true})
}

fn context(finding: &Finding) -> Value {
    let rule = text::inert(&format!("Rule {}", finding.rule.name), 200);
    json!({"type": "context", "elements": [
        plain(&format!("Finding {}", finding.id)),
        plain(&rule),
    ]})
}

fn buttons(finding: &Finding, links: &Links) -> Option<Value> {
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
        .filter_map(|(action, label, url)| {
            let url = url?;
            Some(json!({"type": "button", "action_id": action, "text": plain(label), "url": url}))
        })
        .collect();
    (!elements.is_empty()).then(|| json!({"type": "actions", "elements": elements}))
}

/// What a phone shows, and a client that knows no blocks.
fn fallback(story: &Story, finding: &Finding) -> String {
    let (_, word) = severity_mark(story.severity);
    let title = escape(&story.title, MAX_FALLBACK);
    let account = escape(&finding.account.id, 80);
    let region = escape(&finding.region, 80);
    format!("{word}: {title} · account {account} · {region}")
}

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// A code span of at most `room` bytes between its backticks; empty where nothing fits.
fn code(value: &str, room: usize) -> String {
    match escape(value, room) {
        inside if inside.is_empty() => inside,
        inside => format!("`{inside}`"),
    }
}

/// Escapes what Slack's markup reads and takes the backtick's power, within `room` bytes.
fn escape(value: &str, room: usize) -> String {
    let mut escaped = String::new();
    for c in value.chars() {
        let mut buffer = [0; 4];
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '`' => "'",
            other => other.encode_utf8(&mut buffer),
        };
        if escaped.len() + piece.len() + text::CUT.len_utf8() > room {
            if room >= text::CUT.len_utf8() {
                escaped.push(text::CUT);
            }
            break;
        }
        escaped.push_str(piece);
    }
    escaped
}

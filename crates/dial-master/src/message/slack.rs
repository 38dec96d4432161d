//! A finding as Slack blocks: within every limit of Block Kit, with nothing live but our links.
//!
//! Prose is `plain_text`, which parses no markup. Values stand in code spans of `verbatim`
//! mrkdwn with `& < >` escaped, so that neither mentions, links, emoji codes nor formatting work.

mod standing;

use super::links::{Links, cloudtrail_event};
use super::{Caps, Line, Story, severity_mark, text};
use crate::routing::mention::Mention;
use crate::slack::payload::name;
use dial_core::Finding;
use jiff::Timestamp;
use serde_json::{Value, json};
pub(crate) use standing::Standing;

/// Slack refuses blocks of about 13,200 characters in sum (undocumented); bytes of JSON are more.
const MAX_TOTAL: usize = 12_500;
/// Of a header's text.
const MAX_HEADER: usize = 150;
/// Of a field's text; Slack takes 2,000.
const MAX_FIELD: usize = 1_900;
/// Of a section's text; Slack takes 3,000.
const MAX_SECTION: usize = 2_900;
/// Of one value of the line that says it at a glance, bytes.
const MAX_GLANCE: usize = 300;
/// Lines that the glance tells already.
const AT_A_GLANCE: [&str; 3] = ["What", "When", "Where"];
/// Groups and people that one message alerts; what is said of them fits beside [`MAX_TOTAL`].
const MAX_MENTIONS: usize = 10;
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

/// What a message tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telling<'a> {
    /// The finding.
    pub(crate) finding: &'a Finding,
    /// Where it can be looked at.
    pub(crate) links: &'a Links,
    /// Where it stands; absent where the message cannot be changed later.
    pub(crate) standing: Option<Standing<'a>>,
    /// Whether there is an app that takes clicks.
    pub(crate) buttons: bool,
}

/// `text` (for notifications) and `blocks`, for a webhook or `chat.postMessage`.
pub(crate) fn message(telling: Telling<'_>) -> Value {
    let mut told = json!({});
    for caps in CAPS {
        let story = Story::of(telling.finding, caps);
        let blocks = blocks(&story, telling);
        let fits = blocks.to_string().len() <= MAX_TOTAL;
        told = json!({
            "text": fallback(&story, telling),
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

fn blocks(story: &Story, telling: Telling<'_>) -> Value {
    let finding = telling.finding;
    let mut blocks = vec![header(story, telling.standing), glance(finding)];
    blocks.extend(telling.standing.map(Standing::line));
    if !story.why.is_empty() {
        let why = text::inert(&story.why.join(" "), MAX_SECTION);
        blocks.push(json!({"type": "section", "text": plain(&why)}));
    }
    let lines = story
        .lines
        .iter()
        .filter(|line| !AT_A_GLANCE.contains(&line.label));
    let fields: Vec<Value> = lines.map(field).collect();
    // A section takes ten fields; there are nine lines.
    blocks.extend(
        fields
            .chunks(10)
            .map(|fields| json!({"type": "section", "fields": fields})),
    );
    if let (Some(standing), true) = (telling.standing, telling.buttons) {
        blocks.push(standing.buttons(&finding.id));
    }
    blocks.extend(look(telling));
    blocks.push(context(finding));
    Value::Array(blocks)
}

/// Colour is for what needs somebody: what is over or asleep shows that instead.
fn header(story: &Story, standing: Option<Standing<'_>>) -> Value {
    let (emoji, word) = severity_mark(story.severity);
    let mark = standing.and_then(Standing::mark).unwrap_or(emoji);
    let line = text::inert(&format!("{mark} {word} · {}", story.title), MAX_HEADER);
    json!({"type": "header", "text": plain(&line)})
}

/// Who did what to what; below it where and when.
fn glance(finding: &Finding) -> Value {
    let spans = |values: Vec<String>| values.into_iter().map(|v| code(&v, MAX_GLANCE));
    let [did, place] = super::glance(finding);
    let place = spans(place).chain([date(finding.time)]);
    let lines = [spans(did).collect(), place.collect::<Vec<_>>()];
    let lines = lines.iter().filter(|line| !line.is_empty());
    let text = lines
        .map(|line| line.join(" · "))
        .collect::<Vec<_>>()
        .join("\n");
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

/// Those who are alerted, in markup that is live on purpose; `None` where nobody is.
pub(crate) fn alerted<'m>(mentions: impl IntoIterator<Item = &'m Mention>) -> Option<Value> {
    let mentions = mentions.into_iter().take(MAX_MENTIONS);
    let text = mentions.map(Mention::markup).collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(
        || json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}}),
    )
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

/// Ways to look closer: the dialog where there is an app, and our links.
fn look(telling: Telling<'_>) -> Option<Value> {
    let Telling { finding, links, .. } = telling;
    let dialog = telling.buttons.then(|| {
        let (action, value) = (name::SHOW, finding.id.as_str());
        json!({"type": "button", "action_id": action, "text": plain("Show event"), "value": value})
    });
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
    let links = targets.into_iter().filter_map(|(action, label, url)| {
        let url = url?;
        Some(json!({"type": "button", "action_id": action, "text": plain(label), "url": url}))
    });
    let elements: Vec<Value> = dialog.into_iter().chain(links).collect();
    (!elements.is_empty()).then(|| json!({"type": "actions", "elements": elements}))
}

/// What a phone shows, and a client that knows no blocks.
fn fallback(story: &Story, telling: Telling<'_>) -> String {
    let finding = telling.finding;
    let (_, word) = severity_mark(story.severity);
    let title = escape(&story.title, MAX_FALLBACK);
    let account = escape(&finding.account.id, 80);
    let region = escape(&finding.region, 80);
    let news = telling.standing.and_then(Standing::news);
    let news = news.map(|news| format!("{news} · ")).unwrap_or_default();
    format!("{news}{word}: {title} · account {account} · {region}")
}

pub(crate) fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// A moment in the reader's own time; clients that cannot do that show it in UTC.
pub(crate) fn date(at: Timestamp) -> String {
    let seconds = at.as_second();
    format!("<!date^{seconds}^{{date_short_pretty}} {{time_secs}}|{at:.0}>")
}

/// A code span of at most `room` bytes between its backticks; empty where nothing fits.
pub(crate) fn code(value: &str, room: usize) -> String {
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

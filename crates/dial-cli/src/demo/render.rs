//! A Slack message on a terminal: block by block, as the look-alike received it.

use crate::terminal::{BOLD, DIM, inert, paint, severity_style, severity_word, wrap};
use anstyle::Style;
use dial_core::Severity;
use serde_json::Value;

/// Before every line, in the colour of the severity.
const BAR: &str = "  ▌ ";
/// Columns of a field's label.
const LABEL: usize = 11;

/// The message as lines of at most `width` columns.
pub(super) fn message(message: &Value, width: usize) -> Vec<String> {
    let blocks = message["blocks"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let severity = Severity::ALL.into_iter().find(|severity| {
        let heading = blocks.first().map(|block| text(&block["text"]));
        heading.is_some_and(|heading| heading.contains(severity_mark(*severity)))
    });
    let style = severity.map(severity_style).unwrap_or_default();
    let room = width.saturating_sub(BAR.chars().count());
    let lines = blocks.iter().flat_map(|b| block(b, style, room));
    let bar = paint(style, BAR);
    lines.map(|line| format!("{bar}{line}")).collect()
}

/// The word by which a heading names its severity.
fn severity_mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "INFORMATIONAL",
        other => severity_word(other),
    }
}

fn block(block: &Value, style: Style, room: usize) -> Vec<String> {
    match block["type"].as_str().unwrap_or_default() {
        "header" => styled(style.bold(), &text(&block["text"]), room),
        "section" => section(block, room),
        "context" => {
            let elements = block["elements"].as_array().into_iter().flatten();
            let shown: Vec<String> = elements.map(text).collect();
            styled(DIM, &shown.join("  "), room)
        }
        "actions" => buttons(block),
        "divider" => vec!["─".repeat(room)],
        other => styled(DIM, &format!("({other})"), room),
    }
}

fn section(block: &Value, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if block["text"].is_object() {
        lines.extend(styled(Style::new(), &text(&block["text"]), room));
    }
    for field in block["fields"].as_array().into_iter().flatten() {
        lines.extend(labelled(&text(field), room));
    }
    lines
}

/// A field is a bold label and values below it; on a terminal they stand beside it.
fn labelled(field: &str, room: usize) -> Vec<String> {
    let (label, values) = field.split_once('\n').unwrap_or(("", field));
    let values = values.replace('\n', " · ");
    let lines = wrap(&inert(&values), room.saturating_sub(LABEL));
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    let labelled = labels.zip(lines).map(|(label, line)| {
        let label = paint(BOLD, format!("{:LABEL$}", inert(label)));
        format!("{label}{line}")
    });
    labelled.collect()
}

fn buttons(block: &Value) -> Vec<String> {
    let elements = block["elements"].as_array().into_iter().flatten();
    elements
        .flat_map(|button| {
            // An address stays whole, so that a terminal can open it.
            let label = paint(BOLD, format!("[{}]", inert(&text(&button["text"]))));
            let url = paint(DIM, inert(button["url"].as_str().unwrap_or_default()));
            [label, url]
        })
        .collect()
}

fn styled(style: Style, text: &str, room: usize) -> Vec<String> {
    let lines = text.split('\n').flat_map(|line| wrap(&inert(line), room));
    lines.map(|line| paint(style, line)).collect()
}

/// The text of a text object; `mrkdwn` loses its marks, which only style.
fn text(object: &Value) -> String {
    let raw = object["text"].as_str().unwrap_or_default();
    if object["type"] != "mrkdwn" {
        return raw.to_owned();
    }
    let parts = raw.split('`').enumerate().map(|(n, part)| {
        // Every second part is a code span, in which nothing is a mark.
        if n % 2 == 1 {
            part.to_owned()
        } else {
            dated(part).replace('*', "")
        }
    });
    let plain: String = parts.collect();
    plain
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// Moments as clients show them that know no dates: `<!date^…|fallback>`.
fn dated(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, token)) = rest.split_once("<!date^") {
        let (inside, after) = token.split_once('>').unwrap_or((token, ""));
        shown.push_str(before);
        shown.push_str(inside.rsplit('|').next().unwrap_or_default());
        rest = after;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(value: &Value, width: usize) -> String {
        let text = message(value, width).join("\n");
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn blocks_are_shown_and_nothing_in_them_acts() {
        let value = json!({"blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "🔴 CRITICAL · Bucket is public"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "`ci-*42*` · `PutBucketPolicy (s3)`\n`eu-west-1` · <!date^1777629600^{date_short_pretty} {time_secs}|2026-05-01T10:00:00Z>"}},
            {"type": "section", "text": {"type": "plain_text", "text": "Statement 1 lets anyone read."}},
            {"type": "section", "fields": [
                {"type": "mrkdwn", "text": "*Who*\n`arn:aws:iam::111122223333:user/&lt;b&gt;`\n`\u{1b}[2J`"},
                {"type": "mrkdwn", "text": "*Where*\n`111122223333`"},
            ]},
            {"type": "context", "elements": [{"type": "plain_text", "text": "Finding f-1"}, {"type": "plain_text", "text": "Rule r"}]},
            {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": "http://127.0.0.1/x"}]},
            {"type": "image"},
        ]});
        insta::assert_snapshot!(rendered(&value, 60));
        insta::assert_snapshot!(rendered(&value, 30));
    }

    #[test]
    fn odd_messages_are_no_trouble() {
        for value in [
            json!(null),
            json!({"blocks": 1}),
            json!({"blocks": [{}, 1, {"type": "section", "fields": [1]}]}),
        ] {
            message(&value, 0);
        }
    }

    #[test]
    fn the_bar_has_the_colour_of_the_severity() {
        let heading = |text: &str| json!({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": text}}]});
        for severity in Severity::ALL {
            let lines = message(&heading(&format!("x {} · y", severity_mark(severity))), 80);
            let bar = paint(severity_style(severity), BAR);
            assert!(lines[0].starts_with(&bar), "{severity}");
        }
    }
}

//! Slack messages about more than one finding: a digest in a storm, a repeat in a thread.

use super::links::Links;
use super::notice::{self, Notice};
use super::{severity_mark, text};
use crate::routing::digest::{Digest, Named};
use crate::sinks::GroupState;
use dial_core::Finding;
use serde_json::{Value, json};

/// Of a section's text; Slack takes 3,000.
const MAX_SECTION: usize = 2_900;

/// One message for many findings: how many, of what, the worst of them by name.
pub(crate) fn digest(digest: &Digest, links: &Links) -> Value {
    let count = digest.count;
    let summary = format!("{count} findings in one message");
    let severities: Vec<String> = digest
        .by_severity
        .iter()
        .map(|(severity, count)| {
            let (mark, word) = severity_mark(*severity);
            format!("{mark} {count} {word}")
        })
        .collect();
    let from_to = format!("{:.0} to {:.0}", digest.from, digest.to);
    let mut blocks = vec![
        json!({"type": "header", "text": plain(&Notice::digest(digest, links).headline)}),
        section(&format!("{}\n{from_to}", severities.join(" · "))),
    ];
    let counted = [("Rules", &digest.by_rule), ("Accounts", &digest.by_account)];
    blocks.extend(counted.map(|(label, counts)| section(&counts_text(label, counts))));
    blocks.push(section(&worst_text(&digest.worst)));
    blocks.extend(digest.worst.first().and_then(|worst| open(worst, links)));
    let short: Vec<&str> = severities.iter().map(String::as_str).collect();
    told(&format!("{summary}: {}", short.join(", ")), &blocks)
}

/// A repeat, below the message of the first one.
pub(crate) fn repeat(finding: &Finding) -> Value {
    let (mark, word) = severity_mark(finding.severity);
    let line = format!(
        "{mark} {word} again at {:.0}: {} (event {}, finding {})",
        finding.time,
        notice::shown(&finding.title),
        notice::shown(&finding.event.id),
        finding.id,
    );
    told(&line, &[section(&line)])
}

/// That a finding is closed, where its own message cannot be changed.
pub(crate) fn closed(notice: &Notice) -> Value {
    let lines: Vec<String> = notice
        .lines
        .iter()
        .map(|line| format!("{}: {}", line.label, line.values.join(" · ")))
        .collect();
    let mut blocks = vec![section(&notice.headline), section(&lines.join("\n"))];
    blocks.extend(notice.link.as_ref().map(|(label, url)| {
        json!({"type": "actions", "elements": [{
            "type": "button",
            "action_id": "dial_open_finding",
            "text": plain(label),
            "url": url,
        }]})
    }));
    told(&notice.headline, &blocks)
}

/// A line below the first one's message: how often it came before and since; absent while it did
/// not.
pub(crate) fn count(group: &GroupState) -> Option<Value> {
    let lines: Vec<Value> = notice::so_far(group)
        .iter()
        .map(|line| plain(line))
        .collect();
    (!lines.is_empty()).then(|| json!({"type": "context", "elements": lines}))
}

/// The same as the last block of a message.
pub(crate) fn add_count(message: &mut Value, group: Option<&GroupState>) {
    let count = group.and_then(count);
    if let (Some(count), Some(blocks)) = (count, message["blocks"].as_array_mut()) {
        blocks.push(count);
    }
}

fn told(text: &str, blocks: &[Value]) -> Value {
    json!({
        "text": escaped(&text::inert(text, 600)),
        "blocks": blocks,
        // Neither names nor addresses in the notification text come alive.
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn counts_text(label: &str, counts: &[(String, usize)]) -> String {
    let lines: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{count} × {}", notice::shown(name)))
        .collect();
    format!("{label}\n{}", lines.join("\n"))
}

fn worst_text(worst: &[Named]) -> String {
    let lines: Vec<String> = worst
        .iter()
        .map(|named| {
            let (mark, _) = severity_mark(named.severity);
            let title = notice::shown(&named.title);
            let account = notice::shown(&named.account);
            format!("{mark} {title} · {account} · {}", named.id)
        })
        .collect();
    format!("The worst\n{}", lines.join("\n"))
}

fn open(worst: &Named, links: &Links) -> Option<Value> {
    let url = links.finding(&worst.id)?;
    Some(json!({"type": "actions", "elements": [{
        "type": "button",
        "action_id": "dial_open_finding",
        "text": plain("Open the worst"),
        "url": url,
    }]}))
}

fn section(text: &str) -> Value {
    let cut: String = text.chars().take(MAX_SECTION).collect();
    json!({"type": "section", "text": plain(&cut)})
}

/// Parses no markup.
fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// The fallback text is mrkdwn for notifications.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::samples;
    use crate::routing::samples::finding_with;
    use dial_core::store::group::Before;

    #[test]
    fn a_digest_and_a_repeat_are_pinned_and_nothing_in_them_is_live() {
        let hostile = "<!channel> *x* `y` <https://evil.example|AWS>\u{202e}";
        let finding = finding_with(1, |finding| {
            finding.title = hostile.into();
            finding.rule.name = hostile.into();
            finding.account.name = Some(hostile.into());
        });
        let links = Links::new(Some("https://dial.example.com")).unwrap();
        let told = Digest::of(&[&finding, &samples::benign()]).unwrap();
        let group = GroupState {
            repeats: 3,
            repeated_at: Some(finding.time),
            first: None,
            before: Some(Before {
                findings: 14,
                since: finding.time,
            }),
        };
        let messages = json!({
            "digest": digest(&told, &links),
            "repeat": repeat(&finding),
            "count": count(&group),
        });
        assert!(!messages.to_string().contains("mrkdwn"), "plain text only");
        insta::assert_json_snapshot!(messages);
        assert_eq!(count(&GroupState::default()), None);
    }
}

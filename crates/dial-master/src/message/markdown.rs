//! A finding as Markdown (TheHive): our words outside, every foreign value in a code span.
//!
//! Inside a code span Markdown knows neither links, images, HTML nor emphasis. Backticks would
//! end it and angle brackets tempt careless renderers, so look-alikes stand in for them; the
//! exact values are in the observables and in the finding.

use super::links::Links;
use super::notice::Notice;
use super::{Caps, Story, severity_mark};
use dial_core::Finding;
use std::fmt::Write as _;

const CAPS: Caps = Caps {
    title: 400,
    value: 1_000,
    prose: 8_000,
};

/// The description of a finding.
pub(crate) fn description(finding: &Finding, links: &Links) -> String {
    let story = Story::of(finding, CAPS);
    let (emoji, word) = severity_mark(story.severity);
    let mut text = format!("{emoji} **{word}** {}\n\n", code(&story.title));
    for sentence in &story.why {
        let _ = writeln!(text, "{}\n", code(sentence));
    }
    for line in &story.lines {
        let values: Vec<String> = line.values.iter().map(|v| code(v)).collect();
        let _ = writeln!(text, "- **{}**: {}", line.label, values.join(" · "));
    }
    let _ = writeln!(
        text,
        "- **Rule**: {}\n- **Finding**: {}",
        code(&super::text::inert(&finding.rule.name, CAPS.value)),
        code(finding.id.as_str())
    );
    text.push_str(&see(finding, links));
    text
}

/// The description of a notice.
pub(crate) fn notice(notice: &Notice) -> String {
    let mut text = format!("{}\n\n", code(&notice.headline));
    for line in &notice.lines {
        let values: Vec<String> = line.values.iter().map(|v| code(v)).collect();
        let _ = writeln!(text, "- **{}**: {}", line.label, values.join(" · "));
    }
    if let Some((label, url)) = &notice.link {
        let _ = writeln!(text, "\n[{label}](<{url}>)");
    }
    text
}

fn see(finding: &Finding, links: &Links) -> String {
    let targets = links.targets(finding).into_iter();
    let shown: Vec<String> = targets
        .map(|(label, url)| format!("[{label}](<{url}>)"))
        .collect();
    if shown.is_empty() {
        String::new()
    } else {
        format!("\n{}\n", shown.join(" · "))
    }
}

/// A code span; two backticks around nothing would open another one.
fn code(value: &str) -> String {
    match tame(value) {
        nothing if nothing.is_empty() => "—".to_owned(),
        inside => format!("`{inside}`"),
    }
}

/// Puts look-alikes in the place of backticks and angle brackets.
pub(crate) fn tame(value: &str) -> String {
    let alike = |c| match c {
        '`' => 'ˋ',
        '<' => '‹',
        '>' => '›',
        other => other,
    };
    value.chars().map(alike).collect()
}

//! A finding as plain text (e-mail): our words begin every line, and nothing foreign is a link.
//!
//! Mail programs make links of what looks like an address, so addresses that are not ours lose
//! their form; the exact values are in the finding.

use super::links::{Links, cloudtrail_event};
use super::notice::Notice;
use super::{Caps, Story, severity_mark};
use crate::sinks::GroupState;
use dial_core::Finding;
use std::fmt::Write as _;

const CAPS: Caps = Caps {
    title: 400,
    value: 500,
    prose: 4_000,
};

/// The text of a finding.
pub(crate) fn text(finding: &Finding, group: Option<&GroupState>, links: &Links) -> String {
    let story = Story::of(finding, CAPS).so_far(group);
    let (_, word) = severity_mark(story.severity);
    let mut text = format!("{word}: {}\n\n", defanged(&story.title));
    for sentence in &story.why {
        let _ = writeln!(text, "Why: {}", defanged(sentence));
    }
    for line in &story.lines {
        let values: Vec<String> = line.values.iter().map(|v| defanged(v)).collect();
        let _ = writeln!(text, "{}: {}", line.label, values.join(" · "));
    }
    let rule = super::text::inert_name(&finding.rule.name, CAPS.value);
    let _ = writeln!(text, "Rule: {}\nFinding: {}", defanged(&rule), finding.id);
    let targets = [
        ("Open finding", links.finding(&finding.id)),
        ("CloudTrail event", cloudtrail_event(finding)),
    ];
    for (label, url) in targets {
        if let Some(url) = url {
            let _ = writeln!(text, "{label}: {url}");
        }
    }
    text
}

/// The text of a notice.
pub(crate) fn notice(notice: &Notice) -> String {
    let mut text = format!("{}\n\n", defanged(&notice.subject));
    for line in &notice.lines {
        let values: Vec<String> = line.values.iter().map(|v| defanged(v)).collect();
        let _ = writeln!(text, "{}: {}", line.label, values.join(" · "));
    }
    if let Some((label, url)) = &notice.link {
        let _ = writeln!(text, "{label}: {url}");
    }
    text
}

/// The subject of a notice; see [`subject`].
pub(crate) fn notice_subject(notice: &Notice, limit: usize) -> String {
    ascii(&format!("[DIAL] {}", notice.subject), limit)
}

/// One line of at most `limit` visible ASCII characters: mail subjects take no others.
pub(crate) fn subject(finding: &Finding, limit: usize) -> String {
    let (_, word) = severity_mark(finding.severity);
    let account = finding.account.name.as_ref().unwrap_or(&finding.account.id);
    let place = super::text::inert(&format!("({account}, {})", finding.region), 40);
    // The place must not be cut off by a long title.
    let start = format!("[{word}] ");
    let room = limit.saturating_sub(start.len() + place.chars().count() + 1);
    let title = super::title(finding, room);
    ascii(&format!("{start}{title} {place}"), limit)
}

fn ascii(line: &str, limit: usize) -> String {
    let visible = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    defanged(line).chars().take(limit).map(visible).collect()
}

/// Breaks what mail programs take for an address: `https[:]//`, `www[.]`, `mailto[:]`.
fn defanged(value: &str) -> String {
    let mut text = value.replace("://", "[:]//");
    for (word, broken) in [("www.", "www[.]"), ("mailto:", "mailto[:]")] {
        // Of one length in ASCII whatever the case, so that places agree.
        while let Some(at) = text.to_ascii_lowercase().find(word) {
            text.replace_range(at..at + word.len(), broken);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::hostile::{corpus, is_one_line};
    use crate::message::samples;

    #[test]
    fn foreign_addresses_lose_their_form() {
        let cases = [
            ("https://evil.example/x", "https[:]//evil.example/x"),
            ("WWW.evil.example wWw.a", "www[.]evil.example www[.]a"),
            ("MAILTO:x@evil.example", "mailto[:]x@evil.example"),
            ("é://ß", "é[:]//ß"),
            ("arn:aws:s3:::b", "arn:aws:s3:::b"),
        ];
        for (value, expected) in cases {
            assert_eq!(defanged(value), expected, "{value}");
        }
    }

    #[test]
    fn subjects_are_short_and_ascii() {
        let long = samples::filled(&"höchst 🔥 https://evil.example ".repeat(50));
        for finding in [samples::benign(), long, samples::filled("")] {
            let subject = subject(&finding, 99);
            assert!((1..=99).contains(&subject.len()), "{subject}");
            let visible = |b: u8| (0x20..0x7f).contains(&b);
            assert!(
                subject.bytes().all(visible) && !subject.contains("://"),
                "{subject}"
            );
            assert!(subject.starts_with('['), "{subject}");
        }
        assert_eq!(
            subject(&samples::benign(), 99),
            "[HIGH] S3 bucket policy lets anyone in (shop-production, eu-west-1)"
        );
    }

    /// Our word begins every line, and only our own lines hold an address.
    fn check(text: &str) -> Result<(), String> {
        let ours = [
            "Open finding: https://dial.example.org/findings/f-",
            "CloudTrail event: https://eu-west-1.console.aws.amazon.com/cloudtrailv2/home?",
        ];
        for (number, line) in text.lines().enumerate() {
            let word = line.split_once(": ").map_or("", |(word, _)| word);
            let known = line.is_empty() && number == 1 || WORDS.contains(&word);
            let low = line.to_ascii_lowercase();
            let live = ["://", "www.", "mailto:"].iter().any(|w| low.contains(w));
            let linked = ours.iter().any(|start| line.starts_with(start));
            if !known || !is_one_line(line) || (live && !linked) || (number == 0 && word != "HIGH")
            {
                return Err(format!("line {number}: {line}"));
            }
        }
        Ok(())
    }

    const WORDS: [&str; 15] = [
        "HIGH",
        "Why",
        "Who",
        "What",
        "When",
        "Where",
        "From",
        "Reputation",
        "User agent",
        "Resource",
        "Technique",
        "Rule",
        "Finding",
        "Open finding",
        "CloudTrail event",
    ];

    #[test]
    fn nothing_of_the_corpus_is_a_link_or_a_line_of_its_own() {
        let links = Links::new(Some("https://dial.example.org")).unwrap();
        let good = text(&samples::benign(), None, &links);
        assert_eq!(check(&good), Ok(()));
        for bad in [
            "STATUS: resolved",
            "Who: https://evil.example",
            "Who: WWW.evil.example",
            "",
        ] {
            assert!(check(&format!("{good}{bad}\n")).is_err(), "{bad}");
        }
        for payload in corpus() {
            let shown: String = payload.chars().take(80).collect();
            for (field, fill) in samples::FIELDS {
                let mut finding = samples::benign();
                fill(&mut finding, &payload);
                assert_eq!(
                    check(&text(&finding, None, &links)),
                    Ok(()),
                    "{field} {shown}"
                );
                let subject = subject(&finding, 99);
                let plain = subject.bytes().all(|b| (0x20..0x7f).contains(&b));
                assert!(
                    plain && subject.len() <= 99 && !subject.contains("://"),
                    "{subject}"
                );
            }
        }
    }
}

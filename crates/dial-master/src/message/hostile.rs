//! Hostile text against every field and every template: nothing may come alive.

use super::limits::{self, is_our_url};
use super::links::Links;
use super::samples::{FIELDS, benign, filled, hostile, states, tellings};
use super::{markdown, slack};
use dial_core::Finding;
use dial_core::store::Audit;
use dial_core::store::triage::Triage;
use proptest::prelude::*;

/// Everything that a template must withstand, from building blocks: payload × wrapping.
pub(super) fn corpus() -> Vec<String> {
    let payloads = [
        "<!channel>",
        "<!here>",
        "<!everyone>",
        "<!subteam^S012345|@sec>",
        "<@U012AB3CD>",
        "<#C012AB3CD|general>",
        "<!date^0^{date}^https://evil.example|now>",
        "<https://evil.example|Sign in to AWS>",
        "<mailto:x@evil.example|mail>",
        "https://evil.example/login",
        "@channel @here @everyone",
        "&lt;!channel&gt;",
        "&amp;lt;!here&amp;gt;",
        ":rotating_light: :white_check_mark:",
        "*bold* _italic_ ~gone~ `code`",
        "```block```",
        "> quote",
        "[AWS console](https://evil.example)",
        "![p](https://evil.example/p.png)",
        "[x](javascript:alert(1))",
        "<javascript:alert(1)>",
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "<svg/onload=alert(1)>",
        "</code></pre><h1>Resolved</h1>",
        "# Resolved",
        "| a | b |\n|---|---|",
        "<!-- -->",
        "[ref]: https://evil.example",
        "=HYPERLINK(\"https://evil.example\")",
        "+cmd|'/c calc'!A0",
        "\\`\\*\\<",
        "{{constructor.constructor('alert(1)')()}}",
    ];
    let wrappings: [fn(&str) -> String; 8] = [
        str::to_owned,
        |p| format!("`{p}`"),
        |p| format!("```\n{p}\n```"),
        |p| format!("name\r\nSTATUS: resolved\n\n{p}"),
        |p| format!("\u{202e}{p}\u{2066}\u{200b}"),
        |p| format!("a\u{2028}{p}\u{85}\u{0}\u{7f}"),
        |p| format!("{p} ").repeat(40),
        |p| format!("{}{p}", "x".repeat(100_000)),
    ];
    payloads
        .iter()
        .flat_map(|payload| wrappings.iter().map(move |wrap| wrap(payload)))
        .collect()
}

pub(super) fn links() -> Links {
    Links::new(Some("https://dial.example.org")).unwrap()
}

/// As a webhook posts it, and as a bot does with buttons.
fn check_slack(finding: &Finding) -> Result<(), String> {
    check_states(finding, &states()[..1])
}

fn check_states(finding: &Finding, states: &[(Triage, Vec<Audit>)]) -> Result<(), String> {
    let links = links();
    let mut told = tellings(finding, &links, states)
        .into_iter()
        .map(slack::message);
    told.try_for_each(|message| limits::message(&message))
}

pub(crate) fn is_one_line(text: &str) -> bool {
    super::text::inert(text, usize::MAX) == text
}

/// What may stand outside of code spans: our words, our separators, our links.
fn is_ours(part: &str) -> bool {
    let word = |text: &str, more: &str| {
        let fits = |c: char| c.is_ascii_alphabetic() || more.contains(c);
        !text.is_empty() && text.chars().all(fits)
    };
    let mark = part.trim_start_matches(['🔴', '🟠', '🟡', '🔵', '⚪']);
    let marked = mark.strip_prefix(" **").and_then(|m| m.strip_suffix("** "));
    let label = part.strip_prefix("- **").map(|l| l.trim_end_matches('—'));
    let label = label.and_then(|l| l.strip_suffix("**: "));
    let links = || part.split(" · ").all(is_our_link);
    part.is_empty()
        || part == " · "
        || marked.is_some_and(|m| word(m, ""))
        || label.is_some_and(|l| word(l, " "))
        || links()
}

fn is_our_link(text: &str) -> bool {
    [
        "[Open finding](<",
        "[Open the worst](<",
        "[CloudTrail event](<",
    ]
    .iter()
    .find_map(|start| text.strip_prefix(start)?.strip_suffix(">)"))
    .is_some_and(is_our_url)
}

/// Every line is made of our words, our links and code spans; nothing foreign lies outside them.
pub(crate) fn check_markdown(text: &str) -> Result<(), String> {
    if text.chars().count() > 1_048_576 {
        return Err("too long".into());
    }
    let mut outside = String::new();
    for line in text.lines() {
        if line.matches('`').count() % 2 != 0 || !is_one_line(line) {
            return Err(format!("open code span: {line}"));
        }
        for (index, part) in line.split('`').enumerate() {
            if index % 2 == 0 {
                outside.push_str(part);
                outside.push('\n');
            } else if part.is_empty() || part.contains(['<', '>']) {
                return Err(format!("bad span: {line}"));
            }
        }
    }
    match outside.lines().find(|part| !is_ours(part)) {
        Some(part) => Err(format!("foreign text outside of code: {part}")),
        None => Ok(()),
    }
}

#[test]
fn the_checker_finds_what_it_looks_for() {
    let finding = benign();
    let text = markdown::description(&finding, &links());
    assert_eq!(check_markdown(&text), Ok(()));
    for bad in [
        "[a](https://evil.example)",
        "# Resolved",
        "a",
        "`a",
        "`<b>`",
        "<b>",
    ] {
        assert!(
            check_markdown(&format!("{text}\n{bad}\n")).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn nothing_of_the_corpus_comes_alive_in_any_field_of_any_template() {
    let corpus = corpus();
    assert!(corpus.len() >= 200, "{}", corpus.len());
    for text in &corpus {
        let shown: String = text.chars().take(80).collect();
        for (field, fill) in FIELDS {
            let mut finding = benign();
            fill(&mut finding, text);
            assert_eq!(check_slack(&finding), Ok(()), "{field} {shown}");
            let markdown = markdown::description(&finding, &links());
            assert_eq!(check_markdown(&markdown), Ok(()), "{field} {shown}");
        }
        let finding = filled(text);
        assert_eq!(check_slack(&finding), Ok(()), "all {shown}");
    }
}

#[test]
fn the_worst_of_everything_at_once_still_fits() {
    assert_eq!(check_states(&hostile(400), &states()), Ok(()));
    for text in [
        String::new(),
        "\u{200b}".repeat(500),
        "&".repeat(100_000),
        "😀".repeat(100_000),
        "\"\\".repeat(50_000),
    ] {
        let finding = filled(&text);
        assert_eq!(check_slack(&finding), Ok(()));
        assert_eq!(
            check_markdown(&markdown::description(&finding, &links())),
            Ok(())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_finding_is_told_within_the_limits(
        texts in proptest::collection::vec(("\\PC{0,400}|[<>&`*_\\\\\n|\\[\\]()!@#:]{0,900}", 0..27_usize), 0..27)
    ) {
        let mut finding = benign();
        for (text, field) in texts {
            FIELDS[field].1(&mut finding, &text);
        }
        prop_assert_eq!(check_slack(&finding), Ok(()));
        prop_assert_eq!(check_markdown(&markdown::description(&finding, &links())), Ok(()));
    }
}

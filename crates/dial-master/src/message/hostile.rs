//! Hostile text against every field and every template: nothing may come alive.

use super::links::Links;
use super::samples::{FIELDS, benign, filled, hostile};
use super::{markdown, slack};
use proptest::prelude::*;
use serde_json::Value;

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

/// Block Kit as Slack documents it, and what we promise beyond it.
fn check_slack(message: &Value) -> Result<(), String> {
    let fits = |what: &str, text: &Value, limit: usize| match text.as_str() {
        Some(t) if (1..=limit).contains(&t.chars().count()) => Ok(()),
        Some(t) => Err(format!("{what} has {} characters", t.chars().count())),
        None => Err(format!("{what} is no text")),
    };
    fits("text", &message["text"], 40_000)?;
    is_inert_mrkdwn(message["text"].as_str().unwrap_or_default())?;
    let blocks = message["blocks"].as_array().ok_or("no blocks")?;
    if !(1..=50).contains(&blocks.len()) || message["blocks"].to_string().len() > 13_200 {
        return Err(format!(
            "blocks are {} bytes",
            message["blocks"].to_string().len()
        ));
    }
    for block in blocks {
        match block["type"].as_str() {
            Some("header") => {
                is_plain(&block["text"])?;
                fits("header", &block["text"]["text"], 150)?;
            }
            Some("section") => {
                if !block["text"].is_null() {
                    is_plain(&block["text"])?;
                    fits("section", &block["text"]["text"], 3_000)?;
                }
                let none = Vec::new();
                let fields = block["fields"].as_array().unwrap_or(&none);
                if fields.len() > 10 || (fields.is_empty() && block["text"].is_null()) {
                    return Err(format!("{} fields", fields.len()));
                }
                for field in fields {
                    fits("field", &field["text"], 2_000)?;
                    is_field(field)?;
                }
            }
            Some("context") => {
                for element in block["elements"].as_array().ok_or("no elements")? {
                    is_plain(element)?;
                    fits("context", &element["text"], 2_000)?;
                }
            }
            Some("actions") => check_buttons(block["elements"].as_array().ok_or("no buttons")?)?,
            other => return Err(format!("unknown block {other:?}")),
        }
    }
    Ok(())
}

fn check_buttons(buttons: &[Value]) -> Result<(), String> {
    for button in buttons {
        let url = button["url"].as_str().ok_or("button without url")?;
        is_plain(&button["text"])?;
        if !is_our_url(url) {
            return Err(format!("button leads to {url}"));
        }
    }
    Ok(())
}

fn is_plain(text: &Value) -> Result<(), String> {
    let shown = text["text"].as_str().unwrap_or_default();
    if text["type"] != "plain_text" || text["emoji"] != false || !is_one_line(shown) {
        return Err(format!("not inert: {text}"));
    }
    Ok(())
}

pub(super) fn is_one_line(text: &str) -> bool {
    super::text::inert(text, usize::MAX) == text
}

/// Our label, then only code spans.
fn is_field(field: &Value) -> Result<(), String> {
    let text = field["text"].as_str().unwrap_or_default();
    let mut lines = text.split('\n');
    let label = lines.next().unwrap_or_default();
    let inside = label.strip_prefix('*').and_then(|l| l.strip_suffix('*'));
    let labelled = inside.is_some_and(|l| l.chars().all(|c| c.is_ascii_alphabetic() || c == ' '));
    if field["type"] != "mrkdwn" || field["verbatim"] != true || !labelled {
        return Err(format!("bad field: {field}"));
    }
    for line in lines {
        let span = line.strip_prefix('`').and_then(|l| l.strip_suffix('`'));
        match span {
            Some(span) if !span.is_empty() && !span.contains('`') && is_one_line(span) => {}
            _ => return Err(format!("not one code span: {line}")),
        }
    }
    is_inert_mrkdwn(text)
}

/// No control sequence of Slack's markup is left: every `<` and `>` and lone `&` is escaped.
fn is_inert_mrkdwn(text: &str) -> Result<(), String> {
    let unescaped = text
        .replace("&amp;", "")
        .replace("&lt;", "")
        .replace("&gt;", "");
    if unescaped.contains(['<', '>', '&']) {
        return Err(format!("live markup: {text}"));
    }
    Ok(())
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
    ["[Open finding](<", "[CloudTrail event](<"]
        .iter()
        .find_map(|start| text.strip_prefix(start)?.strip_suffix(">)"))
        .is_some_and(is_our_url)
}

pub(super) fn is_our_url(url: &str) -> bool {
    let (host, rest) = url
        .strip_prefix("https://")
        .and_then(|u| u.split_once('/'))
        .unwrap_or_default();
    let ours = host == "dial.example.org" && rest.starts_with("v1/findings/f-")
        || host.ends_with(".console.aws.amazon.com")
            && rest.starts_with("cloudtrailv2/home?region=");
    let clean = |b: u8| b.is_ascii_alphanumeric() || b".-/?=#:".contains(&b);
    ours && url.bytes().all(clean) && url.len() <= 3_000
}

/// Every line is made of our words, our links and code spans; nothing foreign lies outside them.
fn check_markdown(text: &str) -> Result<(), String> {
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

type Spoil = fn(&mut Value);

#[test]
fn the_checkers_find_what_they_look_for() {
    let finding = benign();
    let good = slack::message(&finding, &links());
    assert_eq!(check_slack(&good), Ok(()));
    let spoil: [(&str, Spoil); 7] = [
        ("mention in text", |m| m["text"] = "<!channel>".into()),
        ("emoji", |m| m["blocks"][0]["text"]["emoji"] = true.into()),
        ("long header", |m| {
            m["blocks"][0]["text"]["text"] = "x".repeat(151).into();
        }),
        ("field breaks out", |m| {
            m["blocks"][2]["fields"][0]["text"] = "*Who*\n`a` *b*".into();
        }),
        ("not verbatim", |m| {
            m["blocks"][2]["fields"][0]["verbatim"] = false.into();
        }),
        ("new line", |m| {
            m["blocks"][1]["text"]["text"] = "a\nb".into();
        }),
        ("foreign link", |m| {
            m["blocks"][4]["elements"][0]["url"] = "https://evil.example".into();
        }),
    ];
    for (name, spoil) in spoil {
        let mut bad = good.clone();
        spoil(&mut bad);
        assert!(check_slack(&bad).is_err(), "{name}");
    }
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
            let slack = slack::message(&finding, &links());
            assert_eq!(check_slack(&slack), Ok(()), "{field} {shown}");
            let markdown = markdown::description(&finding, &links());
            assert_eq!(check_markdown(&markdown), Ok(()), "{field} {shown}");
        }
        let finding = filled(text);
        assert_eq!(
            check_slack(&slack::message(&finding, &links())),
            Ok(()),
            "all {shown}"
        );
    }
}

#[test]
fn the_worst_of_everything_at_once_still_fits() {
    let message = slack::message(&hostile(400), &links());
    assert_eq!(check_slack(&message), Ok(()));
    for text in [
        String::new(),
        "\u{200b}".repeat(500),
        "&".repeat(100_000),
        "😀".repeat(100_000),
        "\"\\".repeat(50_000),
    ] {
        let finding = filled(&text);
        assert_eq!(check_slack(&slack::message(&finding, &links())), Ok(()));
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
        prop_assert_eq!(check_slack(&slack::message(&finding, &links())), Ok(()));
        prop_assert_eq!(check_markdown(&markdown::description(&finding, &links())), Ok(()));
    }
}

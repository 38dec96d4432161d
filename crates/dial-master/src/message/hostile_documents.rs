//! Hostile text against the formats that are trees: cards, documents, events.

use super::hostile::{corpus, is_one_line, links};
use super::limits::is_our_url;
use super::samples::{FIELDS, benign, filled, hostile, untouched};
use super::{adaptive_card, adf, ecs, google_chat, pagerduty};
use dial_core::Finding;
use proptest::prelude::*;
use serde_json::Value;

/// Calls `look` with the key and value of every leaf; elements of a list have the list's key.
fn leaves(key: &str, value: &Value, look: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| leaves(key, value, look)),
        Value::Array(list) => list.iter().for_each(|value| leaves(key, value, look)),
        leaf => look(key, leaf),
    }
}

/// Every string of a tree, judged by its key; the first bad one is told.
fn every_text(tree: &Value, is_good: impl Fn(&str, &str) -> bool) -> Result<(), String> {
    let mut bad = None;
    leaves("", tree, &mut |key, leaf| {
        if let Some(text) = leaf.as_str()
            && bad.is_none()
            && !is_good(key, text)
        {
            bad = Some(format!("{key}: {text}"));
        }
    });
    bad.map_or(Ok(()), Err)
}

fn fits(tree: &Value, limit: usize) -> Result<(), String> {
    match tree.to_string().len() {
        bytes if bytes > limit => Err(format!("{bytes} bytes")),
        _ => Ok(()),
    }
}

pub(crate) fn check_card(card: &Value) -> Result<(), String> {
    fits(card, 21_000)?;
    let types = ["AdaptiveCard", "RichTextBlock", "TextRun", "Action.OpenUrl"];
    every_text(card, |key, text| match key {
        "type" => types.contains(&text),
        "url" => is_our_url(text),
        "$schema" => true,
        _ => !text.is_empty() && !text.contains("{{") && !text.contains("${") && one_line(text),
    })
}

/// Our labels and separators end in a space.
fn one_line(text: &str) -> bool {
    let inside = text.strip_suffix(' ').unwrap_or(text);
    is_one_line(inside.strip_prefix(' ').unwrap_or(inside))
}

pub(crate) fn check_chat(message: &Value) -> Result<(), String> {
    fits(message, 32_000)?;
    every_text(message, |key, text| {
        if key == "url" {
            return is_our_url(text);
        }
        let one = |v: &str| !v.is_empty() && !v.contains(['<', '>', '&']) && is_one_line(v);
        text.split("<br>").all(one)
    })
}

pub(crate) fn check_adf(document: &Value) -> Result<(), String> {
    fits(document, 32_767)?;
    let types = [
        "doc",
        "paragraph",
        "text",
        "bulletList",
        "listItem",
        "strong",
        "code",
        "link",
    ];
    every_text(document, |key, text| match key {
        "type" => types.contains(&text),
        "href" => is_our_url(text),
        _ => !text.is_empty() && one_line(text),
    })
}

pub(crate) fn check_payload(payload: &Value) -> Result<(), String> {
    fits(payload, 512 * 1024)?;
    let summary = payload["summary"].as_str().unwrap_or_default();
    let source = payload["source"].as_str().unwrap_or_default();
    let severities = ["critical", "error", "warning", "info"];
    let known = severities.map(Value::from).contains(&payload["severity"]);
    if !(1..=1_024).contains(&summary.chars().count()) || source.is_empty() || !known {
        return Err(format!("{summary} {source}"));
    }
    every_text(payload, |_, text| is_one_line(text))
}

/// No field of the index may come from an event.
pub(crate) fn check_ecs(document: &Value) -> Result<(), String> {
    let roots = [
        "@timestamp",
        "cloud",
        "dial",
        "ecs",
        "event",
        "message",
        "observer",
        "related",
        "rule",
        "source",
        "threat",
        "user",
        "user_agent",
    ];
    let mut foreign = document.as_object().into_iter().flatten();
    if let Some((key, _)) = foreign.find(|(key, _)| !roots.contains(&key.as_str())) {
        return Err(format!("field {key}"));
    }
    let mut bad = None;
    leaves("", document, &mut |key, leaf| {
        let named = |b: u8| b.is_ascii_lowercase() || b"_@".contains(&b);
        if !key.bytes().all(named) || leaf.is_null() || key == "ip" && !is_address(leaf) {
            bad = Some(format!("{key}: {leaf}"));
        }
    });
    bad.map_or(Ok(()), Err)
}

fn is_address(leaf: &Value) -> bool {
    let text = leaf.as_str().unwrap_or_default();
    text.parse::<std::net::IpAddr>().is_ok()
}

fn check(finding: &Finding) -> Result<(), String> {
    let links = links();
    check_card(&adaptive_card::card(finding, None, &links))?;
    check_chat(&google_chat::message(finding, None, &links))?;
    let stored = untouched(finding);
    check_adf(&adf::description(&stored, &links))?;
    check_payload(&pagerduty::payload(finding, None))?;
    check_ecs(&ecs::document(&stored, &links))?;
    every_text(&pagerduty::links(finding, &links), |key, text| {
        key != "href" || is_our_url(text)
    })
}

type Spoil = (&'static str, &'static str, &'static str);

#[test]
fn the_checkers_find_what_they_look_for() {
    type Checker = fn(&Value) -> Result<(), String>;
    let (finding, links) = (benign(), links());
    let cases: [(Value, Checker, &[Spoil]); 5] = [
        (
            adaptive_card::card(&finding, None, &links),
            check_card,
            &[
                ("markdown block", "/body/0/type", "TextBlock"),
                ("function", "/body/1/inlines/0/text", "{{DATE(0)}}"),
                ("new line", "/body/1/inlines/0/text", "a\nb"),
                ("foreign link", "/actions/0/url", "https://evil.example/"),
            ],
        ),
        (
            google_chat::message(&finding, None, &links),
            check_chat,
            &[
                ("tag", "/fallbackText", "<users/all>"),
                ("entity", "/cardsV2/0/card/header/title", "&lt;b&gt;"),
                ("empty", "/cardsV2/0/card/header/title", ""),
            ],
        ),
        (
            adf::description(&untouched(&finding), &links),
            check_adf,
            &[
                ("other node", "/content/0/type", "mediaGroup"),
                ("empty", "/content/0/content/0/text", ""),
                ("bidi", "/content/0/content/0/text", "\u{202e}a"),
            ],
        ),
        (
            pagerduty::payload(&finding, None),
            check_payload,
            &[
                ("no summary", "/summary", ""),
                ("unknown severity", "/severity", "high"),
                ("new line", "/class", "a\nb"),
            ],
        ),
        (
            ecs::document(&untouched(&finding), &links),
            check_ecs,
            &[("no address", "/source/ip", "s3.amazonaws.com")],
        ),
    ];
    for (good, checker, spoils) in cases {
        assert_eq!(checker(&good), Ok(()));
        for (name, place, text) in spoils {
            let mut bad = good.clone();
            *bad.pointer_mut(place).unwrap() = Value::from(*text);
            assert!(checker(&bad).is_err(), "{name}");
        }
    }
}

#[test]
fn nothing_of_the_corpus_comes_alive_in_any_field_of_any_document() {
    for (number, text) in corpus().into_iter().enumerate() {
        let shown: String = text.chars().take(80).collect();
        // Each text alone in three of the fields, in turn, and then in all of them at once.
        for (field, fill) in FIELDS.iter().skip(number % 9).step_by(9) {
            let mut finding = benign();
            fill(&mut finding, &text);
            assert_eq!(check(&finding), Ok(()), "{field} {shown}");
        }
        assert_eq!(check(&filled(&text)), Ok(()), "all {shown}");
    }
}

#[test]
fn the_worst_of_everything_at_once_still_fits() {
    let endless = ["", "\u{200b}", "&", "😀", "\"\\", "{", "${{", "<"];
    let findings = endless.map(|text| filled(&text.repeat(50_000)));
    for finding in findings.into_iter().chain([hostile(400)]) {
        assert_eq!(
            check(&finding),
            Ok(()),
            "{}",
            finding.title.chars().take(9).collect::<String>()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_finding_is_told_within_the_limits(
        texts in proptest::collection::vec(("\\PC{0,400}|[<>&`*_\\\\\n|{}$()!@#:]{0,900}", 0..27_usize), 0..27)
    ) {
        let mut finding = benign();
        for (text, field) in texts {
            FIELDS[field].1(&mut finding, &text);
        }
        prop_assert_eq!(check(&finding), Ok(()));
    }
}

//! Block Kit as Slack documents it, and what we promise beyond it: nothing foreign is alive.

use super::text::inert;
use serde_json::{Value, json};
use std::collections::BTreeSet;

type Checked = Result<(), String>;

/// Checks `text` and `blocks` of a message.
pub(crate) fn message(message: &Value) -> Checked {
    length("text", &message["text"], 40_000)?;
    is_escaped(message["text"].as_str().unwrap_or_default())?;
    blocks(&message["blocks"], 50)?;
    total(&message["blocks"])
}

/// Checks a dialog.
pub(crate) fn view(view: &Value) -> Checked {
    if view["type"] != "modal" {
        return Err(format!("no dialog: {}", view["type"]));
    }
    for (name, limit) in [("title", 24), ("close", 24), ("submit", 24)] {
        if name == "title" || !view[name].is_null() {
            plain(&view[name], limit)?;
        }
    }
    let text = |name: &str| view[name].as_str().unwrap_or_default().len();
    if text("callback_id") > 255 || text("private_metadata") > 3_000 {
        return Err("callback_id or private_metadata is too long".into());
    }
    let inputs = view["blocks"].as_array().ok_or("no blocks")?;
    let asks = inputs.iter().any(|block| block["type"] == "input");
    if asks != view["submit"].is_object() {
        return Err("a dialog has submit where it asks something, and only there".into());
    }
    blocks(&view["blocks"], 100)?;
    total(&view["blocks"])
}

fn total(blocks: &Value) -> Checked {
    match blocks.to_string().len() {
        bytes if bytes > 13_200 => Err(format!("blocks are {bytes} bytes")),
        _ => Ok(()),
    }
}

fn blocks(blocks: &Value, most: usize) -> Checked {
    let list = blocks.as_array().ok_or("no blocks")?;
    if !(1..=most).contains(&list.len()) {
        return Err(format!("{} blocks", list.len()));
    }
    let ids: Vec<&str> = list.iter().filter_map(|b| b["block_id"].as_str()).collect();
    unique("block_id", &ids)?;
    list.iter().try_for_each(block)
}

fn unique(what: &str, ids: &[&str]) -> Checked {
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    let fits = ids.iter().all(|id| (1..=255).contains(&id.chars().count()));
    if distinct.len() == ids.len() && fits {
        Ok(())
    } else {
        Err(format!("{what} repeated, empty or too long: {ids:?}"))
    }
}

fn block(block: &Value) -> Checked {
    match block["type"].as_str() {
        Some("header") => plain(&block["text"], 150),
        Some("section") => section(block),
        Some("context") => {
            let elements = members(&block["elements"], 10)?;
            elements.iter().try_for_each(|element| text(element, 2_000))
        }
        Some("actions") => {
            let elements = members(&block["elements"], 25)?;
            let ids: Vec<&str> = elements
                .iter()
                .filter_map(|e| e["action_id"].as_str())
                .collect();
            unique("action_id", &ids)?;
            elements.iter().try_for_each(control)
        }
        Some("input") => {
            plain(&block["label"], 2_000)?;
            control(&block["element"])
        }
        Some("rich_text") => members(&block["elements"], 50)?
            .iter()
            .try_for_each(preformatted),
        other => Err(format!("unknown block {other:?}")),
    }
}

fn section(block: &Value) -> Checked {
    if !block["text"].is_null() {
        text(&block["text"], 3_000)?;
    }
    if !block["accessory"].is_null() {
        control(&block["accessory"])?;
    }
    match &block["fields"] {
        Value::Null if block["text"].is_null() => Err("empty section".into()),
        Value::Null => Ok(()),
        fields => members(fields, 10)?
            .iter()
            .try_for_each(|field| text(field, 2_000)),
    }
}

fn members(list: &Value, most: usize) -> Result<&Vec<Value>, String> {
    let list = list.as_array().ok_or("no list")?;
    if (1..=most).contains(&list.len()) {
        Ok(list)
    } else {
        Err(format!("{} members", list.len()))
    }
}

fn control(control: &Value) -> Checked {
    length("action_id", &control["action_id"], 255)?;
    match control["type"].as_str() {
        Some("button") => button(control),
        Some("static_select") => {
            let options = members(&control["options"], 100)?;
            for option in options {
                plain(&option["text"], 75)?;
                length("value", &option["value"], 150)?;
                is_ours_value(&option["value"])?;
            }
            if !control["placeholder"].is_null() {
                plain(&control["placeholder"], 150)?;
            }
            let first = &control["initial_option"];
            if !first.is_null() && !options.contains(first) {
                return Err(format!("initial option is none of the options: {first}"));
            }
            Ok(())
        }
        Some("plain_text_input") => Ok(()),
        other => Err(format!("unknown control {other:?}")),
    }
}

fn button(button: &Value) -> Checked {
    plain(&button["text"], 75)?;
    if !["primary", "danger"].contains(&button["style"].as_str().unwrap_or("primary")) {
        return Err(format!("unknown style: {button}"));
    }
    match (&button["url"], &button["value"]) {
        (Value::String(url), Value::Null) if is_our_url(url) => Ok(()),
        (Value::Null, value) => {
            length("value", value, 2_000)?;
            is_ours_value(value)
        }
        _ => Err(format!("button leads elsewhere: {button}")),
    }
}

/// Finding ids, revisions, hours, pages and words of ours: never text of an event.
fn is_ours_value(value: &Value) -> Checked {
    let text = value.as_str().unwrap_or_default();
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
    if text.bytes().all(fits) && text.len() < 64 {
        Ok(())
    } else {
        Err(format!("value is not ours: {text}"))
    }
}

fn preformatted(element: &Value) -> Checked {
    if element["type"] != "rich_text_preformatted" {
        return Err(format!("not preformatted: {element}"));
    }
    for part in members(&element["elements"], 10)? {
        length("preformatted", &part["text"], 3_000)?;
        let keys: Vec<&String> = part.as_object().ok_or("no object")?.keys().collect();
        if part["type"] != "text" || keys != ["type", "text"] {
            return Err(format!("alive: {part}"));
        }
        let text = part["text"].as_str().unwrap_or_default();
        let visible = |line: &str| is_one_line(line.trim_start_matches(' '));
        if !text.lines().all(visible) {
            return Err(format!("invisible characters: {text:?}"));
        }
    }
    Ok(())
}

fn text(object: &Value, limit: usize) -> Checked {
    if object["type"] == "plain_text" {
        return plain(object, limit);
    }
    length("mrkdwn", &object["text"], limit)?;
    if object["type"] != "mrkdwn" || object["verbatim"] != true {
        return Err(format!("not verbatim: {object}"));
    }
    let text = object["text"].as_str().unwrap_or_default();
    text.split('\n').try_for_each(mrkdwn)
}

/// Code spans around whatever is foreign; outside only our words, marks and moments.
fn mrkdwn(line: &str) -> Checked {
    if !line.matches('`').count().is_multiple_of(2) || !is_one_line(line) {
        return Err(format!("open code span: {line}"));
    }
    for (n, part) in line.split('`').enumerate() {
        let ours = |c: char| c.is_ascii_alphabetic() || " *·—".contains(c);
        if n % 2 == 1 {
            if part.is_empty() {
                return Err(format!("empty span: {line}"));
            }
            is_escaped(part)?;
        } else if !without_dates(part)?.chars().all(ours) {
            return Err(format!("foreign text outside of code: {line}"));
        }
    }
    Ok(())
}

fn without_dates(text: &str) -> Result<String, String> {
    let mut rest = text;
    let mut left = String::new();
    while let Some((before, token)) = rest.split_once("<!date^") {
        let (inside, after) = token.split_once('>').ok_or("open date")?;
        let parts: Vec<&str> = inside.split(['^', '|']).collect();
        let [seconds, "{date_short_pretty} {time_secs}", shown] = parts.as_slice() else {
            return Err(format!("no date of ours: {text}"));
        };
        let fits = |b: u8| b.is_ascii_digit() || b"-+.:TZ".contains(&b);
        if seconds.parse::<i64>().is_err() || !shown.bytes().all(fits) {
            return Err(format!("no date of ours: {text}"));
        }
        left.push_str(before);
        rest = after;
    }
    Ok(left + rest)
}

fn plain(object: &Value, limit: usize) -> Checked {
    length("plain text", &object["text"], limit)?;
    let shown = object["text"].as_str().unwrap_or_default();
    if object["type"] != "plain_text" || object["emoji"] != json!(false) || !is_one_line(shown) {
        return Err(format!("not inert: {object}"));
    }
    Ok(())
}

fn length(what: &str, text: &Value, limit: usize) -> Checked {
    match text.as_str() {
        Some(t) if (1..=limit).contains(&t.chars().count()) => Ok(()),
        Some(t) => Err(format!("{what} has {} characters", t.chars().count())),
        None => Err(format!("{what} is no text: {text}")),
    }
}

fn is_one_line(text: &str) -> bool {
    inert(text, usize::MAX) == text
}

/// No control sequence of Slack's markup is left: every `<`, `>` and lone `&` is escaped.
fn is_escaped(text: &str) -> Checked {
    let entities = ["&amp;", "&lt;", "&gt;"];
    let left = entities
        .iter()
        .fold(text.to_owned(), |t, e| t.replace(e, ""));
    if left.contains(['<', '>', '&']) {
        return Err(format!("live markup: {text}"));
    }
    Ok(())
}

/// An address that a button may lead to: the master's own, or the CloudTrail console.
pub(crate) fn is_our_url(url: &str) -> bool {
    let (host, rest) = url
        .strip_prefix("https://")
        .and_then(|u| u.split_once('/'))
        .unwrap_or_default();
    let ours = host == "dial.example.org" && rest.starts_with("findings/f-")
        || host.ends_with(".console.aws.amazon.com")
            && rest.starts_with("cloudtrailv2/home?region=");
    let clean = |b: u8| b.is_ascii_alphanumeric() || b".-/?=#:".contains(&b);
    ours && url.bytes().all(clean) && url.len() <= 3_000
}

type Spoil = fn(&mut Value);

#[test]
fn the_checker_finds_what_it_looks_for() {
    use super::{links::Links, samples, slack};
    let links = Links::new(Some("https://dial.example.org")).unwrap();
    let good = slack::message(slack::Telling {
        finding: &samples::benign(),
        links: &links,
        standing: None,
        buttons: false,
    });
    assert_eq!(message(&good), Ok(()));
    let spoil: [(&str, Spoil); 11] = [
        ("mention in text", |m| m["text"] = "<!channel>".into()),
        ("emoji", |m| m["blocks"][0]["text"]["emoji"] = true.into()),
        ("long header", |m| {
            m["blocks"][0]["text"]["text"] = "x".repeat(151).into();
        }),
        ("glance breaks out", |m| {
            m["blocks"][1]["text"]["text"] = "`a` (b)".into();
        }),
        ("a date that is none", |m| {
            m["blocks"][1]["text"]["text"] = "<!date^0^{date}^https://evil.example|now>".into();
        }),
        ("new line", |m| {
            m["blocks"][2]["text"]["text"] = "a\nb".into();
        }),
        ("field breaks out", |m| {
            m["blocks"][3]["fields"][0]["text"] = "*Who*\n`a` (b)".into();
        }),
        ("not verbatim", |m| {
            m["blocks"][3]["fields"][0]["verbatim"] = false.into();
        }),
        ("foreign link", |m| {
            m["blocks"][4]["elements"][0]["url"] = "https://evil.example".into();
        }),
        ("foreign value", |m| {
            m["blocks"][4]["elements"][0] = json!({"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "x", "emoji": false}, "value": "<b>"});
        }),
        ("one id twice", |m| {
            let twin = m["blocks"][4]["elements"][0].clone();
            m["blocks"][4]["elements"][1] = twin;
        }),
    ];
    for (name, spoil) in spoil {
        let mut bad = good.clone();
        spoil(&mut bad);
        assert!(message(&bad).is_err(), "{name}");
    }
}

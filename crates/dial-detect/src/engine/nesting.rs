//! Refuses rule files that nest too deep, before the library reads them by recursion.

use serde::Deserialize as _;
use yaml_serde::{Deserializer, Value};

/// Deepest nesting of brackets on one line; reading YAML takes the square of it.
const MAX_BRACKETS: usize = 100;
/// Longest condition, bytes.
const MAX_CONDITION: usize = 16 * 1024;
/// Deepest nesting of brackets in a condition; the library ends at 64.
const MAX_NESTED: usize = 60;
/// Most `not` of a condition; each is a call in a call.
const MAX_NOTS: usize = 200;

/// What nests too deep.
pub(super) struct Refusal {
    /// Title of the rule, where it is one rule that does.
    pub(super) title: Option<String>,
    pub(super) message: String,
}

/// Says what nests too deep in the text of a file; `None` for what can be read.
pub(super) fn refusal(text: &str) -> Option<Refusal> {
    if let Some(number) = text.lines().position(|line| depth(line) > MAX_BRACKETS) {
        let number = number + 1;
        return Some(Refusal {
            title: None,
            message: format!("brackets nest deeper than {MAX_BRACKETS} at line {number}"),
        });
    }
    // What is no YAML is for the library to name.
    let mut documents = Deserializer::from_str(text).map_while(|it| Value::deserialize(it).ok());
    documents.find_map(|document| {
        let title = document.get("title").and_then(Value::as_str);
        Some(Refusal {
            message: in_value(&document)?,
            title: title.map(str::to_owned),
        })
    })
}

/// Deepest nesting of brackets.
fn depth(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' | b'(' => depth += 1,
            b']' | b'}' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Looks at conditions wherever they are: blocks of arrays have their own.
fn in_value(value: &Value) -> Option<String> {
    if let Some(members) = value.as_mapping() {
        return members.iter().find_map(|(key, value)| match key.as_str() {
            Some("condition") => in_condition(value),
            _ => in_value(value),
        });
    }
    value.as_sequence()?.iter().find_map(in_value)
}

fn in_condition(value: &Value) -> Option<String> {
    let Some(text) = value.as_str() else {
        let mut parts = value.as_sequence().into_iter().flatten();
        return parts.find_map(in_condition).or_else(|| in_value(value));
    };
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let nots = words.filter(|word| *word == "not").count();
    let told = if text.len() > MAX_CONDITION {
        format!("has {} bytes, {MAX_CONDITION} are allowed", text.len())
    } else if depth(text) > MAX_NESTED {
        format!("nests brackets deeper than {MAX_NESTED}")
    } else if nots > MAX_NOTS {
        format!("has {nots} `not`, {MAX_NOTS} are allowed")
    } else {
        return None;
    };
    Some(format!("the `condition:` {told}; make several rules"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<(Option<String>, String)> {
        refusal(text).map(|refusal| (refusal.title, refusal.message))
    }

    #[test]
    fn what_nests_too_deep_is_refused_however_it_is_spelled() {
        let deep = "not ".repeat(600);
        let cases = [
            ("plain", format!("condition: {deep}s"), "has 600 `not`"),
            ("list", format!("condition: [a, {deep}s]"), "has 600 `not`"),
            ("tagged", format!("condition: !x {deep}s"), "has 600 `not`"),
            (
                "block",
                format!("s: [{{'a[any]': {{condition: {deep}s}}}}]"),
                "has 600 `not`",
            ),
            (
                "escaped",
                format!("condition: \"{}s\"", "\\x6eot ".repeat(600)),
                "has 600 `not`",
            ),
            (
                "folded",
                format!("condition: >\n{}    s", "    (\n".repeat(61)),
                "nests brackets deeper than 60",
            ),
            (
                "long",
                format!("condition: s{}", " and s".repeat(3_000)),
                "has 18001 bytes",
            ),
        ];
        for (name, text, expected) in cases {
            let text = format!("title: first\n---\ntitle: second\ndetection:\n  {text}\n");
            let (title, message) = told(&text).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(title.as_deref(), Some("second"), "{name}");
            assert!(message.contains(expected), "{name}: {message}");
        }
    }

    #[test]
    fn what_rules_look_like_is_not_refused() {
        let cases = [
            "condition: a and not (b or not c)".to_owned(),
            format!("condition: {}s", "not ".repeat(200)),
            format!("condition: {}s{}", "(".repeat(60), ")".repeat(60)),
            format!("description: {}", "not ".repeat(600)),
            "condition: [".to_owned(),
        ];
        for text in cases {
            assert_eq!(told(&text), None, "{text}");
        }
    }
}

//! What the library would refuse when it builds a rule, said with what shows where.

use rsigma_parser::{ConditionExpr, Detections};
use std::net::IpAddr;

/// The names in the library's grammar of conditions, as authors write them.
const GRAMMAR: [(&str, &str); 8] = [
    ("EOI", "the end"),
    ("and_op", "`and`"),
    ("ident", "the name of a selection"),
    ("not_op", "`not`"),
    ("of_kw", "`of`"),
    ("or_op", "`or`"),
    ("quantifier", "`1 of` or `all of`"),
    ("selector_target", "`them` or a name with `*`"),
];

/// Names in a condition that are no selections of the rule.
pub(super) fn refusal(detection: &Detections) -> Option<String> {
    let known = |name: &str| detection.named.contains_key(name);
    let unknown = detection
        .conditions
        .iter()
        .find_map(|condition| first_unknown(condition, &known))?;
    let mut names: Vec<&str> = detection.named.keys().map(String::as_str).collect();
    names.sort_unstable();
    Some(format!(
        "the `condition:` names `{unknown}`, which the detection has not; it has {}",
        names.join(", ")
    ))
}

fn first_unknown<'r>(
    condition: &'r ConditionExpr,
    known: &impl Fn(&str) -> bool,
) -> Option<&'r str> {
    match condition {
        ConditionExpr::And(parts) | ConditionExpr::Or(parts) => {
            parts.iter().find_map(|part| first_unknown(part, known))
        }
        ConditionExpr::Not(part) => first_unknown(part, known),
        ConditionExpr::Identifier(name) => (!known(name)).then_some(name),
        ConditionExpr::Selector { .. } => None,
    }
}

/// What is wrong with a regular expression.
pub(super) fn in_regex(field: &str, pattern: &str, error: &regex::Error) -> String {
    // The library draws where; its last line says what.
    let drawn = error.to_string();
    let what = drawn.lines().last().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what);
    format!("`{pattern}` of `{field}` is no regular expression: {what}")
}

/// What is wrong with a network.
pub(super) fn in_network(field: &str, text: &str) -> Option<String> {
    let is_network = text.split_once('/').is_some_and(|(address, bits)| {
        let most = match address.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        bits.parse::<u8>().is_ok_and(|bits| bits <= most)
    });
    (!is_network).then(|| format!("`{text}` of `{field}` is no network such as 203.0.113.0/24"))
}

/// The field that the library misses in a document; `None` for any other message.
pub(super) fn missing(message: &str) -> Option<&str> {
    let field = message.strip_prefix("Missing required field '")?;
    field.strip_suffix('\'')
}

/// What the library draws, or says of its own limits, in words; `None` for any other message.
pub(super) fn in_words(message: &str) -> Option<String> {
    if message == "YAML parse error: repetition limit exceeded" {
        let said = "aliases such as `*name` repeat too much; write the values out";
        return Some(said.to_owned());
    }
    in_condition(message)
}

/// A drawing of where a condition breaks off, in words.
fn in_condition(message: &str) -> Option<String> {
    let drawn = message.strip_prefix("Condition parse error")?;
    let text = drawn.lines().find_map(|line| line.split_once(" | "))?.1;
    let mark = drawn
        .lines()
        .find(|line| line.ends_with('^') || line.contains("^-"))?;
    let column = mark.find('^')?.checked_sub(mark.find('|')? + 1)?;
    let expected = drawn
        .lines()
        .find_map(|line| line.split_once("= expected "))?
        .1;
    let words = expected.split(|c: char| !c.is_ascii_alphabetic() && c != '_');
    let mut said: Vec<&str> = words.filter_map(spelled).collect();
    said.dedup();
    Some(format!(
        "`{text}` is no `condition:`, from character {column} on; there may be {}",
        said.join(", or ")
    ))
}

fn spelled(word: &str) -> Option<&'static str> {
    let known = GRAMMAR.iter().find(|(name, _)| *name == word);
    known.map(|(_, spelled)| *spelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_breaks_off_is_told_in_words() {
        let cases = [
            (
                "s and",
                "`s and` is no `condition:`, from character 6 on; there may be `1 of` or `all of`, or the name of a selection, or `not`",
            ),
            (
                "s annd t",
                "`s annd t` is no `condition:`, from character 3 on; there may be the end, or `or`, or `and`",
            ),
            (
                "1 of",
                "`1 of` is no `condition:`, from character 5 on; there may be `them` or a name with `*`",
            ),
        ];
        for (condition, expected) in cases {
            let error = rsigma_parser::parse_condition(condition).unwrap_err();
            assert_eq!(in_condition(&error.to_string()).as_deref(), Some(expected));
        }
        assert_eq!(in_condition("YAML parse error"), None);
    }

    #[test]
    fn networks_have_an_address_and_a_length() {
        let cases = [
            ("203.0.113.0/24", true),
            ("2001:db8::/32", true),
            ("203.0.113.0/33", false),
            ("203.0.113.7", false),
            ("203.0.113/24", false),
            ("", false),
        ];
        for (text, expected) in cases {
            let refused = in_network("sourceIPAddress", text);
            assert_eq!(refused.is_none(), expected, "{text}");
        }
    }
}

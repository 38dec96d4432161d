//! Policy documents: object, JSON text or URL-encoded JSON text, of bounded size.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Longest policy text that is parsed, bytes; the largest that AWS takes is an SQS queue's, and
/// CloudTrail keeps 100 KB of a request.
const MAX_TEXT: usize = 256 * 1024;

/// A policy as far as the record shows it.
#[derive(Debug, Clone, PartialEq)]
pub enum Document<'a> {
    /// The call set no policy.
    Absent,
    /// There was one, but it cannot be read; holds why. Never to be taken for private.
    Unknown(&'static str),
    /// The policy.
    Known(Cow<'a, Map<String, Value>>),
}

impl<'a> Document<'a> {
    /// Reads a policy from wherever a record holds it.
    ///
    /// Nesting is bounded by the parser of JSON text (128 levels).
    pub fn read(value: Option<&'a Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self::Absent,
            Some(Value::String(text)) if text.trim().is_empty() => Self::Absent,
            Some(Value::String(text)) => parse(text),
            Some(value) if is_omitted(value) => Self::Unknown("CloudTrail omitted the policy"),
            Some(Value::Object(map)) => Self::Known(Cow::Borrowed(map)),
            Some(_) => Self::Unknown("the policy is no object"),
        }
    }
}

/// Whether CloudTrail replaced a value by a note that it was too large.
pub fn is_omitted(value: &Value) -> bool {
    value.get("omitted") == Some(&Value::Bool(true))
}

fn parse<'a>(text: &str) -> Document<'a> {
    if text.len() > MAX_TEXT {
        return Document::Unknown("the policy is too long");
    }
    let text = text.trim_start_matches('\u{feff}').trim();
    let decoded = if text.starts_with('%') {
        percent_decode_str(text).decode_utf8_lossy()
    } else {
        Cow::Borrowed(text)
    };
    match serde_json::from_str(&decoded) {
        Ok(Value::Object(map)) => Document::Known(Cow::Owned(map)),
        Ok(_) => Document::Unknown("the policy is no object"),
        Err(_) => Document::Unknown("the policy is not JSON"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_spelling_is_read_and_nothing_unreadable_is_private() {
        let encoded = "%7B%22Statement%22%3A%5B%5D%7D";
        let statement = json!({"Statement": []});
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let deep = format!("{{\"Statement\":{deep}}}");
        let cases = [
            ("missing", Value::Null, "absent"),
            ("removed", json!(""), "absent"),
            ("object", statement.clone(), "known"),
            ("text", json!(statement.to_string()), "known"),
            ("encoded", json!(encoded), "known"),
            (
                "text with a byte order mark",
                json!("\u{feff}{\"Statement\":[]}"),
                "known",
            ),
            (
                "omitted",
                json!({"omitted": true, "originalSize": 200_000}),
                "unknown",
            ),
            ("cut off", json!("{\"Statement\":[{"), "unknown"),
            ("list", json!([1]), "unknown"),
            ("text of a list", json!("[]"), "unknown"),
            ("too deep", json!(deep), "unknown"),
            ("too long", json!(" ".repeat(MAX_TEXT) + "{}"), "unknown"),
            ("hidden", json!("HIDDEN_DUE_TO_SECURITY_REASONS"), "unknown"),
        ];
        for (name, value, expected) in cases {
            let found = match Document::read(Some(&value)) {
                Document::Absent => "absent",
                Document::Unknown(_) => "unknown",
                Document::Known(_) => "known",
            };
            assert_eq!(found, expected, "{name}");
        }
    }
}

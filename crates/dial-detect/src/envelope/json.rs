//! JSON read from outside: chosen members borrowed, depth checked, values built last.

use super::loose::Key;
use super::{EnvelopeError, MAX_DEPTH, MAX_EVENT};
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The members of a JSON object with these names, unparsed; `None` where absent or null.
pub(super) fn pick<'a, const N: usize>(
    text: &'a str,
    names: [&'static str; N],
) -> Result<[Option<&'a RawValue>; N], EnvelopeError> {
    let mut pick = Pick {
        names,
        found: [None; N],
        duplicate: None,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let picked = reader.deserialize_map(&mut pick);
    picked.and_then(|()| reader.end()).map_err(not_json)?;
    match pick.duplicate {
        Some(name) => Err(EnvelopeError::Duplicate(name)),
        None => Ok(pick.found.map(|raw| raw.filter(|r| r.get() != "null"))),
    }
}

/// The members of a JSON list, unparsed; at most `limit`.
pub(super) fn list(text: &str, limit: usize) -> Result<Vec<&RawValue>, EnvelopeError> {
    let mut members = List {
        limit,
        found: Vec::new(),
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize_seq(&mut members);
    read.and_then(|()| reader.end()).map_err(not_json)?;
    if members.found.len() > limit {
        return Err(EnvelopeError::TooManyRecords(limit));
    }
    Ok(members.found)
}

/// The text of a JSON string; `None` for anything else.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    if !text.starts_with('"') {
        return None;
    }
    serde_json::from_str::<&str>(text)
        .map(Cow::Borrowed)
        .or_else(|_| serde_json::from_str(text).map(Cow::Owned))
        .or_else(|_| serde_json::from_str(&repair(text).unwrap_or_default()).map(Cow::Owned))
        .ok()
}

/// Whether a value is this string.
pub(super) fn is(raw: &RawValue, expected: &str) -> bool {
    text(raw).is_some_and(|text| text == expected)
}

/// Builds the value of one event, after its size and depth were checked.
///
/// A lone surrogate escape, which callers can bring into a user agent, becomes U+FFFD: it must
/// not hide the event that it stands in.
pub(super) fn value(text: &str) -> Result<Value, EnvelopeError> {
    if text.len() > MAX_EVENT {
        return Err(EnvelopeError::TooLarge {
            bytes: text.len(),
            limit: MAX_EVENT,
        });
    }
    if is_deeper(text.as_bytes(), MAX_DEPTH) {
        return Err(EnvelopeError::TooDeep(MAX_DEPTH));
    }
    serde_json::from_str(text).or_else(|error| {
        repair(text)
            .and_then(|repaired| serde_json::from_str(&repaired).ok())
            .ok_or_else(|| not_json(error))
    })
}

/// The error without any content of the input.
#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function in map_err"
)]
pub(super) fn not_json(error: serde_json::Error) -> EnvelopeError {
    let (line, column) = (error.line(), error.column());
    EnvelopeError::NotJson(if error.is_data() {
        // Such messages quote the value.
        format!("a value has the wrong type at line {line} column {column}")
    } else {
        error.to_string()
    })
}

/// Whether lists and objects nest deeper than `limit`; total over any bytes.
pub(super) fn is_deeper(bytes: &[u8], limit: usize) -> bool {
    // So few brackets cannot nest deeper; most records end here.
    if memchr::memchr2_iter(b'{', b'[', bytes).nth(limit).is_none() {
        return false;
    }
    let mut depth = 0_usize;
    let mut deepest = 0;
    let mut in_string = false;
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest > limit
}

/// Replaces lone surrogate escapes by U+FFFD's; `None` where there are none.
pub(super) fn repair(text: &str) -> Option<String> {
    // Surrogates are `\\ud800` to `\\udfff`.
    let may_hold = |start: &str| memchr::memmem::find(text.as_bytes(), start.as_bytes()).is_some();
    if !may_hold("\\ud") && !may_hold("\\uD") {
        return None;
    }
    let mut repaired = String::with_capacity(text.len());
    let mut rest = text;
    let mut changed = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        repaired.push_str(before);
        let (taken, fixed) = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, None),
            (Some(0xD800..=0xDFFF), _) => (6, Some("\\ufffd")),
            (Some(_), _) => (6, None),
            // A backslash and one character, whatever its width.
            (None, _) => (escape.chars().take(2).map(char::len_utf8).sum(), None),
        };
        changed |= fixed.is_some();
        let (kept, after) = escape.split_at(taken);
        repaired.push_str(fixed.unwrap_or(kept));
        rest = after;
    }
    repaired.push_str(rest);
    changed.then_some(repaired)
}

/// The UTF-16 unit of a `\uXXXX` that the text starts with.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

struct Pick<'a, const N: usize> {
    names: [&'static str; N],
    found: [Option<&'a RawValue>; N],
    duplicate: Option<&'static str>,
}

impl<'de, const N: usize> Visitor<'de> for &mut Pick<'de, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let Some(at) = self.names.iter().position(|name| *name == key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if self.found[at].replace(map.next_value()?).is_some() {
                self.duplicate = Some(self.names[at]);
            }
        }
        Ok(())
    }
}

struct List<'a> {
    limit: usize,
    found: Vec<&'a RawValue>,
}

impl<'de> Visitor<'de> for &mut List<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(member) = seq.next_element()? {
            // One above the limit says that there are more.
            if self.found.len() <= self.limit {
                self.found.push(member);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_picked_by_name_and_duplicates_are_seen() {
        let text = r#"{"a": [1], "b": null, "\u0063": "x", "z": {"a": 2}}"#;
        let [a, b, c, d] = pick(text, ["a", "b", "c", "d"]).unwrap();
        assert_eq!(a.map(RawValue::get), Some("[1]"));
        assert!(b.is_none() && d.is_none());
        assert_eq!(c.and_then(super::text).as_deref(), Some("x"));
        let twice = pick(r#"{"a":1,"a":2}"#, ["a"]);
        assert_eq!(twice.unwrap_err(), EnvelopeError::Duplicate("a"));
        for broken in ["", "[]", "3", "{", "{}x", "nul", "{\"a\":}"] {
            let result = pick(broken, ["a"]);
            assert!(matches!(result, Err(EnvelopeError::NotJson(_))), "{broken}");
        }
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        let cases = [
            ("at the limit", nested(64), false),
            ("one above", nested(65), true),
            ("closed before", "[]".repeat(100), false),
            ("in a string", format!("\"{}\"", nested(65)), false),
            (
                "after an escaped quote",
                format!(r#""\"{}""#, nested(65)),
                false,
            ),
            ("never closed", "{".repeat(65), true),
            ("cut in an escape", "\"\\".into(), false),
        ];
        for (name, text, expected) in cases {
            assert_eq!(is_deeper(text.as_bytes(), 64), expected, "{name}");
        }
        assert!(is_deeper("[".repeat(5_000_000).as_bytes(), 64));
    }

    #[test]
    fn lone_surrogates_are_replaced_and_nothing_else() {
        let cases = [
            (r#""\ud800""#, Some("\u{fffd}")),
            (r#""\udc00\ud800x""#, Some("\u{fffd}\u{fffd}x")),
            (r#""\ud83d\ude00\ud83d""#, Some("\u{1f600}\u{fffd}")),
            (r#""\\ud800""#, Some("\\ud800")),
            (r#""\ud800\u0041""#, Some("\u{fffd}A")),
            (r#""\ud8""#, None),
            (r#""\é""#, None),
        ];
        for (text, expected) in cases {
            assert_eq!(
                value(text).ok().as_ref().and_then(Value::as_str),
                expected,
                "{text}"
            );
        }
        assert_eq!(repair(r#""\ud83d\ude00 \n é""#), None);
    }

    #[test]
    fn errors_quote_no_content() {
        for text in [r#"{"a":"hunter2"x}"#, "\"hunter2", r#"["hunter2", 1e999]"#] {
            let message = value(text).unwrap_err().to_string();
            assert!(!message.contains("hunter2"), "{message}");
        }
        let wrong = pick(r#""hunter2""#, ["a"]).unwrap_err().to_string();
        assert!(!wrong.contains("hunter2"), "{wrong}");
    }
}

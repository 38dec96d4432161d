//! Redaction in the worker: secrets never leave the account.
//!
//! A secret is known by where it stands (`keys`), by the name beside it, or by its own shape
//! (`shapes`), also inside JSON that stands in a string. Ids of access keys are no secrets.

mod keys;
mod shapes;

use keys::Verdict;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value};

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";
/// JSON in a string in JSON in a string …: deeper ones are only searched for shapes.
const MAX_NESTED: u8 = 3;
/// What AWS writes where it left a secret out.
const MASKED: [&str; 4] = [
    "HIDDEN_DUE_TO_SECURITY_REASONS",
    "<sensitiveDataRemoved>",
    "Value hidden due to security reasons",
    REDACTED,
];

/// Replaces every secret in a record by [`REDACTED`]; returns how many there were.
pub fn redact(record: &mut Value) -> usize {
    let event_name = record.get("eventName").and_then(Value::as_str);
    let event_name = event_name.unwrap_or_default().to_owned();
    let mut walk = Walk {
        event_name: Some(&event_name),
        path: Vec::new(),
        nested: 0,
    };
    walk.value(record, false)
}

/// The same for one value whose dotted path in the record is known, such as what a rule matched.
///
/// Where only some events keep a secret at that path, it is taken for one.
pub fn redact_field(field: &str, value: &mut Value) -> usize {
    let segments = field.split('.').filter(|segment| !segment.is_empty());
    let mut walk = Walk {
        event_name: None,
        path: segments.map(keys::normalise).collect(),
        nested: 0,
    };
    // Something further up may already be secret as a whole.
    let is_secret =
        (1..walk.path.len()).any(|end| keys::judge(None, &walk.path[..end]) == Verdict::Tree);
    walk.member(value, is_secret)
}

/// Replaces secrets of known shape in a text; returns how many there were.
pub fn redact_text(text: &mut String) -> usize {
    shapes::redact(text)
}

/// A walk through a record, with the names from its root to here.
struct Walk<'a> {
    /// `None` where it is not known.
    event_name: Option<&'a str>,
    path: Vec<String>,
    nested: u8,
}

impl Walk<'_> {
    /// Redacts a value; `is_secret` says that everything in it is secret.
    fn value(&mut self, value: &mut Value, is_secret: bool) -> usize {
        match value {
            Value::Null | Value::Bool(_) => 0,
            Value::Number(_) => usize::from(is_secret && replace(value)),
            Value::String(text) if !is_secret => self.text(text),
            Value::String(text) => usize::from(!is_harmless(text) && replace(value)),
            Value::Array(members) => members
                .iter_mut()
                .map(|member| self.value(member, is_secret))
                .sum(),
            Value::Object(members) => self.object(members, is_secret),
        }
    }

    fn object(&mut self, members: &mut Map<String, Value>, is_secret: bool) -> usize {
        let mut count = redact_keys(members);
        let names: Vec<String> = members.keys().map(|key| keys::normalise(key)).collect();
        // `{name, type, value}`: only the value can be secret.
        let is_pair = names.iter().any(|name| keys::is_value(name));
        let named_secret = is_pair && keys::names_secret(names.iter().zip(members.values()));
        for (name, value) in names.into_iter().zip(members.values_mut()) {
            let applies = !is_pair || keys::is_value(&name);
            let below = applies && (is_secret || named_secret);
            self.path.push(name);
            count += self.member(value, below);
            self.path.pop();
        }
        count
    }

    /// Redacts the value whose name ends the path.
    fn member(&mut self, value: &mut Value, is_secret: bool) -> usize {
        let verdict = keys::judge(self.event_name, &self.path);
        let is_secret = is_secret
            || match verdict {
                Verdict::Keep => false,
                Verdict::Leaf => is_leaf(value),
                Verdict::Tree => true,
            };
        self.value(value, is_secret)
    }

    fn text(&mut self, text: &mut String) -> usize {
        match self.json(text) {
            Some(count) => count,
            None => shapes::redact(text),
        }
    }

    /// Redacts JSON in a string, URL-encoded or not; `None` where the text is no JSON.
    fn json(&mut self, text: &mut String) -> Option<usize> {
        let is_encoded =
            text.starts_with("%7B") || text.starts_with("%7b") || text.starts_with("%5B");
        let decoded = is_encoded.then(|| percent_decode_str(text).decode_utf8().ok());
        let plain = match &decoded {
            Some(decoded) => decoded.as_deref()?,
            None => text.as_str(),
        };
        if self.nested >= MAX_NESTED || !plain.trim_start().starts_with(['{', '[']) {
            return None;
        }
        let mut value: Value = serde_json::from_str(plain).ok()?;
        self.nested += 1;
        let count = self.value(&mut value, false);
        self.nested -= 1;
        if count > 0 {
            let json = value.to_string();
            *text = if is_encoded {
                utf8_percent_encode(&json, NON_ALPHANUMERIC).to_string()
            } else {
                json
            };
        }
        Some(count)
    }
}

fn replace(value: &mut Value) -> bool {
    *value = Value::String(REDACTED.into());
    true
}

/// A scalar, or a list of scalars: what a name such as `token` speaks about. An object under
/// such a name has names of its own.
fn is_leaf(value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(members) => members.iter().all(|m| !m.is_object() && !m.is_array()),
        _ => true,
    }
}

/// Masked already, or the name of a secret instead of the secret.
fn is_harmless(text: &str) -> bool {
    let is_stars = text.bytes().all(|byte| byte == b'*');
    is_stars || MASKED.contains(&text) || text.starts_with("arn:aws") || keys::is_key_id(text)
}

/// Secrets can stand as names, too: the tokens of a map of tokens.
fn redact_keys(members: &mut Map<String, Value>) -> usize {
    if members.keys().all(|key| shapes::is_clean(key)) {
        return 0;
    }
    let mut count = 0;
    let old = std::mem::take(members);
    for (mut key, value) in old {
        let found = shapes::redact(&mut key);
        count += found;
        // Two secrets must not become one member.
        let unique = if found > 0 && members.contains_key(&key) {
            format!("{key} {count}")
        } else {
            key
        };
        members.insert(unique, value);
    }
    count
}

#[cfg(test)]
mod tests;

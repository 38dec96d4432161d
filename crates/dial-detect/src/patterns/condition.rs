//! An event pattern as EventBridge reads it, as far as derived patterns go.

use serde_json::{Map, Value, json};

/// The conditions of one pattern: every path must hold one of its values.
///
/// Paths are dotted and lead through objects only: EventBridge wants all conditions below a list
/// to be met by one member, which is not what rules mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conditions(Vec<(String, Vec<Condition>)>);

/// One value that a path may have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Condition {
    Equals(String),
    Prefix(String),
    Suffix(String),
    EqualsIgnoreCase(String),
    /// Any other text; a field that is missing does not fit.
    AnythingBut(String),
    /// The field is there, or is not.
    Exists(bool),
}

/// What of a pattern is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no condition that a derived pattern has")]
pub(super) struct Foreign(String);

impl Conditions {
    /// Adds the values of a path; none at all add nothing.
    pub(super) fn with(mut self, path: &str, values: impl IntoIterator<Item = Condition>) -> Self {
        let values: Vec<Condition> = values.into_iter().collect();
        if !values.is_empty() {
            self.0.push((path.to_owned(), values));
        }
        self
    }

    /// Reads a pattern.
    pub(super) fn of_json(pattern: &Value) -> Result<Self, Foreign> {
        let mut read = Self::default();
        read.collect("", pattern)?;
        Ok(read)
    }

    fn collect(&mut self, path: &str, pattern: &Value) -> Result<(), Foreign> {
        match pattern {
            Value::Object(members) => members.iter().try_for_each(|(key, below)| {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                self.collect(&path, below)
            }),
            Value::Array(values) => {
                let values = values.iter().map(Condition::of_json);
                self.0
                    .push((path.to_owned(), values.collect::<Result<_, _>>()?));
                Ok(())
            }
            other => Err(Foreign(other.to_string())),
        }
    }

    /// The pattern as EventBridge takes it.
    pub(super) fn to_json(&self) -> Value {
        let mut pattern = Map::new();
        for (path, values) in &self.0 {
            let values = values.iter().map(Condition::to_json).collect();
            insert(&mut pattern, path, Value::Array(values));
        }
        Value::Object(pattern)
    }

    /// Whether an EventBridge event fits.
    pub(super) fn matches(&self, event: &Value) -> bool {
        self.0.iter().all(|(path, values)| {
            let found = path.split('.').try_fold(event, |value, key| value.get(key));
            values.iter().any(|value| value.fits(found))
        })
    }

    /// Whether all that fits `other` fits this.
    pub(super) fn includes(&self, other: &Self) -> bool {
        self.0.iter().all(|(path, outer)| {
            let mut others = other.0.iter();
            let inner = others.find(|(other, _)| other == path);
            inner.is_some_and(|(_, inner)| {
                let mut inner = inner.iter();
                inner.all(|inner| outer.iter().any(|outer| outer.includes(inner)))
            })
        })
    }
}

/// Sets the value at a dotted path, making the objects on the way.
fn insert(map: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        map.insert(path.to_owned(), value);
        return;
    };
    let below = map
        .entry(first)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(below) = below {
        insert(below, rest, value);
    }
}

impl Condition {
    fn of_json(value: &Value) -> Result<Self, Foreign> {
        let foreign = || Foreign(value.to_string());
        if let Some(text) = value.as_str() {
            return Ok(Self::Equals(text.to_owned()));
        }
        let members = value.as_object().filter(|members| members.len() == 1);
        let (kind, text) = members.and_then(|m| m.iter().next()).ok_or_else(foreign)?;
        let only = text.as_array().filter(|texts| texts.len() == 1);
        match (kind.as_str(), text, only.map(Vec::as_slice)) {
            ("exists", Value::Bool(expected), _) => Ok(Self::Exists(*expected)),
            ("anything-but", _, Some([Value::String(text)])) => Ok(Self::AnythingBut(text.clone())),
            ("prefix", Value::String(text), _) => Ok(Self::Prefix(text.clone())),
            ("suffix", Value::String(text), _) => Ok(Self::Suffix(text.clone())),
            ("equals-ignore-case", Value::String(text), _) => {
                Ok(Self::EqualsIgnoreCase(text.clone()))
            }
            _ => Err(foreign()),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Equals(text) => json!(text),
            Self::Prefix(text) => json!({ "prefix": text }),
            Self::Suffix(text) => json!({ "suffix": text }),
            Self::EqualsIgnoreCase(text) => json!({ "equals-ignore-case": text }),
            Self::AnythingBut(text) => json!({ "anything-but": [text] }),
            Self::Exists(expected) => json!({ "exists": expected }),
        }
    }

    /// Whether what stands at the path fits; `exists` is about leaves.
    fn fits(&self, found: Option<&Value>) -> bool {
        match self {
            Self::Exists(expected) => {
                let is_leaf = |it: &Value| !it.is_object() && !it.is_array();
                found.is_some_and(is_leaf) == *expected
            }
            _ => found
                .and_then(Value::as_str)
                .is_some_and(|text| self.matches(text)),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Equals(wanted) => text == wanted,
            Self::Prefix(wanted) => text.starts_with(wanted),
            Self::Suffix(wanted) => text.ends_with(wanted),
            Self::EqualsIgnoreCase(wanted) => text.to_lowercase() == wanted.to_lowercase(),
            Self::AnythingBut(other) => text != other,
            Self::Exists(expected) => *expected,
        }
    }

    /// Whether every text that fits `other` fits this.
    fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Equals(text)) => self.matches(text),
            (Self::Prefix(outer), Self::Prefix(inner)) => inner.starts_with(outer),
            (Self::Suffix(outer), Self::Suffix(inner)) => inner.ends_with(outer),
            (Self::EqualsIgnoreCase(_), Self::EqualsIgnoreCase(inner)) => self.matches(inner),
            (Self::AnythingBut(outer), Self::AnythingBut(inner)) => outer == inner,
            (Self::Exists(outer), Self::Exists(inner)) => outer == inner,
            (Self::Exists(outer), _) => *outer,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_as_they_are_written() {
        let pattern = json!({
            "source": [{ "prefix": "aws." }],
            "detail": {
                "eventName": ["A", { "equals-ignore-case": "b" }],
                "userIdentity": { "type": ["Root", { "anything-but": ["AWSService"] }] },
                "errorCode": [{ "exists": true }],
            },
        });
        let read = Conditions::of_json(&pattern).unwrap();
        assert_eq!(read.to_json(), pattern);
        for foreign in [
            json!({ "detail": { "a": [{ "exists": "true" }] } }),
            json!({ "detail": { "a": [{ "anything-but": "A" }] } }),
            json!({ "detail": { "a": [{ "anything-but": ["A", "B"] }] } }),
            json!({ "detail": { "a": [{ "prefix": ["A"] }] } }),
            json!({ "detail": { "a": [1] } }),
            json!({ "detail": "a" }),
            json!({ "detail": { "a": [{ "prefix": { "equals-ignore-case": "x" } }] } }),
        ] {
            assert!(Conditions::of_json(&foreign).is_err(), "{foreign}");
        }
    }

    #[test]
    fn inclusion_is_seen() {
        let read = |pattern: &Value| Conditions::of_json(pattern).unwrap();
        let narrow =
            read(&json!({ "source": ["aws.s3"], "detail": { "eventName": ["PutObject"] } }));
        let cases = [
            (json!({}), true),
            (
                json!({ "detail": { "eventName": ["X", "PutObject"] } }),
                true,
            ),
            (
                json!({ "detail": { "eventName": [{ "prefix": "Put" }] } }),
                true,
            ),
            (
                json!({ "detail": { "eventName": [{ "suffix": "Object" }] } }),
                true,
            ),
            (
                json!({ "detail": { "eventName": [{ "equals-ignore-case": "putobject" }] } }),
                true,
            ),
            (json!({ "detail": { "eventName": ["putobject"] } }), false),
            (
                json!({ "detail": { "eventName": [{ "exists": true }] } }),
                true,
            ),
            (
                json!({ "detail": { "eventName": [{ "exists": false }] } }),
                false,
            ),
            (
                json!({ "detail": { "eventName": [{ "anything-but": ["GetObject"] }] } }),
                true,
            ),
            (
                json!({ "detail": { "eventName": [{ "anything-but": ["PutObject"] }] } }),
                false,
            ),
            (
                json!({ "detail": { "eventSource": ["s3.amazonaws.com"] } }),
                false,
            ),
        ];
        for (wide, expected) in cases {
            assert_eq!(read(&wide).includes(&narrow), expected, "{wide}");
        }
        let prefix = read(&json!({ "n": [{ "prefix": "Put" }] }));
        assert!(read(&json!({ "n": [{ "prefix": "P" }] })).includes(&prefix));
        assert!(!read(&json!({ "n": ["Put"] })).includes(&prefix));
        assert!(!read(&json!({ "n": [{ "equals-ignore-case": "Put" }] })).includes(&prefix));
    }
}

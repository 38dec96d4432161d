//! Values by dotted path: any case, `-` like `_`, lists and their wrappers entered silently.

use serde_json::{Map, Value};
use std::ops::ControlFlow;

/// Most values that one look-up returns; a record of 1 MB has room for absurd lists.
const MAX_VALUES: usize = 10_000;

/// The value that ended a walk, if one did.
type Walked<'a> = ControlFlow<&'a Value>;

/// What is done with a value.
trait Each<'a>: FnMut(&'a Value) -> Walked<'a> {}

impl<'a, F: FnMut(&'a Value) -> Walked<'a>> Each<'a> for F {}

/// Every value at a dotted path, in the record's order; `null` is no value.
///
/// At each step, lists are entered, and so are `{"items": …}` and `{"content": …, "tag": n}`
/// where the name is not found beside them. The empty path gives the members of the root.
pub fn all<'a>(root: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    let _ = walk(root, path, &mut |value| {
        found.push(value);
        if found.len() < MAX_VALUES {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(value)
        }
    });
    found
}

/// First value at a dotted path.
pub fn one<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    walk(root, path, &mut ControlFlow::Break).break_value()
}

/// First value at a path, if it is text.
pub fn text<'a>(root: &'a Value, path: &str) -> Option<&'a str> {
    one(root, path).and_then(Value::as_str)
}

/// First value at a path, read as by [`as_flag`].
pub fn flag(root: &Value, path: &str) -> Option<bool> {
    one(root, path).and_then(as_flag)
}

/// First value at a path, read as by [`as_number`].
pub fn number(root: &Value, path: &str) -> Option<i64> {
    one(root, path).and_then(as_number)
}

/// A boolean, or one spelled out.
pub fn as_flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A whole number, or one spelled out.
pub fn as_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A member of an object by its exact name, else by its folded name.
///
/// Gone through instead of hashed: most objects have few members, and most names another length.
pub fn field<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let mut folded = None;
    for (key, value) in map.iter().filter(|(key, _)| key.len() == name.len()) {
        if key == name {
            return Some(value);
        }
        if folded.is_none() && same(key, name) {
            folded = Some(value);
        }
    }
    folded
}

/// Whether two names are equal but for case and `-` against `_`.
pub fn same(left: &str, right: &str) -> bool {
    let fold = |byte: u8| match byte {
        b'-' => b'_',
        other => other.to_ascii_lowercase(),
    };
    left.len() == right.len() && left.bytes().map(fold).eq(right.bytes().map(fold))
}

/// Hands on each value at a path until one is enough, which is returned.
fn walk<'a>(value: &'a Value, path: &str, each: &mut impl Each<'a>) -> Walked<'a> {
    match value {
        Value::Null => ControlFlow::Continue(()),
        Value::Array(members) => members.iter().try_for_each(|m| walk(m, path, each)),
        Value::Object(map) => walk_object(value, map, path, each),
        _ if path.is_empty() => each(value),
        _ => ControlFlow::Continue(()),
    }
}

fn walk_object<'a>(
    value: &'a Value,
    map: &'a Map<String, Value>,
    path: &str,
    each: &mut impl Each<'a>,
) -> Walked<'a> {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let named = (!path.is_empty()).then(|| field(map, name)).flatten();
    if let Some(inner) = named {
        walk(inner, rest, each)
    } else if let Some(inner) = wrapped(map) {
        walk(inner, path, each)
    } else if path.is_empty() {
        each(value)
    } else {
        ControlFlow::Continue(())
    }
}

/// What an EC2 list object holds.
fn wrapped(map: &Map<String, Value>) -> Option<&Value> {
    let items = member(map, "items").filter(|items| items.is_array());
    items.or_else(|| member(map, "tag").and_then(|_| member(map, "content")))
}

/// A member by its exact name.
fn member<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let named = map.iter().find(|(key, _)| *key == name);
    named.map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_found_in_the_records_order() {
        let root = json!({
            "Name": "folded", "name": "exact", "none": null, "list": [{"a": 1}, null, {"A": 2}],
            "x-amz": {"items": [{"port": 22}, {"port": 443}]},
            "tagged": {"tag": 1, "content": {"items": "no list", "port": 80}},
        });
        let cases = [
            ("an exact name first", "name", json!(["exact"])),
            ("else any case", "NAME", json!(["folded"])),
            ("null is no value", "none", json!([])),
            ("lists are entered", "list.a", json!([1, 2])),
            ("so is what is around them", "X_AMZ.Port", json!([22, 443])),
            ("and content beside a tag", "tagged.port", json!([80])),
            ("items that are no list", "tagged.items", json!(["no list"])),
            ("nothing there", "list.b.c", json!([])),
        ];
        for (name, path, expected) in cases {
            assert_eq!(json!(all(&root, path)), expected, "{name}");
            assert_eq!(one(&root, path), expected.get(0), "{name}");
        }
        assert_eq!(all(&root, ""), [&root]);
    }

    #[test]
    fn absurdly_many_values_end() {
        let root = json!({ "a": vec![1; MAX_VALUES + 5] });
        assert_eq!(all(&root, "a").len(), MAX_VALUES);
    }
}

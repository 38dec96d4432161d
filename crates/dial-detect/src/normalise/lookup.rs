//! Values by dotted path: any case, `-` like `_`, lists and their wrappers entered silently.

use serde_json::{Map, Value};

/// Most values that one look-up returns; a record of 1 MB has room for absurd lists.
const MAX_VALUES: usize = 10_000;

/// Every value at a dotted path, in the record's order; `null` is no value.
///
/// At each step, lists are entered, and so are `{"items": …}` and `{"content": …, "tag": n}`
/// where the name is not found beside them. The empty path gives the members of the root.
pub fn all<'a>(root: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    walk(root, path, &mut found);
    found
}

/// First value at a dotted path.
pub fn one<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    all(root, path).into_iter().next()
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
pub fn field<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.get(name).or_else(|| {
        map.iter()
            .find_map(|(key, value)| same(key, name).then_some(value))
    })
}

/// Whether two names are equal but for case and `-` against `_`.
pub fn same(left: &str, right: &str) -> bool {
    let fold = |byte: u8| match byte {
        b'-' => b'_',
        other => other.to_ascii_lowercase(),
    };
    left.len() == right.len() && left.bytes().map(fold).eq(right.bytes().map(fold))
}

fn walk<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Null => {}
        _ if found.len() >= MAX_VALUES => {}
        Value::Array(members) => members.iter().for_each(|m| walk(m, path, found)),
        Value::Object(map) => walk_object(value, map, path, found),
        _ if path.is_empty() => found.push(value),
        _ => {}
    }
}

fn walk_object<'a>(
    value: &'a Value,
    map: &'a Map<String, Value>,
    path: &str,
    found: &mut Vec<&'a Value>,
) {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let named = if path.is_empty() {
        None
    } else {
        field(map, name)
    };
    match (named, wrapped(map)) {
        (Some(inner), _) => walk(inner, rest, found),
        (None, Some(inner)) => walk(inner, path, found),
        (None, None) if path.is_empty() => found.push(value),
        (None, None) => {}
    }
}

/// What an EC2 list object holds.
fn wrapped(map: &Map<String, Value>) -> Option<&Value> {
    match (map.get("items"), map.get("content"), map.get("tag")) {
        (Some(items), _, _) if items.is_array() => Some(items),
        (_, Some(content), Some(_)) => Some(content),
        _ => None,
    }
}

//! Puts values into a table that stands open, and takes them out again.

use toml::{Table, Value};

/// A variable's text is read as TOML (`true`, `5`, `["a"]`) where it is, else as a string.
pub(super) fn env_value(text: &str) -> Value {
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Puts a value at a path, making the tables above it; a value in the way of one stays.
pub(super) fn set(table: &mut Table, path: &[String], value: Value) {
    let [first, rest @ ..] = path else { return };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return;
    }
    let below = table
        .entry(first.clone())
        .or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(below) = below {
        set(below, rest, value);
    }
}

/// Removes the value at a path; `false` when there is none, so that the loop ends.
pub(super) fn take_out(section: &mut Table, path: &[String]) -> bool {
    let Some((last, parents)) = path.split_last() else {
        return false;
    };
    let mut table = section;
    let mut parents = parents.iter();
    while let Some(step) = parents.next() {
        match table.get_mut(step) {
            Some(Value::Table(below)) => table = below,
            Some(Value::Array(items)) => {
                // Inside a list: take the whole member out, its neighbours are still read.
                let index = parents.next().unwrap_or(last).parse::<usize>();
                return index.is_ok_and(|i| {
                    i < items.len() && {
                        items.remove(i);
                        true
                    }
                });
            }
            _ => return false,
        }
    }
    table.remove(last).is_some()
}

//! A JSON value as a tree that can be folded: rows that a template writes one after the other.

use super::words;
use serde_json::Value;

/// Most rows; a longer value is downloaded instead.
const MAX_ROWS: usize = 3_000;
/// Deeper values are shown as one line.
const MAX_DEPTH: usize = 24;
/// Longest text of a leaf, characters.
const LEAF: usize = 1_000;

/// One row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A branch begins.
    Open {
        /// Its name.
        name: String,
        /// How much is in it.
        size: String,
        /// Whether it is unfolded at first.
        unfolded: bool,
    },
    /// It ends.
    Close,
    /// A value.
    Leaf {
        /// Its name.
        name: String,
        /// What it is.
        value: String,
        /// `text`, `number` or `word`.
        kind: &'static str,
    },
}

/// The rows of a value.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) rows: Vec<Row>,
    /// Whether some are left out.
    pub(super) cut: bool,
    /// Levels that are unfolded at first.
    levels: usize,
}

impl Tree {
    /// The members of an object, of any other value the value itself; so many levels are unfolded
    /// at first.
    pub(super) fn of(value: &Value, levels: usize) -> Self {
        let mut tree = Self {
            levels,
            ..Self::default()
        };
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    tree.grow(name, member, 0);
                }
            }
            other => tree.grow("value", other, 0),
        }
        tree
    }

    fn grow(&mut self, name: &str, value: &Value, depth: usize) {
        if self.rows.len() >= MAX_ROWS {
            self.cut = true;
            return;
        }
        match value {
            Value::Object(members) if !members.is_empty() && depth < MAX_DEPTH => {
                self.open(name, counted(members.len(), "field"), depth);
                for (name, member) in members {
                    self.grow(name, member, depth + 1);
                }
                self.rows.push(Row::Close);
            }
            Value::Array(items) if !items.is_empty() && depth < MAX_DEPTH => {
                self.open(name, counted(items.len(), "item"), depth);
                for (n, item) in items.iter().enumerate() {
                    self.grow(&n.to_string(), item, depth + 1);
                }
                self.rows.push(Row::Close);
            }
            leaf => self.leaf(name, leaf),
        }
    }

    fn open(&mut self, name: &str, size: String, depth: usize) {
        self.rows.push(Row::Open {
            name: words::one_line(name),
            size,
            unfolded: depth < self.levels,
        });
    }

    fn leaf(&mut self, name: &str, value: &Value) {
        let (text, kind) = match value {
            Value::String(text) => (text.clone(), "text"),
            Value::Number(number) => (number.to_string(), "number"),
            other => (other.to_string(), "word"),
        };
        self.rows.push(Row::Leaf {
            name: words::one_line(name),
            value: crate::message::text::inert(&text, LEAF),
            kind,
        });
    }
}

fn counted(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_branch_that_opens_closes() {
        let mut deep = json!("end");
        for _ in 0..100 {
            deep = json!({ "a": [deep] });
        }
        let wide: Vec<Value> = (0..10_000).map(|n| json!({ "n": n })).collect();
        for (name, value, cut) in [
            (
                "plain",
                json!({"a": 1, "b": {"c": [true, null]}, "d": {}}),
                false,
            ),
            ("a text", json!("text"), false),
            ("deep", deep, false),
            ("wide", json!({ "wide": wide }), true),
        ] {
            let tree = Tree::of(&value, 1);
            let opened = tree
                .rows
                .iter()
                .filter(|row| matches!(row, Row::Open { .. }));
            let closed = tree.rows.iter().filter(|row| **row == Row::Close);
            assert_eq!(opened.count(), closed.count(), "{name}");
            assert_eq!(tree.cut, cut, "{name}");
            assert!(tree.rows.len() <= MAX_ROWS + 2 * MAX_DEPTH, "{name}");
        }
    }
}

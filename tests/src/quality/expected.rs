//! The expected counts: compared by a test, changed by `--update` and a review.

use super::{Bound, Figure, Part, tables, traildiscover};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use toml_edit::{DocumentMut, Item};

const FILE: &str = "expected.toml";

/// Corpus → figure → count.
type Expected = BTreeMap<String, BTreeMap<String, u64>>;

/// What an update wrote.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Reasons taken out of the table, since a rule covers the call now.
    pub removed: Vec<String>,
}

/// Everything that is worse than expected, or wrong whatever is expected; one line each.
pub fn check(parts: &[Part]) -> Vec<String> {
    let expected: Expected = super::table::read(FILE);
    let mut problems = Vec::new();
    for part in parts {
        let of_part = expected.get(part.name);
        let figures = part.figures.iter();
        problems.extend(figures.filter_map(|figure| {
            let wanted = of_part.and_then(|table| table.get(figure.name)).copied();
            let problem = compare(figure, wanted)?;
            Some(format!("{}: {}: {problem}", part.name, figure.name))
        }));
        let faults = part.faults.iter();
        problems.extend(faults.map(|fault| format!("{}: {fault}", part.name)));
    }
    problems
}

fn compare(figure: &Figure, wanted: Option<u64>) -> Option<String> {
    let Some(wanted) = wanted else {
        return Some(format!("{} (nothing is expected yet)", figure.value));
    };
    let (is_good, word) = match figure.bound {
        Bound::AtLeast => (figure.value >= wanted, "at least "),
        Bound::AtMost => (figure.value <= wanted, "at most "),
        Bound::Exactly => (figure.value == wanted, ""),
    };
    (!is_good).then(|| format!("{}, expected {word}{wanted}", figure.value))
}

/// Writes the counts, and takes reasons out that no gap needs any more.
pub fn update(parts: &[Part]) -> io::Result<Update> {
    let mut text = String::from(
        "# Counts that `cargo xtask quality` must find; written by its --update, read in review.\n",
    );
    for part in parts {
        let _ = write!(text, "\n[{}]\n", part.name);
        for figure in &part.figures {
            let _ = writeln!(text, "{} = {}", figure.name, figure.value);
        }
    }
    std::fs::write(tables().join(FILE), text)?;
    let removed: Vec<String> = parts.iter().flat_map(|p| p.outdated.clone()).collect();
    if !removed.is_empty() {
        let path = tables().join(traildiscover::TABLE);
        let table = without(&std::fs::read_to_string(&path)?, &removed)?;
        std::fs::write(path, table)?;
    }
    Ok(Update { removed })
}

/// The table of reasons without these calls.
fn without(table: &str, calls: &[String]) -> io::Result<String> {
    let mut table: DocumentMut = table.parse().map_err(io::Error::other)?;
    let groups = table
        .get_mut("uncovered")
        .and_then(Item::as_array_of_tables_mut);
    for group in groups.into_iter().flat_map(|groups| groups.iter_mut()) {
        if let Some(list) = group.get_mut("calls").and_then(Item::as_array_mut) {
            list.retain(|call| {
                !call
                    .as_str()
                    .is_some_and(|call| calls.iter().any(|c| c == call))
            });
        }
    }
    Ok(table.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_may_grow_and_noise_may_shrink() {
        let cases = [
            (Bound::AtLeast, 5, Some(5), true),
            (Bound::AtLeast, 6, Some(5), true),
            (Bound::AtLeast, 4, Some(5), false),
            (Bound::AtMost, 4, Some(5), true),
            (Bound::AtMost, 6, Some(5), false),
            (Bound::Exactly, 5, Some(5), true),
            (Bound::Exactly, 6, Some(5), false),
            (Bound::AtLeast, 6, None, false),
        ];
        for (bound, value, wanted, is_good) in cases {
            let figure = Figure {
                name: "x",
                value,
                bound,
            };
            assert_eq!(
                compare(&figure, wanted).is_none(),
                is_good,
                "{figure:?} {wanted:?}"
            );
        }
    }

    #[test]
    fn only_the_calls_named_leave_the_table() {
        let table =
            "# why\n[[uncovered]]\nclass = \"read\"\ncalls = [\n  \"a:B\",\n  \"a:C\", # kept\n]\n";
        let left = without(table, &["a:B".to_owned()]).unwrap();
        assert!(
            !left.contains("a:B") && left.contains("# kept") && left.starts_with("# why"),
            "{left}"
        );
    }
}

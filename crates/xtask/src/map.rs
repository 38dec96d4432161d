//! The code map: every room of the code has a line in docs/architecture.md.

use crate::run::root;
use anyhow::{Context, bail};
use std::collections::BTreeSet;
use std::path::Path;

/// The page that holds the map.
const PAGE: &str = "docs/architecture.md";
/// Folders whose own folders are rooms; `*` is each crate.
const HOUSES: [&str; 6] = [
    "crates",
    "crates/*",
    "crates/*/src",
    "tests",
    "tests/src",
    "tests/tests",
];
/// What lies in many rooms and is none.
const NO_ROOMS: [&str; 3] = ["src", "tests", "snapshots"];

/// Fails where a folder is named nowhere in the map, or the map names one that is gone.
pub(crate) fn check() -> anyhow::Result<()> {
    let root = root();
    let text = std::fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    let faults = faults_of(&text, &rooms(&root)?, &|path| root.join(path).exists());
    if !faults.is_empty() {
        bail!("{PAGE}:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

/// Every room, as the map spells it.
fn rooms(root: &Path) -> anyhow::Result<BTreeSet<String>> {
    let crates = folders(root, "crates")?;
    let mut rooms = BTreeSet::new();
    for house in HOUSES {
        let places = match house.split_once('*') {
            None => vec![house.to_owned()],
            Some((_, rest)) => crates.iter().map(|one| format!("{one}{rest}")).collect(),
        };
        for place in places {
            rooms.extend(folders(root, &place)?);
        }
    }
    Ok(rooms)
}

fn folders(root: &Path, place: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(place)).with_context(|| place.to_owned())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && !NO_ROOMS.contains(&name.as_str()) {
            found.push(format!("{place}/{name}"));
        }
    }
    Ok(found)
}

/// Names of the first column stand between backquotes.
fn faults_of(text: &str, rooms: &BTreeSet<String>, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let first = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let named: BTreeSet<&str> = first
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let missing = rooms.iter().filter(|room| !named.contains(room.as_str()));
    let gone = named.iter().filter(|name| !exists(name));
    missing
        .map(|room| format!("{room} has no line in the code map"))
        .chain(gone.map(|name| format!("{name} is in the code map, and nowhere else")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_line_and_what_is_gone_is_told() {
        let map = "| Where | What |\n|---|---|\n| `crates/a`, `crates/b` | two, `crates/x` |\n\
                   | `crates/old` | gone |\nsee `crates/c`\n";
        let rooms = ["crates/a", "crates/b", "crates/c"].map(str::to_owned);
        let faults = faults_of(map, &rooms.into(), &|path| path != "crates/old");
        assert_eq!(
            faults,
            [
                "crates/c has no line in the code map",
                "crates/old is in the code map, and nowhere else"
            ]
        );
    }
}

//! Proofs: every test that a page names as the proof of a control exists.

use crate::run::root;
use anyhow::{Context, bail};
use std::path::Path;

/// Pages whose tables name proofs, and the heading of the column that must hold one.
const PAGES: &[&str] = &["docs/threat-model.md"];
/// Heading of the column of proofs.
const COLUMN: &str = "Proof";

/// Checks every page; lists all that is wrong.
pub(crate) fn check() -> anyhow::Result<()> {
    let mut faults = Vec::new();
    for page in PAGES {
        let text =
            std::fs::read_to_string(root().join(page)).with_context(|| (*page).to_owned())?;
        let folder = Path::new(page).parent().unwrap_or(Path::new(""));
        let read = |target: &str| std::fs::read_to_string(root().join(folder).join(target)).ok();
        faults.extend(
            faults_of(&text, &read)
                .into_iter()
                .map(|f| format!("{page}: {f}")),
        );
    }
    if !faults.is_empty() {
        bail!("proofs:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

/// What is wrong with a page; `read` gives the text of a linked file.
fn faults_of(text: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut proven = 0;
    let mut column = None;
    for (number, line) in text.lines().enumerate() {
        let Some(cells) = cells(line) else {
            column = None;
            continue;
        };
        let Some(at) = column else {
            column = cells.iter().position(|cell| *cell == COLUMN);
            continue;
        };
        if cells
            .iter()
            .all(|cell| cell.chars().all(|c| matches!(c, '-' | ':')))
        {
            continue;
        }
        let links = links(cells.get(at).copied().unwrap_or_default());
        if links.is_empty() {
            faults.push(format!("line {}: no test is named", number + 1));
        }
        for (name, target) in links {
            proven += 1;
            if !read(target).is_some_and(|text| is_test(&text, name)) {
                faults.push(format!(
                    "line {}: {target} has no test `{name}`",
                    number + 1
                ));
            }
        }
    }
    if proven == 0 {
        faults.push(format!("no table has a column `{COLUMN}`"));
    }
    faults
}

/// The cells of a row of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(str::trim).collect())
}

/// Every ``[`name`](target)``.
fn links(cell: &str) -> Vec<(&str, &str)> {
    let starts = cell.split("[`").skip(1);
    starts
        .filter_map(|rest| {
            let (name, rest) = rest.split_once("`](")?;
            let (target, _) = rest.split_once(')')?;
            Some((name, target))
        })
        .collect()
}

/// Whether a file holds a test of this name: a function below `#[test]` (or the like), a property
/// inside `proptest!`, a `run` of `terraform test`, or a `step` of the browser's script.
fn is_test(text: &str, name: &str) -> bool {
    let run = format!("run \"{name}\"");
    let step = format!("step(\"{name}\", ");
    let function = format!("fn {name}(");
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with(&run) || line.starts_with(&step) || (marked && line.contains(&function))
        {
            return true;
        }
        let attribute = line.starts_with("#[");
        marked =
            (attribute && (marked || line.contains("test"))) || (marked && !line.contains("fn "));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "fn not_one() {}\n#[test]\n#[ignore]\nfn plain() {}\n#[tokio::test]\nasync fn later() {}\nfn helper() {}\nrun \"closed\" {\nstep(\"it is inert\", async () => {\n";

    #[test]
    fn tests_are_told_from_other_functions() {
        let cases = [
            ("plain", true),
            ("later", true),
            ("closed", true),
            ("it is inert", true),
            ("it is", false),
            ("not_one", false),
            ("helper", false),
            ("plai", false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_test(FILE, name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_not_there_or_not_named_is_a_fault() {
        let read = |target: &str| (target == "a.rs").then(|| FILE.to_owned());
        let page = |proof: &str| format!("# T\n\n| Threat | Proof |\n|---|---|\n| x | {proof} |\n");
        let cases = [
            ("[`plain`](a.rs), [`later`](a.rs)", 0),
            ("[`gone`](a.rs)", 1),
            ("[`plain`](b.rs)", 1),
            ("by hand", 2),
        ];
        for (proof, expected) in cases {
            assert_eq!(faults_of(&page(proof), &read).len(), expected, "{proof}");
        }
        assert_eq!(faults_of("no table", &read).len(), 1);
    }
}

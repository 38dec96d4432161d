//! The commands that guides and help show, read as a shell would read them; for the tests of the
//! command line and for those that run the program.

use std::fs;
use std::path::{Path, PathBuf};

/// Stands for an id that a page leaves out.
pub(crate) const ID: &str = "f-aaaaaaaaaaaaaaaaaaaaaaaaaa";
/// What ends a command in a shell.
const ENDS: [&str; 6] = ["|", ">", ">>", "&&", ";", "&"];

/// The words of a command as a shell would read them, up to a pipe, a redirection or a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut open) = (String::new(), None, false);
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => (quote, open) = (Some(c), true),
            (c, Some(q)) if c == q => quote = None,
            (c, None) if c.is_whitespace() => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            ('#', None) if word.is_empty() => break,
            (c, _) => word.push(c),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    let end = words.iter().position(|word| ENDS.contains(&word.as_str()));
    words.truncate(end.unwrap_or(words.len()));
    words
}

/// The commands of a text: lines that start with `dial`, after a prompt or in a pipe too; a line
/// that ends in `\` goes on.
pub(crate) fn commands(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ").replace("f-…", ID);
    let text = text.replace("$DIAL_URL", "https://dial.example.com");
    let parts = text.lines().flat_map(|line| line.split(" | "));
    let lines = parts.map(|part| part.trim().trim_start_matches("$ "));
    lines
        .filter(|line| line.starts_with("dial "))
        .map(words)
        .collect()
}

/// What stands between fences of a shell.
fn blocks(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for fence in ["```sh\n", "```console\n"] {
        let blocks = page.split(fence).skip(1);
        found.extend(blocks.filter_map(|rest| rest.split("```").next()));
    }
    found
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(pages(&path));
        } else if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
    found
}

/// The commands of all documents, each with its page.
pub(crate) fn of_documents() -> Vec<(PathBuf, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = pages(&root.join("docs"));
    all.push(root.join("README.md"));
    all.sort();
    let mut found = Vec::new();
    for page in all {
        let text = fs::read_to_string(&page).unwrap();
        let commands = blocks(&text).into_iter().flat_map(commands);
        found.extend(commands.map(|command| (page.clone(), command)));
    }
    found
}

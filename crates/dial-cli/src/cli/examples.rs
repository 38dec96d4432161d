//! Every command that the guides and the help show is one that `dial` takes.

use super::Cli;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser as _};
use std::fs;
use std::path::{Path, PathBuf};

/// Stands for an id that a page leaves out.
const ID: &str = "f-aaaaaaaaaaaaaaaaaaaaaaaaaa";
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
fn commands(text: &str) -> Vec<Vec<String>> {
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

/// Why `dial` would not take this; `DIAL_URL` is for whoever types it to set.
fn refusal(words: &[String]) -> Option<String> {
    let error = Cli::try_parse_from(words).err()?;
    let is_help = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion].contains(&error.kind());
    let missing = error.get(ContextKind::InvalidArg);
    let no_url = missing == Some(&ContextValue::Strings(vec!["--url <URL>".to_owned()]));
    (!is_help && !no_url).then(|| format!("{}: {error}", words.join(" ")))
}

#[test]
fn every_command_of_the_guides_is_taken() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = pages(&root.join("docs"));
    all.push(root.join("README.md"));
    let (mut seen, mut wrong) = (0, Vec::new());
    for page in all {
        let text = fs::read_to_string(&page).unwrap();
        for command in blocks(&text).into_iter().flat_map(commands) {
            seen += 1;
            let why = refusal(&command);
            wrong.extend(why.map(|why| format!("{}: {why}", page.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 60, "{seen} commands");
}

#[test]
fn every_example_of_the_help_is_taken() {
    let (mut seen, mut wrong) = (0, Vec::new());
    let mut left = vec![Cli::command()];
    while let Some(command) = left.pop() {
        left.extend(command.get_subcommands().cloned());
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let whole: String = help.split("\\\n").map(str::trim_start).collect();
        for line in whole.lines() {
            // What it does stands in a column of its own; an ellipsis stands for the line above.
            let command = line.trim().split("   ").next().unwrap_or_default();
            for example in commands(command)
                .into_iter()
                .filter(|_| !line.contains('…'))
            {
                seen += 1;
                wrong.extend(refusal(&example));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 60, "{seen} examples");
}

#[test]
fn commands_are_read_as_a_shell_reads_them() {
    let cases: [(&str, &[&str]); 5] = [
        ("$ dial scan x   # why", &["dial", "scan", "x"]),
        ("dial a 'b c' --d=\"e f\"", &["dial", "a", "b c", "--d=e f"]),
        (
            "dial a --f json | jq '.x | y' > z",
            &["dial", "a", "--f", "json"],
        ),
        ("dial a \\\n  --b c", &["dial", "a", "--b", "c"]),
        ("dial a ''", &["dial", "a", ""]),
    ];
    for (text, expected) in cases {
        assert_eq!(commands(text), [expected], "{text}");
    }
    assert!(commands("DIAL_URL=x\ndialog").is_empty());
}

//! Every command that the guides and the help show is one that `dial` takes.

#[path = "../../tests/cli/shown.rs"]
mod shown;

use super::Cli;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser as _};
use shown::{commands, of_documents};

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
    let (mut seen, mut wrong) = (0, Vec::new());
    for (page, command) in of_documents() {
        seen += 1;
        let why = refusal(&command);
        wrong.extend(why.map(|why| format!("{}: {why}", page.display())));
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

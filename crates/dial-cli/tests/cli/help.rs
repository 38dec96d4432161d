//! `--help` of every command, usage errors, completions and manual pages.

use crate::place::Place;

const COMMANDS: [&[&str]; 53] = [
    &[],
    &["demo"],
    &["scan"],
    &["serve"],
    &["rules"],
    &["rules", "list"],
    &["rules", "new"],
    &["rules", "explain"],
    &["rules", "backtest"],
    &["rules", "catalogue"],
    &["rules", "docs"],
    &["rules", "patterns"],
    &["rules", "blind-spots"],
    &["rules", "lint"],
    &["rules", "test"],
    &["findings"],
    &["findings", "list"],
    &["findings", "export"],
    &["findings", "show"],
    &["findings", "ack"],
    &["findings", "resolve"],
    &["findings", "false-positive"],
    &["findings", "snooze"],
    &["findings", "assign"],
    &["findings", "comment"],
    &["findings", "reopen"],
    &["deliveries"],
    &["deliveries", "list"],
    &["deliveries", "retry"],
    &["silences"],
    &["silences", "list"],
    &["silences", "add"],
    &["silences", "preview"],
    &["silences", "end"],
    &["routes"],
    &["routes", "show"],
    &["routes", "test"],
    &["stats"],
    &["workers"],
    &["tokens"],
    &["tokens", "create"],
    &["tokens", "list"],
    &["tokens", "revoke"],
    &["replay"],
    &["keys"],
    &["keys", "new"],
    &["keys", "derive"],
    &["check-config"],
    &["canary"],
    &["completions"],
    &["doctor"],
    &["man"],
    &["schema"],
];

#[test]
fn help_of_every_command() {
    let place = Place::new();
    for command in COMMANDS {
        let arguments = [command, &["--help"]].concat();
        let (code, out, err) = place.run(&arguments);
        assert_eq!((code, err.as_str()), (0, ""), "{command:?}");
        // clap does not wrap usage lines.
        let mut text = out.lines().filter(|line| !line.starts_with("Usage:"));
        assert!(text.all(|line| line.chars().count() <= 100), "{out}");
        let name = format!("help_{}", command.join("_"));
        insta::assert_snapshot!(name.trim_end_matches('_'), out);
    }
}

#[test]
fn wrong_usage_is_2_and_says_how() {
    let place = Place::new();
    let cases: [(&[&str], &str); 12] = [
        (&[], "Usage: dial"),
        (&["scna"], "'scan'"),
        (&["scan"], "<PATH>"),
        (&["scan", ".", "--format", "xml"], "table, jsonl, csv"),
        (
            &["scan", ".", "--min-severity", "urgent"],
            "use informational, low, medium",
        ),
        (
            &["scan", ".", "--send", "https://dial.example.com"],
            "--root-key-file",
        ),
        (
            &[
                "scan",
                ".",
                "--send",
                "http://dial.example.com",
                "--keys",
                "k",
            ],
            "use https://",
        ),
        (&["scan", ".", "--root-key-file", "k"], "--send"),
        (&["findings", "list"], "--url"),
        (
            &["findings", "show", "--url", "https://d.example.com", "x"],
            "no finding id",
        ),
        (
            &[
                "keys",
                "derive",
                "--root-key-file",
                "k",
                "--key-number",
                "1",
                "--account",
                "1",
                "--region",
                "r",
            ],
            "twelve digits",
        ),
        (&["completions", "tcl"], "bash"),
    ];
    for (arguments, expected) in cases {
        let (code, out, err) = place.run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
    }
}

#[test]
fn every_shell_gets_completions_and_every_command_a_page() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, out, _) = place.run(&["completions", shell]);
        assert!(code == 0 && out.contains("check-config"), "{shell}");
    }
    for command in COMMANDS {
        let (code, out, err) = place.run(&[&["man"], command].concat());
        assert!(code == 0 && out.contains(".TH"), "{command:?}: {err}");
    }
    let (code, _, err) = place.run(&["man", "nonsense"]);
    assert_eq!(
        (code, err.as_str()),
        (1, "error: dial has no command `nonsense`\n")
    );
}

#[test]
fn colour_is_for_terminals_or_on_demand() {
    let place = Place::new();
    place.write("a.json", crate::place::PUBLIC_BUCKET);
    let escapes = |arguments: &[&str]| place.run(arguments).1.contains('\u{1b}');
    assert!(!escapes(&["scan", "a.json"]));
    assert!(escapes(&["scan", "a.json", "--color", "always"]));
    assert!(!escapes(&["scan", "a.json", "--color", "never"]));
}

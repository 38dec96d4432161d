//! `dial rules`: lists, checks and tests detection rules.

use crate::exit::Outcome;
use crate::json;
use crate::judging::Judging;
use crate::table::{Cell, Column, Table};
use crate::terminal::{self, BAD, DIM, GOOD, count, inert, paint, severity_style, severity_word};
use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use dial_detect::engine::{self, Expect, Lint, LintLevel, RuleInfo, TestOutcome};
use std::io::Write;
use std::path::PathBuf;

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the rules that would judge
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Check rule files: what does not load, and what would silently never match
    #[command(after_help = LINT_EXAMPLES)]
    Lint(Check),
    /// Run the `tests:` of rule files against fixture events
    #[command(after_help = TEST_EXAMPLES)]
    Test(Test),
}

const LIST_EXAMPLES: &str = "\
Examples:
  dial rules list
  dial rules list --rules ./my-rules --format json | jq -r '.[].name'";

const LINT_EXAMPLES: &str = "\
Examples:
  dial rules lint ./my-rules

Exit codes: 0 nothing to say, 1 errors, 3 warnings only.";

const TEST_EXAMPLES: &str = "\
Examples:
  dial rules test ./my-rules --fixtures ./my-fixtures

A rule names its events below its detection, as paths below the fixtures folder:
  tests:
    - { event: s3/put_bucket_policy_anyone.json, expect: match }
    - { event: s3/put_bucket_policy_organization.json, expect: no_match }";

/// Arguments of `rules list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    judging: Judging,
    /// For people, or as a JSON list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Arguments of `rules lint`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Folder of rules, or one rule file
    #[arg(value_name = "PATH")]
    rules: PathBuf,
    /// For people, or as a JSON list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Arguments of `rules test`.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Folder of rules, or one rule file
    #[arg(value_name = "PATH")]
    rules: PathBuf,
    /// Folder that the events of the tests lie below
    #[arg(long, value_name = "DIR", default_value = "tests/fixtures")]
    fixtures: PathBuf,
    /// For people, or as a JSON list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

const COLUMNS: [Column; 5] = [
    Column {
        title: "LEVEL",
        min: 8,
        max: 8,
        rank: 0,
    },
    Column {
        title: "RULE",
        min: 24,
        max: 44,
        rank: 1,
    },
    Column {
        title: "TITLE",
        min: 24,
        max: 72,
        rank: 2,
    },
    Column {
        title: "ATT&CK",
        min: 9,
        max: 20,
        rank: 3,
    },
    Column {
        title: "FROM",
        min: 8,
        max: 8,
        rank: 4,
    },
];

/// Runs `dial rules`.
pub(crate) fn run(command: &Command) -> Result<Outcome> {
    match command {
        Command::List(args) => list(args),
        Command::Lint(args) => lint(args),
        Command::Test(args) => test(args),
    }
}

fn list(args: &List) -> Result<Outcome> {
    let pipeline = args.judging.pipeline()?;
    let mut rules: Vec<&RuleInfo> = pipeline.rules().iter().collect();
    rules.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = anstream::stdout().lock();
    if args.format == Format::Json {
        json::write_pretty(&mut out, &rules)?;
        return Ok(Outcome::Clean);
    }
    let table = Table::new(COLUMNS.to_vec(), terminal::columns());
    table.heading(&mut out)?;
    for rule in &rules {
        let from = if rule.built_in { "built in" } else { "yours" };
        let cells = [
            Cell::new(severity_word(rule.level)).styled(severity_style(rule.level)),
            Cell::new(&rule.name),
            Cell::new(&rule.title),
            Cell::new(rule.attack.join(" ")),
            Cell::new(from),
        ];
        table.row(&mut out, &cells)?;
    }
    anstream::eprintln!(
        "{}, pack {}",
        count(rules.len() as u64, "rule"),
        pipeline.hash()
    );
    Ok(Outcome::Clean)
}

fn lint(args: &Check) -> Result<Outcome> {
    let lints = engine::lint(&args.rules);
    let mut out = anstream::stdout().lock();
    if args.format == Format::Json {
        json::write_pretty(&mut out, &lints)?;
    } else {
        for lint in &lints {
            writeln!(out, "{}", line(lint))?;
        }
    }
    let errors = lints.iter().filter(|lint| lint.level == LintLevel::Error);
    let errors = errors.count() as u64;
    let warnings = lints.len() as u64 - errors;
    anstream::eprintln!("{}, {}", count(errors, "error"), count(warnings, "warning"));
    Ok(Outcome::of(errors > 0, warnings > 0))
}

fn line(lint: &Lint) -> String {
    let (style, word) = match lint.level {
        LintLevel::Error => (BAD, "error"),
        LintLevel::Warning => (severity_style(dial_core::Severity::Medium), "warning"),
    };
    let place = match lint.line {
        Some(number) => format!("{}:{number}", lint.file),
        None => lint.file.clone(),
    };
    let word = paint(style, format!("{word}:"));
    format!("{}: {word} {}", inert(&place), inert(&lint.message))
}

fn test(args: &Test) -> Result<Outcome> {
    let outcomes = match engine::test(&args.rules, &args.fixtures) {
        Ok(outcomes) => outcomes,
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            bail!("{}", lines.join("\n"));
        }
    };
    let mut out = anstream::stdout().lock();
    if args.format == Format::Json {
        json::write_pretty(&mut out, &outcomes)?;
    } else {
        for outcome in &outcomes {
            writeln!(out, "{}", tested(outcome))?;
        }
    }
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some());
    let failed = failed.count() as u64;
    let total = count(outcomes.len() as u64, "test");
    anstream::eprintln!("{total}, {failed} failed");
    if outcomes.is_empty() {
        bail!("the rules have no tests; give each a match and a near miss");
    }
    Ok(Outcome::of(failed > 0, false))
}

fn tested(outcome: &TestOutcome) -> String {
    let expect = match outcome.expect {
        Expect::Match => "match",
        Expect::NoMatch => "no_match",
    };
    let what = format!("{} {} {expect}", outcome.rule, outcome.event);
    match &outcome.failure {
        None => format!("{} {}", paint(GOOD, "ok    "), paint(DIM, inert(&what))),
        Some(failure) => {
            format!(
                "{} {}: {}",
                paint(BAD, "FAILED"),
                inert(&what),
                inert(failure)
            )
        }
    }
}

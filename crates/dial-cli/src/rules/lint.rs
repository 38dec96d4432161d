//! `dial rules lint`: what does not load, and what would silently never match.

use super::Format;
use crate::exit::Outcome;
use crate::json;
use crate::terminal::{BAD, count, inert, paint, severity_style};
use anyhow::{Context, Result};
use clap::Args;
use dial_detect::engine::{self, Lint, LintLevel, Ordinary};
use dial_detect::envelope::trail::{Limits, Scanner};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

pub(super) const EXAMPLES: &str = "\
Examples:
  dial rules lint ./my-rules
  dial rules lint ./my-rules --ordinary last-week.json.gz

Exit codes: 0 nothing to say, 1 errors, 3 warnings only.";

/// Arguments of `rules lint`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Folder of rules, or one rule file
    #[arg(value_name = "PATH")]
    rules: PathBuf,
    /// Trail files without an incident: rules that fire on them are named, with the count
    #[arg(long, value_name = "PATH")]
    ordinary: Vec<PathBuf>,
    /// For people, or as a JSON list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Runs `dial rules lint`.
pub(super) fn run(args: &Check) -> Result<Outcome> {
    let mut lints = engine::lint(&args.rules);
    lints.extend(ordinary(args)?);
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

/// Remarks that one's own traffic gives.
fn ordinary(args: &Check) -> Result<Vec<Lint>> {
    if args.ordinary.is_empty() {
        return Ok(Vec::new());
    }
    let Some(mut ordinary) = Ordinary::new(&args.rules) else {
        return Ok(Vec::new());
    };
    let mut scanner = Scanner::new(Limits::default());
    for path in &args.ordinary {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let judged = scanner.scan(
            file,
            |_| true,
            |item| {
                if let Ok(event) = item {
                    ordinary.judge(&event);
                }
            },
        );
        judged.with_context(|| path.display().to_string())?;
    }
    Ok(ordinary.lints("of your"))
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

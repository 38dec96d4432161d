//! `dial rules test`: runs the `tests:` of rule files against fixture events.

use super::{Format, coverage};
use crate::exit::Outcome;
use crate::json;
use crate::terminal::{BAD, DIM, GOOD, count, inert, paint};
use anyhow::{Result, bail};
use clap::Args;
use dial_detect::engine::{self, Expect, TestOutcome};
use std::io::Write;
use std::path::PathBuf;

pub(super) const EXAMPLES: &str = "\
Examples:
  dial rules test ./my-rules --fixtures ./my-fixtures

A rule names its events below its detection, as paths below the fixtures folder:
  tests:
    - { event: s3/put_bucket_policy_anyone.json, expect: match }
    - { event: s3/put_bucket_policy_organization.json, expect: no_match }

  dial rules test ./my-rules --coverage";

/// Arguments of `rules test`.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Folder of rules, or one rule file
    #[arg(value_name = "PATH")]
    pub(super) rules: PathBuf,
    /// Folder that the events of the tests lie below [default: `fixtures` beside the rules or
    /// further up, else tests/fixtures]
    #[arg(long, value_name = "DIR")]
    fixtures: Option<PathBuf>,
    /// Show what the tests reach: matches, near misses, denied calls, selections and facts
    #[arg(long)]
    coverage: bool,
    /// For people, or as a JSON list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
}

impl Test {
    /// What was given, else where `dial rules new` puts the events, else where the pack's lie.
    pub(super) fn fixtures(&self) -> PathBuf {
        let near = || {
            let folders = self.rules.ancestors().map(|folder| folder.join("fixtures"));
            folders.into_iter().find(|folder| folder.is_dir())
        };
        let given = self.fixtures.clone().or_else(near);
        given.unwrap_or_else(|| PathBuf::from("tests/fixtures"))
    }
}

/// Runs `dial rules test`.
pub(super) fn run(args: &Test) -> Result<Outcome> {
    let outcomes = match engine::test(&args.rules, &args.fixtures()) {
        Ok(outcomes) => outcomes,
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            bail!("{}", lines.join("\n"));
        }
    };
    let mut out = anstream::stdout().lock();
    if args.coverage {
        coverage::print(args, &mut out)?;
    } else if args.format == Format::Json {
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

//! `dial rules patterns`: the EventBridge patterns that hand over what the rules can match.

use crate::exit::Outcome;
use crate::json;
use crate::judging::Judging;
use crate::scan;
use crate::table::{Cell, Column, Table};
use crate::terminal::{self, count, inert};
use anyhow::Result;
use clap::{Args, ValueEnum};
use dial_detect::patterns::{self, Options, Passing, Pattern, PatternSet, Reason, Scope, State};
use serde_json::{Map, Value, json};
use std::io::Write;

pub(super) const EXAMPLES: &str = "\
Examples:
  dial rules patterns
  dial rules patterns --config dial.toml --format json > event_patterns.json
  dial rules patterns --format terraform > event_patterns.auto.tfvars.json
  dial rules patterns --against ./AWSLogs               what share of events would pass";

/// Arguments of `rules patterns`.
#[derive(Debug, Args)]
pub(crate) struct Patterns {
    #[command(flatten)]
    judging: Judging,
    /// For people, for the worker and the Terraform module, or as Terraform variables
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Let every CloudTrail record through where a rule must look at every record
    #[arg(long)]
    every_record: bool,
    /// Count what of these trail files would pass: files, folders, `s3://bucket/prefix`, or `-`
    #[arg(long, value_name = "PATH", num_args = 1..)]
    against: Vec<String>,
    /// Keep the names of decoys out: whoever may read event rules would know them
    #[arg(long)]
    hide_decoys: bool,
}

/// How to print patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Terraform,
}

const COLUMNS: [Column; 5] = [
    Column {
        title: "PATTERN",
        min: 16,
        max: 30,
        rank: 0,
    },
    Column {
        title: "REGIONS",
        min: 9,
        max: 9,
        rank: 1,
    },
    Column {
        title: "READS",
        min: 5,
        max: 5,
        rank: 2,
    },
    Column {
        title: "LENGTH",
        min: 6,
        max: 6,
        rank: 4,
    },
    Column {
        title: "RULES",
        min: 5,
        max: 60,
        rank: 3,
    },
];

const PASSED: [Column; 3] = [
    Column {
        title: "PATTERN",
        min: 16,
        max: 30,
        rank: 0,
    },
    Column {
        title: "EVENTS",
        min: 8,
        max: 12,
        rank: 1,
    },
    Column {
        title: "SHARE",
        min: 7,
        max: 7,
        rank: 2,
    },
];

/// Runs `dial rules patterns`.
pub(super) fn run(args: &Patterns) -> Result<Outcome> {
    let pipeline = args.judging.pipeline()?;
    let options = Options {
        every_record: args.every_record,
        hide_decoys: args.hide_decoys,
    };
    let set = patterns::derive(&pipeline, options)?;
    if !args.against.is_empty() {
        return against(&set, args);
    }
    let mut out = anstream::stdout().lock();
    match args.format {
        Format::Table => table(&set, &mut out)?,
        Format::Json => json::write_pretty(&mut out, &set)?,
        Format::Terraform => json::write_pretty(&mut out, &variables(&set))?,
    }
    summary(&set);
    Ok(Outcome::Clean)
}

/// What share of events passes each pattern, and all of them.
fn against(set: &PatternSet, args: &Patterns) -> Result<Outcome> {
    let mut passing = Passing::through(set);
    let problems = scan::each_event(&args.against, |event| passing.count(event))?;
    let totals = passing.totals();
    let mut out = anstream::stdout().lock();
    if args.format == Format::Table {
        let table = Table::new(PASSED.to_vec(), terminal::columns());
        table.heading(&mut out)?;
        for passed in passing.by_pattern() {
            let share = share(passed.events, totals.events);
            let events = passed.events.to_string();
            table.row(
                &mut out,
                &[
                    Cell::new(&passed.pattern),
                    Cell::new(events),
                    Cell::new(share),
                ],
            )?;
        }
    } else {
        let by_pattern: Vec<_> = passing.by_pattern().collect();
        json::write_pretty(
            &mut out,
            &json!({ "totals": totals, "patterns": by_pattern }),
        )?;
    }
    anstream::eprintln!(
        "{} of {} pass ({}); of {} that only read, {} ({})",
        totals.passed,
        count(totals.events, "event"),
        share(totals.passed, totals.events),
        totals.reads,
        totals.passed_reads,
        share(totals.passed_reads, totals.reads),
    );
    Ok(Outcome::of(problems > 0, false))
}

/// In per cent, in whole tenths.
fn share(part: u64, whole: u64) -> String {
    let tenths = part.saturating_mul(1_000).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn table(set: &PatternSet, out: &mut dyn Write) -> Result<()> {
    let table = Table::new(COLUMNS.to_vec(), terminal::columns());
    table.heading(out)?;
    for pattern in &set.patterns {
        table.row(out, &row(pattern))?;
    }
    Ok(())
}

fn row(pattern: &Pattern) -> [Cell; 5] {
    let reads = match pattern.state {
        State::Enabled => "no",
        State::AllManagementEvents => "yes",
    };
    let number = count(pattern.rules.len() as u64, "rule");
    [
        Cell::new(&pattern.name),
        Cell::new(region(pattern.scope)),
        Cell::new(reads),
        Cell::new(pattern.length().to_string()),
        Cell::new(pattern.rules.join(" ")).or(number),
    ]
}

fn region(scope: Scope) -> &'static str {
    match scope {
        Scope::Regional => "all",
        Scope::UsEast1 => "us-east-1",
    }
}

/// A variable for `for_each`: the pattern as text, since Terraform wants one type for all.
fn variables(set: &PatternSet) -> Value {
    let patterns: Map<String, Value> = set
        .patterns
        .iter()
        .map(|pattern| {
            let entry = json!({
                "state": pattern.state,
                "scope": pattern.scope,
                "event_pattern": pattern.pattern.to_string(),
            });
            (pattern.name.clone(), entry)
        })
        .collect();
    json!({ "event_patterns_hash": set.hash, "event_patterns": patterns })
}

/// What standard output does not say, or not to people.
fn summary(set: &PatternSet) {
    let patterns = count(set.patterns.len() as u64, "pattern");
    anstream::eprintln!("{patterns}, hash {}", set.hash);
    for rule in &set.undelivered {
        let why = match rule.reason {
            Reason::EveryRecord => {
                "must look at every record: trail files only, unless --every-record"
            }
            Reason::Partly => "patterns deliver a part of what it can match, trail files all",
            Reason::NotConfigured => "what it asks about is not configured",
            Reason::Impossible => "can match nothing that AWS sends",
        };
        anstream::eprintln!("{}: {why}", inert(&rule.rule));
    }
}

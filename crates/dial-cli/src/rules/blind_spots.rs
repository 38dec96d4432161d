//! `dial rules blind-spots`: what an account must have switched on for each rule to fire.

use super::Format;
use crate::exit::Outcome;
use crate::json;
use crate::judging::Judging;
use crate::table::{Cell, Column, Table};
use crate::terminal::{self, count, severity_style, severity_word};
use anyhow::Result;
use clap::Args;
use dial_detect::patterns::{self, Requirement};

pub(super) const EXAMPLES: &str = "\
Examples:
  dial rules blind-spots
  dial rules blind-spots --config dial.toml
  dial rules blind-spots --format json | jq -r '.[] | select(.requires[].kind == \"data_events\").rule'";

/// Arguments of `rules blind-spots`.
#[derive(Debug, Args)]
pub(crate) struct BlindSpots {
    #[command(flatten)]
    judging: Judging,
    /// For people, or as a JSON list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

const COLUMNS: [Column; 3] = [
    Column {
        title: "LEVEL",
        min: 8,
        max: 13,
        rank: 2,
    },
    Column {
        title: "RULE",
        min: 24,
        max: 44,
        rank: 0,
    },
    Column {
        title: "FIRES ONLY WITH",
        min: 24,
        max: 100,
        rank: 1,
    },
];

/// Runs `dial rules blind-spots`.
pub(super) fn run(args: &BlindSpots) -> Result<Outcome> {
    let pipeline = args.judging.pipeline()?;
    let needed = patterns::needed(&pipeline);
    let mut out = anstream::stdout().lock();
    if args.format == Format::Json {
        json::write_pretty(&mut out, &needed)?;
        return Ok(Outcome::Clean);
    }
    let table = Table::new(COLUMNS.to_vec(), terminal::columns());
    table.heading(&mut out)?;
    let mut by_default = 0;
    for rule in &needed {
        if rule.requires == [Requirement::ManagementEvents] {
            by_default += 1;
            continue;
        }
        let requires: Vec<String> = rule.requires.iter().map(ToString::to_string).collect();
        let cells = [
            Cell::new(severity_word(rule.level)).styled(severity_style(rule.level)),
            Cell::new(&rule.rule),
            Cell::new(requires.join("; ")),
        ];
        table.row(&mut out, &cells)?;
    }
    let rules = count(by_default, "more rule");
    anstream::eprintln!("{rules} need only a trail with management events of every region");
    Ok(Outcome::Clean)
}

//! `dial rules list`: the rules that would judge.

use super::Format;
use crate::exit::Outcome;
use crate::json;
use crate::judging::Judging;
use crate::table::{Cell, Column, Table};
use crate::terminal::{self, count, severity_style, severity_word};
use anyhow::Result;
use clap::Args;
use dial_detect::engine::{Pack, RuleInfo};

pub(super) const EXAMPLES: &str = "\
Examples:
  dial rules list
  dial rules list --rules ./my-rules --format json | jq -r '.[].name'";

/// Arguments of `rules list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    judging: Judging,
    /// For people, or as a JSON list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
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
        title: "PACK",
        min: 5,
        max: 5,
        rank: 4,
    },
];

/// Runs `dial rules list`.
pub(super) fn run(args: &List) -> Result<Outcome> {
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
        let from = match rule.pack {
            Pack::Core => "core",
            Pack::Audit => "audit",
            Pack::Yours => "yours",
        };
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

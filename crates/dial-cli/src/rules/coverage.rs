//! `dial rules test --coverage`: what the tests of rules reach.

use super::Format;
use super::test::Test;
use crate::json;
use crate::table::{Cell, Column, Table};
use crate::terminal::{self, BAD, GOOD, count};
use anyhow::{Result, bail};
use dial_detect::engine::{self, RuleCoverage};
use std::io::Write;

const COLUMNS: [Column; 5] = [
    Column {
        title: "RULE",
        min: 24,
        max: 52,
        rank: 0,
    },
    Column {
        title: "MATCH",
        min: 5,
        max: 5,
        rank: 1,
    },
    Column {
        title: "NEAR MISS",
        min: 9,
        max: 9,
        rank: 2,
    },
    Column {
        title: "DENIED",
        min: 6,
        max: 6,
        rank: 3,
    },
    Column {
        title: "MISSING",
        min: 16,
        max: 100,
        rank: 4,
    },
];

/// Prints one row a rule, those with gaps first.
pub(super) fn print(args: &Test, out: &mut dyn Write) -> Result<()> {
    let mut covered = match engine::coverage(&args.rules, &args.fixtures()) {
        Ok(covered) => covered,
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            bail!("{}", lines.join("\n"));
        }
    };
    if args.format == Format::Json {
        return Ok(json::write_pretty(out, &covered)?);
    }
    covered.sort_by(|a, b| {
        let complete = a.gaps.is_empty().cmp(&b.gaps.is_empty());
        complete.then_with(|| a.rule.cmp(&b.rule))
    });
    let table = Table::new(COLUMNS.to_vec(), terminal::columns());
    table.heading(out)?;
    for rule in &covered {
        table.row(out, &cells(rule))?;
    }
    let whole = covered.iter().filter(|rule| rule.gaps.is_empty()).count();
    let rules = count(covered.len() as u64, "rule");
    anstream::eprintln!("{whole} of {rules} with nothing missing");
    Ok(())
}

fn cells(rule: &RuleCoverage) -> [Cell; 5] {
    let number = |number: usize| {
        let style = if number == 0 { BAD } else { GOOD };
        Cell::new(number.to_string()).styled(style)
    };
    [
        Cell::new(&rule.rule),
        number(rule.matches),
        number(rule.near_misses),
        Cell::new(rule.denied.to_string()),
        Cell::new(rule.gaps.join("; ")),
    ]
}

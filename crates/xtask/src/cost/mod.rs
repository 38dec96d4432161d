//! `cargo xtask cost`: USD a month for accounts, events and findings; writes and checks docs/cost.md.

mod model;
mod page;

use anyhow::{Context, bail};
use clap::Args;
use model::Model;
pub(crate) use model::Use;

/// Prices with their sources, and what the model counts with.
const DATA: &str = include_str!("../../data/cost.json");
const PAGE: &str = "docs/cost.md";

/// What is watched.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Accounts.
    #[arg(long, default_value_t = 1)]
    accounts: u32,
    /// Regions with a worker in each account.
    #[arg(long, default_value_t = 2)]
    regions: u32,
    /// CloudTrail events of all accounts a month.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Share of events that are writes, which rules may look at; per cent.
    #[arg(long, default_value_t = 20.0)]
    writes: f64,
    /// Share of writes that pass the event patterns; per cent.
    #[arg(long, default_value_t = 10.0)]
    passing: f64,
    /// Findings of a million events.
    #[arg(long, default_value_t = 100.0)]
    findings: f64,
    /// Write docs/cost.md instead.
    #[arg(long)]
    write: bool,
}

/// Prints the bill, or writes the page.
pub(crate) fn cost(options: &Options) -> anyhow::Result<()> {
    let model = Model::read(DATA)?;
    if options.write {
        std::fs::write(PAGE, page::page(&model)).context(PAGE)?;
        return Ok(());
    }
    let given = Use {
        workers: f64::from(options.accounts) * f64::from(options.regions),
        millions: events_in_millions(options.events),
        writes: options.writes / 100.0,
        passing: options.passing / 100.0,
        findings: options.findings,
    };
    for line in model.bill(&given) {
        println!("{:<44} {:>12}", line.what, page::usd(line.usd));
    }
    let total: f64 = model.bill(&given).iter().map(|line| line.usd).sum();
    println!("{:<44} {:>12}", "USD a month", page::usd(total));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a bill needs no 53 bits")]
fn events_in_millions(events: u64) -> f64 {
    events as f64 / 1e6
}

/// Whether the page says what the data says.
pub(crate) fn check() -> anyhow::Result<()> {
    let expected = page::page(&Model::read(DATA)?);
    if std::fs::read_to_string(PAGE).unwrap_or_default() != expected {
        bail!("{PAGE} is stale; run `cargo xtask cost --write`");
    }
    Ok(())
}

//! `dial rules`: lists, checks and tests detection rules.

mod backtest;
mod blind_spots;
mod catalogue;
mod coverage;
mod docs;
mod explain;
mod lint;
mod list;
mod new;
mod one_event;
mod patterns;
mod test;

use crate::exit::Outcome;
use anyhow::Result;
use clap::{Subcommand, ValueEnum};

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the rules that would judge
    #[command(after_help = list::EXAMPLES)]
    List(list::List),
    /// Write the first draft of a rule and of its test events
    #[command(after_help = new::EXAMPLES)]
    New(new::New),
    /// Derive the EventBridge patterns that hand over what the rules can match
    #[command(after_help = patterns::EXAMPLES)]
    Patterns(patterns::Patterns),
    /// Say what an account must have switched on for each rule to fire
    #[command(after_help = blind_spots::EXAMPLES)]
    BlindSpots(blind_spots::BlindSpots),
    /// Check rule files: what does not load, and what would silently never match
    #[command(after_help = lint::EXAMPLES)]
    Lint(lint::Check),
    /// Run the `tests:` of rule files against fixture events
    #[command(after_help = test::EXAMPLES)]
    Test(test::Test),
    /// Say why a rule matches an event or not, part by part
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::Explain),
    /// Say what a rule would have raised on past trails
    #[command(after_help = backtest::EXAMPLES)]
    Backtest(backtest::Backtest),
    /// Print what a master's dashboard says of the rules
    #[command(after_help = catalogue::EXAMPLES)]
    Catalogue(catalogue::Print),
    /// Write the reference of the rules, one page a service
    #[command(after_help = docs::EXAMPLES)]
    Docs(docs::Docs),
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

/// Runs `dial rules`.
pub(crate) fn run(command: &Command) -> Result<Outcome> {
    match command {
        Command::List(args) => list::run(args),
        Command::New(args) => new::run(args),
        Command::Patterns(args) => patterns::run(args),
        Command::BlindSpots(args) => blind_spots::run(args),
        Command::Lint(args) => lint::run(args),
        Command::Test(args) => test::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Backtest(args) => backtest::run(args),
        Command::Catalogue(args) => catalogue::run(args),
        Command::Docs(args) => docs::run(args),
    }
}

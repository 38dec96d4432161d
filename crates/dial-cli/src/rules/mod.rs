//! `dial rules`: lists, checks and tests detection rules.

mod lint;
mod list;
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
    /// Check rule files: what does not load, and what would silently never match
    #[command(after_help = lint::EXAMPLES)]
    Lint(lint::Check),
    /// Run the `tests:` of rule files against fixture events
    #[command(after_help = test::EXAMPLES)]
    Test(test::Test),
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
        Command::Lint(args) => lint::run(args),
        Command::Test(args) => test::run(args),
    }
}

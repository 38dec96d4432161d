//! The project's tasks: `cargo xtask check` is all of CI.

mod bench;
mod browser;
mod chaos;
mod check;
mod corpus;
mod cost;
mod emulators;
mod fuzz;
mod layers;
mod map;
mod names;
mod package;
mod proofs;
mod quality;
mod run;
mod schemathesis;
mod stack_set;
mod terraform;
mod tools;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tasks of the DIAL workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Format, layers, clippy, unit, integration and end-to-end tests: all of CI.
    Check {
        /// Leave out packages, end-to-end tests and the browser, for the inner loop.
        #[arg(long)]
        quick: bool,
    },
    /// Run a command with the DynamoDB and S3 emulators up.
    ///
    /// Example: cargo xtask emulators -- cargo nextest run -p dial-aws
    Emulators {
        /// The command and its arguments.
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
    /// Check who may depend on whom.
    Layers,
    /// Check that the code map of docs/architecture.md names every folder.
    Map,
    /// Check that every test which a page names as a proof exists.
    Proofs,
    /// Print what a month costs; with --write, write docs/cost.md.
    ///
    /// Example: cargo xtask cost --accounts 40 --regions 3 --events 80000000
    Cost(cost::Options),
    /// Run the fuzz targets with cargo-fuzz, one after the other.
    Fuzz {
        /// Seconds for each target.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// One target only.
        target: Option<String>,
    },
    /// Write a seeded corpus of CloudTrail delivery files, with the truth beside it.
    Corpus(corpus::Options),
    /// Write the event names and fields that `dial rules lint` knows, from botocore's models.
    Names(names::Options),
    /// Measure scan, worker and master against references in the same run.
    Bench(bench::Options),
    /// Use the dashboard in a real browser; takes pictures or times with the options.
    ///
    /// Example: cargo xtask browser --screenshots docs/images
    Browser(browser::Options),
    /// Kill a real master at random while sinks and store misbehave; count what came of it.
    ///
    /// Example: cargo xtask chaos --findings 2000 --kills 20 --store dynamodb
    Chaos(chaos::Options),
    /// Print recall and noise of the rule pack over public events, against what is expected.
    Quality(quality::Options),
    /// Ask a live master what the API's document allows and forbids.
    ///
    /// Example: cargo xtask schemathesis --examples 500
    Schemathesis(schemathesis::Options),
    /// Check the Terraform modules and examples: format, validity, tests, READMEs.
    Terraform {
        /// Write the tables of the READMEs and the organisation's template instead.
        #[arg(long)]
        write: bool,
    },
    /// Build and pack what is shipped: zips for Lambda, `dial`, licences, SBOM, checksums.
    ///
    /// Example: cargo xtask package --with geoip-data
    Package(package::Options),
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace that `Debug` adds: the step and the command say where.
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    std::env::set_current_dir(run::root())?;
    match task {
        Task::Check { quick } => check::check(quick),
        Task::Emulators { command } => emulators::around(&command),
        Task::Layers => layers::check(),
        Task::Map => map::check(),
        Task::Proofs => proofs::check(),
        Task::Cost(options) => cost::cost(&options),
        Task::Fuzz { seconds, target } => fuzz::fuzz(seconds, target.as_deref()),
        Task::Corpus(options) => corpus::write(&options),
        Task::Names(options) => names::write(&options),
        Task::Browser(options) => browser::browser(&options),
        Task::Chaos(options) => chaos::chaos(&options),
        Task::Bench(options) => bench::bench(&options),
        Task::Quality(options) => quality::quality(&options),
        Task::Schemathesis(options) => schemathesis::schemathesis(&options),
        Task::Terraform { write: true } => terraform::write_tables(),
        Task::Terraform { write: false } => terraform::check(),
        Task::Package(options) => package::package(&options),
    }
}

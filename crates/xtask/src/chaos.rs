//! `cargo xtask chaos`: kills a real master over and over while sinks and store misbehave.

use crate::emulators::Emulators;
use crate::run::{command, run, target};
use clap::{Args, ValueEnum};
use std::process::Command;

/// What to do to the master.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Findings to send.
    #[arg(long, default_value_t = 20_000)]
    findings: usize,
    /// How often the master is killed with SIGKILL.
    #[arg(long, default_value_t = 100)]
    kills: usize,
    /// Requests of a hundred that a sink or the store answers wrongly, late or never.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=90))]
    faults: u32,
    /// Least time between two messages to Slack, milliseconds.
    #[arg(long, default_value_t = 50)]
    slack_interval_ms: u64,
    /// Where findings are kept.
    #[arg(long, value_enum, default_value = "sqlite")]
    store: Store,
    /// Seed of faults and kills.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Store {
    Sqlite,
    Dynamodb,
}

/// Builds the optimised master and carries out the plan; prints the counts.
pub(crate) fn chaos(options: &Options) -> anyhow::Result<()> {
    let words = [
        "cargo",
        "build",
        "--release",
        "--quiet",
        "--workspace",
        "--bins",
        "--examples",
    ];
    run(&mut command(&words))?;
    let mut chaos = Command::new(target().join("release/examples/chaos"));
    chaos
        .env("DIAL_BIN_DIR", target().join("release"))
        .env("DIAL_CHAOS_FINDINGS", options.findings.to_string())
        .env("DIAL_CHAOS_KILLS", options.kills.to_string())
        .env("DIAL_CHAOS_FAULTS", options.faults.to_string())
        .env(
            "DIAL_CHAOS_SLACK_INTERVAL_MS",
            options.slack_interval_ms.to_string(),
        )
        .env("DIAL_CHAOS_SEED", options.seed.to_string());
    match options.store {
        Store::Sqlite => run(&mut chaos),
        Store::Dynamodb => {
            let emulators = Emulators::start()?;
            run(emulators.environment(chaos.env("DIAL_CHAOS_STORE", "dynamodb")))
        }
    }
}

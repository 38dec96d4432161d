//! `cargo xtask bench`: builds what is shipped, as it is shipped, and measures it.

use crate::corpus;
use crate::package::SHIPPED;
use crate::run::{command, run, target};
use clap::Args;
use std::path::PathBuf;
use std::process::Command;

/// A benchmark, and what it runs: programs, and the references beside it.
const BENCHES: [(&str, &[&str], &[&str]); 3] = [
    ("scan", &["dial"], &["bench_scan"]),
    (
        "worker",
        &["dial-worker"],
        &["bench_worker", "hello_lambda"],
    ),
    ("master", &["dial"], &["bench_master", "hmac_server"]),
];

/// What to measure.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// One benchmark only.
    #[arg(value_parser = BENCHES.map(|(name, ..)| name))]
    only: Option<String>,
    /// Events of the corpora that the scan reads; the first is read in every way.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    events: Vec<u64>,
    /// Profile of the programs and of the references; `release` builds in a fifth of the time.
    #[arg(long, default_value = SHIPPED)]
    profile: String,
}

/// Runs the benchmarks one after the other; each prints its ratios.
pub(crate) fn bench(options: &Options) -> anyhow::Result<()> {
    let only = options.only.as_deref();
    let wanted = BENCHES
        .iter()
        .filter(|(name, ..)| only.is_none_or(|only| only == *name));
    let corpora: Vec<PathBuf> = match only {
        None | Some("scan") => options
            .events
            .iter()
            .map(|events| corpus(*events))
            .collect::<Result<_, _>>()?,
        Some(_) => Vec::new(),
    };
    let corpora = std::env::join_paths(corpora)?;
    run(&mut build(&options.profile, wanted.clone()))?;
    let programs = target().join(&options.profile);
    for (name, ..) in wanted {
        println!();
        run(
            Command::new(programs.join(format!("examples/bench_{name}")))
                .env("DIAL_BENCH_CORPUS", &corpora)
                .env("DIAL_BIN_DIR", &programs),
        )?;
    }
    Ok(())
}

/// Of the whole workspace only what is run: each program costs minutes in the shipped profile.
fn build<'b>(
    profile: &str,
    benches: impl Iterator<Item = &'b (&'b str, &'b [&'b str], &'b [&'b str])>,
) -> Command {
    let mut build = command(&["cargo", "build", "--workspace", "--profile", profile]);
    for (_, programs, examples) in benches {
        build.args(programs.iter().flat_map(|program| ["--bin", program]));
        build.args(examples.iter().flat_map(|example| ["--example", example]));
    }
    build
}

/// The corpus of so many events, written where it is not there.
fn corpus(events: u64) -> anyhow::Result<PathBuf> {
    let corpus = target().join("bench").join(format!("corpus-{events}"));
    if !corpus.join("truth.json").exists() {
        corpus::write(&corpus::Options {
            events,
            out: corpus.clone(),
            per_file: 250,
            suspicious: 0.005,
            seed: 7,
            no_jsonl: true,
        })?;
    }
    Ok(corpus)
}

//! `cargo xtask bench`: builds what is shipped in the optimised profile and measures it.

use crate::corpus;
use crate::run::{command, run, target};
use clap::Args;
use std::path::PathBuf;
use std::process::Command;

/// What to measure.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// One benchmark only: scan, worker or master.
    only: Option<String>,
    /// Events of the corpora that the scan reads; the first is read in every way.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    events: Vec<u64>,
}

/// Runs the benchmarks one after the other; each prints its ratios.
pub(crate) fn bench(options: &Options) -> anyhow::Result<()> {
    let corpora: Vec<PathBuf> = match options.only.as_deref() {
        None | Some("scan") => options
            .events
            .iter()
            .map(|events| corpus(*events))
            .collect::<Result<_, _>>()?,
        Some(_) => Vec::new(),
    };
    let corpora = std::env::join_paths(corpora)?;
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
    for bench in ["scan", "worker", "master"] {
        if options.only.as_deref().is_none_or(|only| only == bench) {
            println!();
            let program = target()
                .join("release/examples")
                .join(format!("bench_{bench}"));
            run(Command::new(program)
                .env("DIAL_BENCH_CORPUS", &corpora)
                .env("DIAL_BIN_DIR", target().join("release")))?;
        }
    }
    Ok(())
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

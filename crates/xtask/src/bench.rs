//! `cargo xtask bench`: builds what is shipped in the optimised profile and measures it.

use crate::corpus;
use crate::run::{command, run, target};
use clap::Args;
use std::process::Command;

/// What to measure.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// One benchmark only: scan, worker or master.
    only: Option<String>,
    /// Events of the corpus that the scan reads.
    #[arg(long, default_value_t = 100_000)]
    events: u64,
}

/// Runs the benchmarks one after the other; each prints its ratios.
pub(crate) fn bench(options: &Options) -> anyhow::Result<()> {
    let corpus = target()
        .join("bench")
        .join(format!("corpus-{}", options.events));
    if !corpus.join("truth.json").exists() {
        corpus::write(&corpus::Options {
            events: options.events,
            out: corpus.clone(),
            per_file: 250,
            suspicious: 0.005,
            seed: 7,
            no_jsonl: true,
        })?;
    }
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
                .env("DIAL_BENCH_CORPUS", &corpus)
                .env("DIAL_BIN_DIR", target().join("release")))?;
        }
    }
    Ok(())
}

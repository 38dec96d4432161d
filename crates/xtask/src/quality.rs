//! `cargo xtask quality`: recall and noise of the rule pack over events that are not bundled.

use crate::corpus;
use crate::run::{command, run, target};
use clap::Args;
use std::path::PathBuf;
use std::process::Command;

/// Events of the generated corpus.
const EVENTS: u64 = 20_000;

/// What to measure with.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Folder that holds `cloudtrail/*.jsonl` with labels beside them.
    #[arg(long, value_name = "DIR", env = "DIAL_CORPUS")]
    data: PathBuf,
    /// Accept what is measured: write the expected counts, take out reasons that no gap needs.
    #[arg(long)]
    update: bool,
}

/// Builds the measuring program with the features of the whole workspace, and runs it.
pub(crate) fn quality(options: &Options) -> anyhow::Result<()> {
    let words = [
        "cargo",
        "build",
        "--quiet",
        "--workspace",
        "--example",
        "quality",
    ];
    run(&mut command(&words))?;
    let mut measuring = Command::new(target().join("debug/examples/quality"));
    measuring.arg(&options.data).arg(generated()?.join("trail"));
    measuring.args(options.update.then_some("--update"));
    run(&mut measuring)
}

/// A seeded corpus, made once: what the patterns let through of a busy organisation's events.
fn generated() -> anyhow::Result<PathBuf> {
    let out = target().join("quality").join("corpus");
    if !out.join("truth.json").exists() {
        corpus::write(&corpus::Options {
            events: EVENTS,
            out: out.clone(),
            per_file: 250,
            suspicious: 0.005,
            seed: 7,
            no_jsonl: true,
        })?;
    }
    Ok(out)
}

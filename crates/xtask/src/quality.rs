//! `cargo xtask quality`: recall and noise of the rule pack over events that are not bundled.

use crate::run::{command, run, target};
use clap::Args;
use std::path::PathBuf;
use std::process::Command;

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
    measuring.arg(&options.data);
    measuring.args(options.update.then_some("--update"));
    run(&mut measuring)
}

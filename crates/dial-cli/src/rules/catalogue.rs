//! `dial rules catalogue`: what a master's dashboard says of the rules that workers run.

use crate::catalogue;
use crate::exit::Outcome;
use crate::json;
use crate::judging::Judging;
use anyhow::Result;
use clap::Args;

pub(super) const EXAMPLES: &str = "\
Examples:
  dial rules catalogue | jq '.rules | length'
  dial rules catalogue --config worker.toml > catalogue.json
  zip -j dial-master-x86_64.zip catalogue.json     for a master on Lambda

The package of the master holds the catalogue of the built-in rules. Where workers run rules of
your own, write one with their configuration and put it beside the program, under this name.";

/// Arguments of `rules catalogue`.
#[derive(Debug, Args)]
pub(crate) struct Print {
    #[command(flatten)]
    judging: Judging,
}

/// Runs `dial rules catalogue`.
pub(super) fn run(args: &Print) -> Result<Outcome> {
    let catalogue = catalogue::of(&args.judging.pipeline()?);
    json::write_pretty(&mut anstream::stdout().lock(), &catalogue)?;
    Ok(Outcome::Clean)
}

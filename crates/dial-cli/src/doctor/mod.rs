//! `dial doctor`: whether everything that a master needs is there and lets it in, sending nothing.

mod checks;
mod print;
mod sinks;

use crate::config_file::ConfigFile;
use crate::exit::Outcome;
use crate::rules::Format;
use anyhow::{Context, Result};
use checks::Check;
use clap::Args;
use dial_aws::Clients;
use dial_master::config::Master;
use std::path::PathBuf;

/// Help below the arguments of `doctor`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  dial doctor
  dial doctor --config s3://dial-config/dial.toml
  dial doctor --format json

Reads the configuration, fetches every secret that it names, and asks the store,
the bucket and each sink for something that changes nothing. No message is sent;
a sink that cannot be asked without sending one is said to be not probed.
Run it where the master runs, with the same rights.

Exit codes: 0 good (warnings included), 1 something has to be changed.";

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Configuration file [default: `$DIAL_CONFIG`, then `dial.toml`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For people, or as a JSON list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Runs `dial doctor`.
pub(crate) fn run(args: &Doctor) -> Result<Outcome> {
    let file = ConfigFile::find(args.config.as_deref())?;
    let found = match file.section::<Master>("master") {
        Ok(config) => crate::runtime()?.block_on(examine(&file, &config))?,
        Err(problems) => problems.list.iter().map(Check::of_problem).collect(),
    };
    print::print(&found, args.format)?;
    Ok(Outcome::of(found.iter().any(Check::has_failed), false))
}

async fn examine(file: &ConfigFile, config: &Master) -> Result<Vec<Check>> {
    let clients = Clients::new();
    let secrets = dial_aws::AwsSecrets::new(clients.clone());
    let mut found = vec![Check::good(
        "configuration",
        format!("{}: [master] is good", file.name),
    )];
    found.push(checks::store(config, &clients).await);
    found.push(checks::bucket(config, &clients).await);
    found.extend(checks::root_keys(config, &secrets).await);
    found.extend(checks::tokens(config, &secrets, jiff::Timestamp::now()).await);
    let sinks = sinks::examine(config, &clients, &secrets).await;
    found.extend(sinks.context("nothing can be asked over HTTP")?);
    Ok(found)
}

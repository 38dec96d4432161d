//! `dial serve`: the master on this machine, over SQLite or DynamoDB.

use crate::catalogue;
use crate::config_file::ConfigFile;
use crate::exit::Outcome;
use anyhow::{Context, Result};
use clap::Args;
use dial_aws::{AwsSecrets, Clients};
use dial_master::config::Master;
use dial_master::{logging, serve};
use std::path::PathBuf;

/// Help below the arguments of `serve`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  dial keys new --out root.key
  openssl rand -hex 32 > api.token
  cat > dial.toml <<'END'
  [master]
  listen = \"127.0.0.1:8600\"
  store = \"sqlite:dial.db\"
  bucket = \"dial-bucket\"
  root_keys = { 1 = \"file:root.key\" }

  [[master.tokens]]
  name = \"me\"
  secret = \"file:api.token\"
  scope = \"admin\"
  END
  dial check-config && dial serve

Every key can be set by the environment: DIAL__MASTER__LISTEN=127.0.0.1:8601.
Logs are JSON on standard error; DIAL_LOG chooses how much (warn, info, debug).";

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Configuration file [default: `$DIAL_CONFIG`, then `dial.toml`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs `dial serve` until it is told to stop.
pub(crate) fn run(args: &Serve) -> Result<Outcome> {
    let file = ConfigFile::find(args.config.as_deref())?;
    let mut config: Master = file.section("master")?;
    logging::start();
    config.catalogue = Some(catalogue::of_configuration(args.config.as_deref()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot start")?;
    let secrets = AwsSecrets::new(Clients::new());
    runtime.block_on(serve::run(&config, &secrets))?;
    Ok(Outcome::Clean)
}

//! `dial doctor`: whether everything that master and worker need is there and lets them in, sending
//! nothing.

mod aws;
mod checks;
mod print;
mod sign_in;
mod sinks;
mod workers;

use crate::config_file::{ConfigFile, environment};
use crate::exit::Outcome;
use crate::findings::PerhapsMaster;
use crate::judging::Judging;
use crate::rules::Format;
use anyhow::{Context, Result};
use checks::Check;
use clap::Args;
use dial_aws::{Clients, Survey};
use dial_core::secret::SecretRef;
use dial_master::config::Master;
use std::path::PathBuf;

/// Help below the arguments of `doctor`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  dial doctor
  dial doctor --config s3://dial-config/dial.toml
  dial doctor --config s3://dial-config/dial.toml --functions dial
  dial doctor --worker dial-worker --rules ./rules
  dial doctor --json | jq '.[] | select(.state == \"fail\")'

Reads the configuration, fetches every secret that it names, and asks the store,
the bucket, the identity provider and each sink for something that changes
nothing. No message is sent; a sink that cannot be asked without sending one is
said to be not probed. Run it where the master runs, with the same rights. With
DIAL_URL and DIAL_TOKEN the running master is asked which workers it heard.

What lies in AWS is looked at with the credentials of the environment: table
(indexes, stream, TTL, recovery), bucket (blocked, encrypted, lifecycle), age of
the root keys. --worker looks at the worker of this account and region: trail,
event rules with their states and patterns against the rules in use, targets,
heartbeat, function, clock. A file without [master] is fine there. --functions
looks at those of the master. IAM is asked whether the role of each function
allows what it needs (iam:SimulatePrincipalPolicy); where that may not be asked,
the line says so.

Exit codes: 0 good (warnings included), 1 something has to be changed.";

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Configuration file [default: `$DIAL_CONFIG`, then `dial.toml`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Look at the master's functions and at the rights of their roles too, by the start of their
    /// names
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "dial")]
    functions: Option<String>,
    /// Look at the worker of this account and region too, by the name of its function
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "dial-worker")]
    worker: Option<String>,
    /// Folder of Sigma rules that the worker has beside the built-in ones
    #[arg(long, value_name = "DIR", requires = "worker")]
    rules: Option<PathBuf>,
    /// For people, or as a JSON list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    master: PerhapsMaster,
}

/// Runs `dial doctor`.
pub(crate) fn run(args: &Doctor) -> Result<Outcome> {
    let file = ConfigFile::find(args.config.as_deref())?;
    let runtime = crate::runtime()?;
    let mut found = Vec::new();
    if args.worker.is_none() || has_master(&file) {
        found.extend(match file.section::<Master>("master") {
            Ok(config) => runtime.block_on(examine(&file, &config, args))?,
            Err(problems) => problems.list.iter().map(Check::of_problem).collect(),
        });
    }
    if let Some(worker) = &args.worker {
        let judging = Judging {
            rules: args.rules.clone(),
            config: args.config.clone(),
        };
        let pipeline = judging.pipeline()?;
        let survey = Survey::new(Clients::new())?;
        let key = worker_key(&file);
        let looked = aws::worker(&survey, worker, &pipeline, key.as_ref());
        let looked = runtime.block_on(looked)?;
        // Who looks is said once.
        let known = found.iter().any(|check| check.name == aws::IDENTITY);
        let new = looked
            .into_iter()
            .filter(|it| !known || it.name != aws::IDENTITY);
        found.extend(new);
    }
    let format = if args.json { Format::Json } else { args.format };
    print::print(&found, format)?;
    Ok(Outcome::of(found.iter().any(Check::has_failed), false))
}

/// Whether the configuration speaks of a master; what is no TOML is told by its section.
fn has_master(file: &ConfigFile) -> bool {
    let table = file.text.parse::<toml::Table>();
    let in_file = table.map_or(true, |table| table.contains_key("master"));
    in_file || environment().any(|(name, _)| name.starts_with("DIAL__MASTER__"))
}

/// Where the worker's key lies, as far as the configuration says so.
fn worker_key(file: &ConfigFile) -> Option<SecretRef> {
    let table = file.text.parse::<toml::Table>().ok()?;
    let key = table.get("worker")?.get("key")?.as_str()?;
    SecretRef::try_from(key.to_owned()).ok()
}

async fn examine(file: &ConfigFile, config: &Master, args: &Doctor) -> Result<Vec<Check>> {
    let clients = Clients::new();
    let secrets = dial_aws::AwsSecrets::new(clients.clone());
    let now = jiff::Timestamp::now();
    let mut found = vec![Check::good(
        "configuration",
        format!("{}: [master] is good", file.name),
    )];
    found.push(checks::store(config, &clients).await);
    found.push(checks::bucket(config, &clients).await);
    found.extend(checks::root_keys(config, &secrets).await);
    found.extend(checks::tokens(config, &secrets, now).await);
    found.extend(sign_in::examine(config, &secrets, now).await);
    let survey = Survey::new(clients.clone())?;
    found.extend(aws::master(&survey, config, now).await);
    if let Some(prefix) = &args.functions {
        found.extend(aws::functions_of_master(&survey, prefix, config).await);
    }
    let sinks = sinks::examine(config, &clients, &secrets).await;
    found.extend(sinks.context("nothing can be asked over HTTP")?);
    let roots = config
        .root_keys
        .keys()
        .filter_map(|number| number.parse().ok());
    let roots: Vec<u32> = roots.collect();
    found.push(workers::examine(&args.master, &roots).await);
    Ok(found)
}

//! `dial-master`: a Lambda function where `DIAL_FUNCTION` says so, else the whole master.

use anyhow::bail;
use dial_aws::{AwsSecrets, Clients};
use dial_master::lambda::{self, Function};
use dial_master::{load, logging, serve};
use std::process::ExitCode;

const USAGE: &str = "usage: dial-master [serve] [--config FILE]";

fn main() -> ExitCode {
    logging::start();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "cannot go on");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match std::env::var(lambda::VARIABLE) {
        Ok(word) if arguments.is_empty() => run_function(word.parse()?),
        _ => run_whole(config_path(&arguments)?),
    }
}

/// One thread: a function has one invocation at a time.
fn run_function(function: Function) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(async {
        let clients = Clients::new();
        let config = load::load(None, &clients).await?;
        let ended = lambda::run(function, &config, &clients).await;
        ended.map_err(|error| anyhow::anyhow!("{error}"))
    })
}

fn run_whole(config: Option<&str>) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().build()?.block_on(async {
        let clients = Clients::new();
        let config = load::load(config, &clients).await?;
        serve::run(&config, &AwsSecrets::new(clients)).await?;
        Ok(())
    })
}

fn config_path(arguments: &[String]) -> anyhow::Result<Option<&str>> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.strip_prefix(&["serve"]).unwrap_or(&arguments) {
        [] => Ok(None),
        ["--config"] => bail!("--config needs a file; {USAGE}"),
        ["--config", file] => Ok(Some(*file)),
        _ => bail!("{USAGE}"),
    }
}

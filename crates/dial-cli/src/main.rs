//! `dial`: demo, scan, serve, rules, findings, deliveries, replay, keys.

mod canary;
mod catalogue;
mod check_config;
mod cli;
mod completions;
mod config_file;
mod deliveries;
mod demo;
mod doctor;
mod exit;
mod findings;
mod json;
mod judging;
mod keys;
mod lines;
mod replay;
mod routes;
mod rules;
mod scan;
mod schema;
mod serve;
mod signing;
mod silences;
mod stats;
mod table;
mod terminal;
mod tokens;
mod workers;

use anyhow::{Context, Result};
use clap::{ColorChoice, Parser};
use cli::{Cli, Command};
use dial_core::when;
use exit::Outcome;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.color {
        ColorChoice::Auto => {}
        ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
        ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
    }
    if std::env::var_os("DIAL_LOG").is_some() {
        dial_master::logging::start();
    }
    exit::finish(run(&cli.command))
}

fn run(command: &Command) -> Result<Outcome> {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Canary(args) => canary::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::CheckConfig(args) => check_config::run(args),
        Command::Scan(args) => scan::run(args),
        Command::Rules(command) => rules::run(command),
        Command::Replay(args) => replay::run(args),
        Command::Findings(command) => findings::run(command),
        Command::Tokens(command) => tokens::run(command),
        Command::Workers(args) => workers::run(args),
        Command::Deliveries(command) => deliveries::run(command),
        Command::Silences(command) => silences::run(command),
        Command::Stats(args) => stats::run(args),
        Command::Routes(command) => routes::run(command),
        Command::Keys(command) => keys::run(command),
        Command::Schema(args) => schema::run(args),
        Command::Completions { shell } => completions::completions(*shell),
        Command::Man { command } => completions::man(command),
    }
}

/// Runs what is asynchronous on a thread of its own, so that any thread may wait for it.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot start")
}

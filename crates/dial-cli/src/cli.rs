//! The command line: every command, its arguments and its help.

#[cfg(test)]
mod examples;

use crate::{
    canary, check_config, deliveries, demo, doctor, findings, keys, replay, routes, rules, scan,
    schema, serve, silences, stats, tokens, workers,
};
use clap::builder::styling::{AnsiColor, Styles};
use clap::{ColorChoice, Parser, Subcommand};
use clap_complete::Shell;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const START: &str = "\
Start here:
  dial demo                            an incident, end to end, without a cloud account
  dial scan ./AWSLogs                  judge the trail files that you have
  dial keys new --out root.key         then `dial serve`: a master on this machine

Exit codes: 0 clean, 3 findings, 1 error, 2 wrong usage.
`dial help <command>` shows examples; NO_COLOR and --color never switch colours off.";

/// Alerts for AWS security teams: CloudTrail events in, findings out.
#[derive(Debug, Parser)]
#[command(name = "dial", version, after_help = START, styles = STYLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN", help_heading = "Global options")]
    pub(crate) color: ColorChoice,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What `dial` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play an incident end to end on this machine, without a cloud account
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::Demo),
    /// Judge trail files and exports with the worker's own rules
    #[command(after_help = scan::EXAMPLES)]
    Scan(scan::Scanning),
    /// Run the master on this machine: take findings, keep them, deliver them, answer queries
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::Serve),
    /// List, check and test detection rules
    #[command(subcommand)]
    Rules(rules::Command),
    /// Look at findings that a master has stored, and say what becomes of them
    #[command(subcommand)]
    Findings(findings::Command),
    /// See what could not be delivered, and have it tried again
    #[command(subcommand)]
    Deliveries(deliveries::Command),
    /// Show where findings go, and why
    #[command(subcommand)]
    Routes(routes::Command),
    /// Mute findings for a time: list, make, preview and end silences
    #[command(subcommand)]
    Silences(silences::Command),
    /// See who watches: when each worker was heard, what it runs and did
    #[command(after_help = workers::EXAMPLES)]
    Workers(workers::Workers),
    /// Make, list and revoke API tokens of a master
    #[command(subcommand)]
    Tokens(tokens::Command),
    /// Count findings: by severity, status, account, rule, service, region and time
    #[command(after_help = stats::EXAMPLES)]
    Stats(stats::Command),
    /// Take dead letters up again: judge, sign and send what once could not be
    #[command(after_help = replay::EXAMPLES)]
    Replay(replay::Replay),
    /// Make root keys and derive workers' keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Say everything that is wrong with a configuration
    #[command(after_help = check_config::EXAMPLES)]
    CheckConfig(check_config::CheckConfig),
    /// Send a harmless event of our own all the way, and measure how long it takes to be told
    #[command(after_help = canary::EXAMPLES)]
    Canary(Box<canary::Canary>),
    /// Say whether what a master or a worker needs is good, sending nothing
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Doctor),
    /// Print the OpenAPI document of the API, or the JSON Schema of a finding
    #[command(after_help = schema::EXAMPLES)]
    Schema(schema::Schema),
    /// Print the completion script of a shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, of the whole or of one command
    #[command(after_help = MAN)]
    Man {
        /// Command, such as `findings list`
        command: Vec<String>,
    },
}

const COMPLETIONS: &str = "\
Examples:
  dial completions bash > ~/.local/share/bash-completion/completions/dial
  dial completions zsh  > ~/.zfunc/_dial
  dial completions fish > ~/.config/fish/completions/dial.fish";

const MAN: &str = "\
Examples:
  dial man | man -l -
  dial man scan > /usr/local/share/man/man1/dial-scan.1";

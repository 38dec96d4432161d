//! `dial routes`: the routing tree as text, and where a finding goes through it.

use crate::config_file::ConfigFile;
use crate::exit::Outcome;
use crate::findings::Client;
use crate::json;
use crate::signing::master_url;
use crate::terminal::{BAD, BOLD, GOOD, inert, paint};
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use dial_core::{Finding, FindingId, Secret};
use dial_master::config::Master;
use dial_master::routes::{Desk, Explained, Fate};
use reqwest::Url;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Longest finding of a file, bytes; a record has 300 KB at most.
const MAX_FINDING: u64 = 1024 * 1024;

/// What to do with routes.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the routing tree of a configuration
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
    /// Show where a finding goes, and why: the path through the tree, and what becomes of it
    #[command(after_help = TEST_EXAMPLES)]
    Test(Test),
}

const SHOW_EXAMPLES: &str = "\
Examples:
  dial routes show
  dial routes show --config s3://dial-config/dial.toml";

const TEST_EXAMPLES: &str = "\
Examples:
  dial routes test f-iwvrv37fygnc5lvtjndbj3abei       as the master would route it now
  dial findings show f-iwvrv37fygnc5lvtjndbj3abei --format json | jq .finding > finding.json
  dial routes test finding.json --config new.toml     by a configuration, before it is used

With an id the master is asked, which knows silences and inhibitions too (DIAL_URL,
DIAL_TOKEN). With a file (`-` is standard input) only the tree of the configuration is asked.";

/// Arguments of `routes show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Configuration file [default: `$DIAL_CONFIG`, then `dial.toml`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Arguments of `routes test`.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Id of a stored finding, or a file with one finding as JSON
    finding: String,
    /// Configuration file, for a finding of a file [default: `$DIAL_CONFIG`, then `dial.toml`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For people, or everything as JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Address of the master, for an id
    #[arg(long, value_name = "URL", env = "DIAL_URL", value_parser = master_url)]
    url: Option<Url>,
    /// Token of the API; better given by the environment, where no process list shows it
    #[arg(long, value_name = "TOKEN", env = "DIAL_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Runs `dial routes`.
pub(crate) fn run(command: &Command) -> Result<Outcome> {
    match command {
        Command::Show(args) => show(args)?,
        Command::Test(args) => test(args)?,
    }
    Ok(Outcome::Clean)
}

fn desk(config: Option<&Path>) -> Result<Desk> {
    let file = ConfigFile::find(config)?;
    let config: Master = file.section("master")?;
    Ok(Desk::new(&config))
}

fn show(args: &Show) -> Result<()> {
    let text = desk(args.config.as_deref())?.text();
    let mut out = anstream::stdout().lock();
    for line in text.lines() {
        writeln!(out, "{}", inert(line))?;
    }
    Ok(())
}

fn test(args: &Test) -> Result<()> {
    let explained = if let Ok(id) = FindingId::parse(&args.finding) {
        asked(args, &id)?
    } else {
        let finding = read(&args.finding)?;
        desk(args.config.as_deref())?.explain_tree(&finding)
    };
    let mut out = anstream::stdout().lock();
    match args.format {
        Format::Json => json::write_pretty(&mut out, &explained)?,
        Format::Text => write(&mut out, &explained)?,
    }
    Ok(())
}

fn asked(args: &Test, id: &FindingId) -> Result<Explained> {
    let url = args.url.clone();
    let url = url.context("an id is looked up at the master: give --url or DIAL_URL")?;
    let client = Client::new(url, args.token.as_deref().map(Secret::new))?;
    let path = ["v1", "routes", id.as_str()];
    let answer = crate::runtime()?.block_on(client.get(&path, &[]))?;
    answer.with_context(|| {
        format!("the master knows no finding {id}; `dial findings list` shows what it has")
    })
}

fn read(name: &str) -> Result<Finding> {
    let wrong = || format!("finding {name} cannot be read");
    let mut text = Vec::new();
    if name == "-" {
        io::stdin()
            .take(MAX_FINDING)
            .read_to_end(&mut text)
            .with_context(wrong)?;
    } else {
        let file = std::fs::File::open(name).with_context(|| {
            format!("{name} is neither the id of a finding nor a file that can be read")
        })?;
        file.take(MAX_FINDING)
            .read_to_end(&mut text)
            .with_context(wrong)?;
    }
    serde_json::from_slice(&text).with_context(|| {
        format!(
            "{name} holds no finding; try `dial findings show <id> --format json | jq .finding`"
        )
    })
}

fn write(out: &mut impl Write, explained: &Explained) -> io::Result<()> {
    writeln!(
        out,
        "{}",
        paint(BOLD, format!("finding {}", explained.finding))
    )?;
    for look in &explained.looks {
        let indent = "  ".repeat(look.depth + 1);
        let route = inert(&look.route);
        match (&look.misfit, &look.sinks) {
            (Some(misfit), _) => writeln!(out, "{indent}{route}: not {}", inert(misfit))?,
            (None, Some(sinks)) if sinks.is_empty() => {
                writeln!(out, "{indent}{route}: decides -> nobody")?;
            }
            (None, Some(sinks)) => {
                writeln!(
                    out,
                    "{indent}{route}: decides -> {}",
                    inert(&sinks.join(", "))
                )?;
            }
            (None, None) => writeln!(out, "{indent}{route}: fits, a route below decides")?,
        }
    }
    for fate in &explained.sinks {
        write_fate(out, fate)?;
    }
    if !explained.complete {
        writeln!(
            out,
            "silences and inhibitions were not looked at: only a master knows them"
        )?;
    }
    Ok(())
}

fn write_fate(out: &mut impl Write, fate: &Fate) -> io::Result<()> {
    let mark = if fate.told {
        paint(GOOD, "told")
    } else {
        paint(BAD, "not told")
    };
    writeln!(out, "{}: {mark}, {}", inert(&fate.sink), inert(&fate.why))?;
    if let Some(terms) = &fate.terms {
        writeln!(out, "  {}", inert(terms))?;
    }
    for (label, value) in &fate.group {
        writeln!(out, "    {} = {}", inert(label), inert(value))?;
    }
    if let Some(delivery) = &fate.delivery {
        writeln!(out, "  delivery: {}", inert(delivery))?;
    }
    Ok(())
}

//! `dial workers`: who was heard when, what each runs and did, through the API of a master.

use crate::exit::Outcome;
use crate::findings::Master;
use crate::json;
use crate::terminal::{BAD, DIM, GOOD, inert, paint};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use dial_master::api::{WorkerLine, WorkerList};
use dial_master::fleet::Health;
use std::io::{self, Write};

pub(crate) const EXAMPLES: &str = "\
Examples:
  dial workers
  dial workers --format json | jq '.workers[] | select(.health != \"ok\").worker'

silent: nothing was heard for too long; old_rules: newer rules are in use elsewhere for a
day; clock_off: its clock will soon make the master refuse what it signs.
Exit codes: 0 all are well, 3 one is not, 1 error, 2 wrong usage.";

/// Arguments of `dial workers`.
#[derive(Debug, Args)]
pub(crate) struct Workers {
    /// For people, or the API's whole answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    master: Master,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Runs `dial workers`.
pub(crate) fn run(args: &Workers) -> Result<Outcome> {
    let list = crate::runtime()?.block_on(fetch(args))?;
    let mut out = anstream::stdout().lock();
    match args.format {
        Format::Json => json::write_pretty(&mut out, &list)?,
        Format::Text => text(&mut out, &list)?,
    }
    let ill = list.workers.iter().any(|line| line.health != Health::Ok);
    Ok(Outcome::of(false, ill))
}

async fn fetch(args: &Workers) -> Result<WorkerList> {
    let client = args.master.client()?;
    let list: Option<WorkerList> = client.get(&["v1", "workers"], &[]).await?;
    list.context("the master has no list of workers; is it of this version?")
}

fn text(out: &mut impl Write, list: &WorkerList) -> io::Result<()> {
    for line in &list.workers {
        one(out, line)?;
    }
    match list.workers.len() {
        0 => writeln!(
            out,
            "no worker was heard yet; workers report once a schedule asks them"
        ),
        1 => writeln!(out, "1 worker"),
        count => writeln!(out, "{count} workers"),
    }
}

fn one(out: &mut impl Write, line: &WorkerLine) -> io::Result<()> {
    let member = &line.member;
    let health = match line.health {
        Health::Ok => paint(GOOD, "ok"),
        Health::Silent => paint(BAD, "silent"),
        Health::OldRules => paint(BAD, "old_rules"),
        Health::ClockOff => paint(BAD, "clock_off"),
    };
    let minutes = line.silent_seconds / 60;
    let worker = inert(&member.worker);
    match &member.heartbeat {
        None => writeln!(
            out,
            "{worker}  {health}  never heard, expected for {minutes} min"
        ),
        Some(beat) => {
            writeln!(out, "{worker}  {health}  heard {minutes} min ago")?;
            let (version, rules) = (inert(&beat.worker.version), inert(&beat.worker.rules));
            let patterns = beat.patterns.as_deref().map_or("none known".into(), inert);
            let ahead = member.clock_ahead;
            let key = member.root_key.map(|n| format!(", root key {n}"));
            let key = key.unwrap_or_default();
            let line = format!(
                "  version {version}, rules {rules}, patterns {patterns}, clock {ahead:+} s{key}"
            );
            writeln!(out, "{}", paint(DIM, line))?;
            let did = member.totals;
            let line = format!(
                "  {} events, {} findings, {} dead letters, {} errors",
                did.events, did.findings, did.dead_letters, did.errors
            );
            writeln!(out, "{}", paint(DIM, line))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_read_as_they_are() {
        let member = serde_json::json!({
            "worker": "111122223333/eu-west-1",
            "first_at": "2026-05-01T10:00:00Z",
            "last_at": "2026-05-01T10:00:00Z",
            "rules_since": "2026-05-01T10:00:00Z",
            "clock_ahead": -2,
            "totals": {"events": 7, "findings": 1},
            "silent_seconds": 2_000,
        });
        let mut never = member.clone();
        never["health"] = "silent".into();
        let mut heard = member;
        heard["health"] = "old_rules".into();
        heard["root_key"] = 2.into();
        heard["heartbeat"] = serde_json::json!({
            "worker": {
                "account": "111122223333", "region": "eu-west-1",
                "version": "0.1.0", "rules": "abc\u{1b}[2J",
            },
            "sent_at": "2026-05-01T10:00:00Z",
        });
        let list = serde_json::json!({"workers": [never, heard], "silent_after_seconds": 1_800});
        let list: WorkerList = serde_json::from_value(list).unwrap();
        let mut out = Vec::new();
        text(&mut out, &list).unwrap();
        let text = anstream::adapter::strip_bytes(&out).into_vec();
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }
}

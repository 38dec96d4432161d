//! `dial stats`: what happened in a time, in counts.

mod series;

use crate::exit::Outcome;
use crate::findings::{Client, Master};
use crate::terminal::inert;
use crate::{json, when};
use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use dial_core::Severity;
use dial_core::store::Status;
use dial_core::store::stats::{Mean, Over, Stats};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::{self, Write};

pub(crate) const EXAMPLES: &str = "\
Examples:
  export DIAL_URL=https://dial.example.com DIAL_TOKEN=…
  dial stats                                            the last seven days
  dial stats --since 2026-05-01 --until 2026-05-31
  dial stats --since 24h --by hour
  dial stats --since 30d --over account                 which account has more of them
  dial stats --format json | jq .by_account";

/// Most lines of a table of names.
const TOP: usize = 10;

/// Arguments of `stats`.
#[derive(Debug, Args)]
pub(crate) struct Command {
    #[command(flatten)]
    master: Master,
    /// First day, UTC: 2026-05-04, 2026-05-04T10:00:00Z, 24h, 7d; six days ago if not given
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Last day, UTC, included; today if not given
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Step of the series; by the hour up to two days if not given
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Split each step by this too: the six with the most findings, the rest are others
    #[arg(long, value_parser = PossibleValuesParser::new(Over::ALL.map(Over::as_str)))]
    over: Option<String>,
    /// For people, or the API's whole answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    Hour,
    Day,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Runs `dial stats`.
pub(crate) fn run(command: &Command) -> Result<Outcome> {
    let stats = crate::runtime()?.block_on(fetch(command))?;
    let mut out = anstream::stdout().lock();
    match command.format {
        Format::Json => json::write_pretty(&mut out, &serde_json::to_value(&stats)?)?,
        Format::Table => write(&mut out, &stats)?,
    }
    Ok(Outcome::Clean)
}

async fn fetch(command: &Command) -> Result<Stats> {
    let client: Client = command.master.client()?;
    let now = Timestamp::now();
    let mut query = Vec::new();
    for (name, text) in [("since", &command.since), ("until", &command.until)] {
        if let Some(text) = text {
            let time = when::past(text, now).with_context(|| format!("--{name}"))?;
            query.push((name, time.to_string()));
        }
    }
    query.extend(command.by.map(|by| {
        let word = match by {
            By::Hour => "hour",
            By::Day => "day",
        };
        ("by", word.to_owned())
    }));
    query.extend(command.over.clone().map(|over| ("over", over)));
    client
        .get(&["v1", "stats"], &query)
        .await?
        .context("the address has no /v1/stats; is --url (DIAL_URL) a DIAL master, and new enough?")
}

/// Writes the numbers for people.
fn write(out: &mut dyn Write, stats: &Stats) -> io::Result<()> {
    writeln!(
        out,
        "{} to {} (UTC, by the day of the event)",
        stats.from, stats.to
    )?;
    writeln!(out, "Findings     {}", stats.findings)?;
    writeln!(out, "Suppressed   {}", stats.suppressed)?;
    writeln!(
        out,
        "Detected     {}",
        mean(stats.time_to_detect, "after the event")
    )?;
    writeln!(
        out,
        "Acknowledged {}",
        mean(stats.time_to_acknowledge, "after detection")
    )?;
    if let Some(oldest) = &stats.oldest_open {
        let time = oldest.time.strftime("%Y-%m-%d %H:%M");
        writeln!(
            out,
            "Oldest open  {} of {time}, {}",
            oldest.id,
            inert(&oldest.rule.name)
        )?;
    }
    let severities = Severity::ALL.iter().rev().map(|s| s.as_str().to_owned());
    ordered(out, "SEVERITY", &stats.by_severity, severities.collect())?;
    let statuses = [
        Status::Open,
        Status::Acknowledged,
        Status::Snoozed,
        Status::Resolved,
        Status::FalsePositive,
    ];
    ordered(
        out,
        "STATUS",
        &stats.by_status,
        statuses.map(|s| s.to_string()).to_vec(),
    )?;
    top(out, "ACCOUNT", &stats.by_account)?;
    top(out, "RULE", &stats.by_rule)?;
    top(out, "SERVICE", &stats.by_service)?;
    top(out, "REGION", &stats.by_region)?;
    series::write(out, stats)
}

fn mean(mean: Mean, what: &str) -> String {
    let Some(seconds) = mean.seconds else {
        return "-".to_owned();
    };
    let (value, unit) = match seconds {
        s if s < 120.0 => (s, "s"),
        s if s < 7_200.0 => (s / 60.0, "min"),
        s if s < 172_800.0 => (s / 3_600.0, "h"),
        s => (s / 86_400.0, "d"),
    };
    format!("{value:.1} {unit} {what}, mean of {}", mean.of)
}

fn ordered(
    out: &mut dyn Write,
    title: &str,
    counts: &BTreeMap<String, u64>,
    order: Vec<String>,
) -> io::Result<()> {
    let lines = order.into_iter().filter_map(|name| {
        let count = *counts.get(&name)?;
        Some((name, count))
    });
    table(out, title, lines.collect(), 0)
}

/// Most first.
fn top(out: &mut dyn Write, title: &str, counts: &BTreeMap<String, u64>) -> io::Result<()> {
    let mut lines: Vec<_> = counts
        .iter()
        .map(|(name, count)| (name.clone(), *count))
        .collect();
    lines.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
    let more = lines.len().saturating_sub(TOP);
    lines.truncate(TOP);
    table(out, title, lines, more)
}

fn table(
    out: &mut dyn Write,
    title: &str,
    lines: Vec<(String, u64)>,
    more: usize,
) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:>9}  {title}", "FINDINGS")?;
    for (name, count) in lines {
        let name = if name.is_empty() { "-" } else { &name };
        writeln!(out, "{count:>9}  {}", inert(name))?;
    }
    if more > 0 {
        writeln!(out, "{:>9}  {more} more; --format json has all", "")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stats(series: &serde_json::Value) -> Stats {
        serde_json::from_value(json!({
            "from": "2026-05-01", "to": "2026-05-03", "findings": 15, "suppressed": 2,
            "by_severity": { "low": 12, "critical": 3 },
            "by_status": { "open": 10, "resolved": 5 },
            "by_account": { "111122223333": 15 },
            "by_rule": (0..12).map(|n| (format!("rule_{n:02}\u{1b}[31m"), 1 + n / 11)).collect::<BTreeMap<_, _>>(),
            "by_service": { "": 1, "s3": 14 },
            "by_region": { "eu-west-1": 15 },
            "time_to_detect": { "seconds": 41.5, "of": 15 },
            "time_to_acknowledge": { "of": 0 },
            "by": "day", "series": series,
        }))
        .unwrap()
    }

    #[test]
    fn numbers_are_shown_for_people() {
        let point =
            |at: &str, findings: u64| json!({ "at": at, "findings": findings, "by_severity": {} });
        let series = json!([
            point("2026-05-01T00:00:00Z", 12),
            point("2026-05-02T00:00:00Z", 0),
            point("2026-05-03T00:00:00Z", 3),
        ]);
        let mut out = Vec::new();
        write(&mut out, &stats(&series)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn times_are_in_units_that_people_use() {
        let cases = [
            (None, "-"),
            (Some(0.0), "0.0 s x, mean of 2"),
            (Some(119.0), "119.0 s x, mean of 2"),
            (Some(600.0), "10.0 min x, mean of 2"),
            (Some(9_000.0), "2.5 h x, mean of 2"),
            (Some(259_200.0), "3.0 d x, mean of 2"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(mean(Mean { seconds, of: 2 }, "x"), expected);
        }
    }
}

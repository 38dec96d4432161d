//! `dial rules backtest`: what a rule would have raised on past trails, before it is enabled.

use super::{Format, explain};
use crate::exit::Outcome;
use crate::json;
use crate::judging::Judging;
use crate::scan::Visit;
use crate::terminal::{BOLD, DIM, count, inert, paint};
use anyhow::Result;
use clap::Args;
use dial_core::Finding;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// Rows that people are shown of each table.
const MAX_ROWS: usize = 10;
/// Examples that are kept.
const MAX_EXAMPLES: usize = 5;
/// Values of one table that are told apart; the rest is counted together.
const MAX_GROUPS: usize = 10_000;
/// What values beyond [`MAX_GROUPS`] are counted as.
const REST: &str = "(others)";

/// Help below the arguments of `rules backtest`.
pub(super) const EXAMPLES: &str = "\
Examples:
  dial rules backtest ./my-rules/s3/bucket_opened.yml ./AWSLogs
  dial rules backtest iam_user_created s3://my-trail/AWSLogs --since 30d
  dial rules backtest iam_user_created events.jsonl --format json | jq .per_day

Exit codes: 0 nothing found, 3 findings, 1 something could not be read.";

/// Arguments of `rules backtest`.
#[derive(Debug, Args)]
pub(crate) struct Backtest {
    /// Name or id of a rule, or a rule file
    rule: String,
    #[command(flatten)]
    visit: Visit,
    #[command(flatten)]
    judging: Judging,
    /// For people, or as JSON
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What would have been raised.
#[derive(Debug, Default, Serialize)]
struct Report {
    rules: Vec<String>,
    /// Records read.
    events: u64,
    findings: u64,
    /// Of these, what a suppression would keep silent.
    suppressed: u64,
    /// Findings per 1,000 records.
    per_1000_events: f64,
    /// Days with events of the rule, first to last.
    days: u64,
    /// Findings per day, over these days.
    would_be_a_day: f64,
    per_day: BTreeMap<String, u64>,
    per_account: BTreeMap<String, u64>,
    per_principal: BTreeMap<String, u64>,
    per_resource: BTreeMap<String, u64>,
    examples: Vec<Example>,
}

/// One finding, short.
#[derive(Debug, Serialize)]
struct Example {
    time: String,
    event_id: String,
    severity: String,
    title: String,
    principal: String,
    resource: String,
}

/// Runs `dial rules backtest`.
pub(super) fn run(args: &Backtest) -> Result<Outcome> {
    let (pipeline, rules) = explain::chosen(&args.judging, &args.rule)?;
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    let mut report = Report {
        rules: rules.iter().map(|rule| rule.name.clone()).collect(),
        ..Report::default()
    };
    let visited = args.visit.run(&pipeline, |finding| {
        if ids.contains(finding.rule.id.as_str()) {
            report.add(&finding);
        }
    })?;
    report.close(visited.records);
    let mut out = anstream::stdout().lock();
    if args.format == Format::Json {
        json::write_pretty(&mut out, &report)?;
    } else {
        report.print(&mut out)?;
    }
    Ok(Outcome::of(visited.problems > 0, report.findings > 0))
}

impl Report {
    fn add(&mut self, finding: &Finding) {
        self.findings += 1;
        self.suppressed += u64::from(finding.suppressed.is_some());
        let time = finding.time.to_string();
        let principal = finding.principal.arn.clone();
        let principal = principal.or_else(|| finding.principal.name.clone());
        let principal = principal.unwrap_or_else(|| "(none)".to_owned());
        let resource = finding.resources.first();
        let resource = resource.map(|one| one.arn.clone().unwrap_or_else(|| one.name.clone()));
        let resource = resource.unwrap_or_else(|| "(none)".to_owned());
        let day = time.get(..10).unwrap_or(&time).to_owned();
        add_to(&mut self.per_day, day);
        add_to(&mut self.per_account, finding.account.id.clone());
        add_to(&mut self.per_principal, principal.clone());
        add_to(&mut self.per_resource, resource.clone());
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(Example {
                time,
                event_id: finding.event.id.clone(),
                severity: finding.severity.to_string(),
                title: finding.title.clone(),
                principal,
                resource,
            });
        }
    }

    /// Rates, once all is counted.
    #[expect(
        clippy::cast_precision_loss,
        reason = "rates are shown with two digits"
    )]
    fn close(&mut self, events: u64) {
        self.events = events;
        let first = self.per_day.keys().next();
        let last = self.per_day.keys().next_back();
        self.days = first.zip(last).map_or(0, |(first, last)| span(first, last));
        let findings = self.findings as f64;
        self.per_1000_events = findings * 1_000.0 / (events.max(1) as f64);
        self.would_be_a_day = findings / (self.days.max(1) as f64);
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let rules = self.rules.join(", ");
        let found = count(self.findings, "finding");
        let events = count(self.events, "event");
        writeln!(out, "{}: {found} in {events}", paint(BOLD, inert(&rules)))?;
        if self.findings == 0 {
            return Ok(());
        }
        writeln!(
            out,
            "{:.2} per 1,000 events; would be {:.1} a day over {}",
            self.per_1000_events,
            self.would_be_a_day,
            count(self.days, "day")
        )?;
        if self.suppressed > 0 {
            writeln!(out, "{} of them suppressed", self.suppressed)?;
        }
        table(out, "per day", &self.per_day, false)?;
        table(out, "per account", &self.per_account, true)?;
        table(out, "per principal", &self.per_principal, true)?;
        table(out, "per resource", &self.per_resource, true)?;
        writeln!(out, "\n{}", paint(BOLD, "examples"))?;
        for example in &self.examples {
            let Example {
                time,
                event_id,
                severity,
                title,
                principal,
                resource,
            } = example;
            let line = format!("{time} {severity} {title}: {principal} on {resource}");
            writeln!(out, "  {} {}", inert(&line), paint(DIM, inert(event_id)))?;
        }
        Ok(())
    }
}

fn add_to(groups: &mut BTreeMap<String, u64>, key: String) {
    let known = groups.len() < MAX_GROUPS || groups.contains_key(&key);
    let key = if known { key } else { REST.to_owned() };
    *groups.entry(key).or_default() += 1;
}

/// Days from the first to the last, both counted.
fn span(first: &str, last: &str) -> u64 {
    let date = |text: &str| text.parse::<jiff::civil::Date>().ok();
    let days = date(first).zip(date(last)).map(|(first, last)| {
        let days = last.duration_since(first).as_hours() / 24 + 1;
        u64::try_from(days).unwrap_or(1)
    });
    days.unwrap_or(1)
}

fn table(
    out: &mut dyn Write,
    title: &str,
    groups: &BTreeMap<String, u64>,
    by_count: bool,
) -> io::Result<()> {
    writeln!(out, "\n{}", paint(BOLD, title))?;
    let mut rows: Vec<(&String, &u64)> = groups.iter().collect();
    if by_count {
        rows.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    }
    let more = rows.len().saturating_sub(MAX_ROWS);
    // Of days, the latest say most.
    let skipped = if by_count { 0 } else { more };
    for (key, found) in rows.into_iter().skip(skipped).take(MAX_ROWS) {
        writeln!(out, "  {found:>6}  {}", inert(key))?;
    }
    if more > 0 {
        writeln!(
            out,
            "  {}",
            paint(DIM, format!("and {more} more; --format json has all"))
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_with_both_ends() {
        let cases = [
            ("2026-05-04", "2026-05-04", 1),
            ("2026-02-28", "2026-03-01", 2),
            ("2025-12-31", "2026-12-31", 366),
            ("no day", "2026-05-04", 1),
        ];
        for (first, last, days) in cases {
            assert_eq!(span(first, last), days, "{first} {last}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut groups = BTreeMap::new();
        for number in 0..MAX_GROUPS + 5 {
            add_to(&mut groups, number.to_string());
        }
        assert_eq!((groups.len(), groups[REST]), (MAX_GROUPS + 1, 5));
    }
}

//! What is said of a canary in the end.

use super::follow::Flight;
use crate::json;
use crate::terminal::{BAD, DIM, GOOD, inert, paint};
use anyhow::Result;
use dial_core::FindingId;
use dial_core::store::{Delivery, DeliveryState};
use jiff::Timestamp;
use serde::Serialize;
use std::io::Write;

/// What a call in the cloud proves.
const ALL: &str = "CloudTrail, EventBridge, worker, key, master, store, sinks";
/// What sending from here proves, and what it does not.
const HALF: &str = "the rules on this machine, key, master, store, sinks";
const NOT: &str = "CloudTrail, EventBridge, the deployed worker (use --call)";

/// A canary from its start to the last sink.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Its name, which the alert shows.
    name: String,
    /// Whether all came as it should.
    pub(super) good: bool,
    /// What was proven if it came.
    covers: &'static str,
    /// What was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaves_out: Option<&'static str>,
    started_at: Timestamp,
    /// The finding; absent where none came.
    finding: Option<FindingId>,
    /// Seconds until the master had stored it.
    stored_seconds: Option<f64>,
    sinks: Vec<Line>,
    /// Seconds until the last sink was told.
    told_seconds: Option<f64>,
    /// Whether it was resolved; absent where that was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved: Option<bool>,
    /// What to look at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

/// One sink.
#[derive(Debug, Serialize)]
struct Line {
    sink: String,
    state: DeliveryState,
    /// Seconds until it was told.
    seconds: Option<f64>,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Report {
    pub(super) fn of(
        name: &str,
        call: bool,
        started: Timestamp,
        flight: &Flight,
        resolved: Option<Result<(), String>>,
    ) -> Self {
        let since = |at: Timestamp| at.duration_since(started).as_secs_f64().max(0.0);
        let sinks: Vec<Line> = flight.rows.iter().map(|row| line(row, &since)).collect();
        let mut problems = problems(flight, &sinks, call);
        if let Some(Err(error)) = &resolved {
            problems.push(format!("not resolved: {error}"));
        }
        let told = sinks.iter().filter_map(|line| line.seconds);
        Self {
            name: name.to_owned(),
            good: problems.is_empty(),
            covers: if call { ALL } else { HALF },
            leaves_out: (!call).then_some(NOT),
            started_at: started,
            finding: flight
                .finding
                .clone()
                .filter(|_| flight.received_at.is_some()),
            stored_seconds: flight.received_at.map(since),
            told_seconds: told.reduce(f64::max),
            resolved: resolved.map(|it| it.is_ok()),
            sinks,
            problems,
        }
    }
}

fn line(row: &Delivery, since: &impl Fn(Timestamp) -> f64) -> Line {
    let told = row.state == DeliveryState::Sent;
    let why = row.suppressed_by.as_ref().or(row.last_error.as_ref());
    Line {
        sink: row.sink.clone(),
        state: row.state,
        seconds: row.sent_at.filter(|_| told).map(since),
        why: why.filter(|_| !told).cloned(),
    }
}

fn problems(flight: &Flight, sinks: &[Line], call: bool) -> Vec<String> {
    if flight.received_at.is_none() {
        let why = if call {
            "the finding did not come in time: `dial doctor --worker` says what is missing on the way; \
             CloudTrail may take minutes, and a caller listed as a deployer raises nothing"
        } else {
            "the master took the finding and does not show it: is --url the master that --send is?"
        };
        return vec![why.to_owned()];
    }
    let bad = sinks.iter().filter_map(|line| match line.state {
        DeliveryState::Sent | DeliveryState::Suppressed => None,
        DeliveryState::Failed => Some(format!("sink {} refused it: {}", line.sink, reason(line))),
        DeliveryState::Pending | DeliveryState::Sending => Some(format!(
            "sink {} was not told in time: {}",
            line.sink,
            reason(line)
        )),
    });
    bad.collect()
}

fn reason(line: &Line) -> &str {
    line.why
        .as_deref()
        .unwrap_or("`dial deliveries list --state pending` shows it")
}

/// Prints it for people, or as JSON.
pub(super) fn print(report: &Report, as_json: bool) -> Result<()> {
    let mut out = anstream::stdout().lock();
    if as_json {
        json::write_pretty(&mut out, report)?;
        return Ok(());
    }
    writeln!(out, "{}", report.name)?;
    let id = report.finding.as_ref().map_or("", FindingId::as_str);
    writeln!(
        out,
        "  {:<24} {:>8}  {id}",
        "stored",
        seconds(report.stored_seconds)
    )?;
    for line in &report.sinks {
        let state = match line.state {
            DeliveryState::Sent => paint(GOOD, "sent"),
            DeliveryState::Suppressed => paint(DIM, "not told"),
            DeliveryState::Failed => paint(BAD, "failed"),
            DeliveryState::Pending | DeliveryState::Sending => paint(BAD, "waits"),
        };
        let why = line
            .why
            .as_deref()
            .map_or(String::new(), |why| format!(": {}", inert(why)));
        writeln!(
            out,
            "  {:<24} {:>8}  {state}{why}",
            inert(&line.sink),
            seconds(line.seconds)
        )?;
    }
    if report.stored_seconds.is_some() && report.sinks.is_empty() {
        writeln!(
            out,
            "  {}",
            paint(DIM, "the master has no sinks: nobody is told")
        )?;
    }
    writeln!(out, "{}", paint(DIM, format!("covers {}", report.covers)))?;
    if let Some(left) = report.leaves_out {
        writeln!(out, "{}", paint(DIM, format!("leaves out {left}")))?;
    }
    drop(out);
    for problem in &report.problems {
        crate::exit::problem(problem);
    }
    Ok(())
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.2} s"))
}

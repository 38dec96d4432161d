//! `dial scan`: judges trail files with the worker's own pipeline.

mod pool;
mod report;
pub(crate) mod send;
mod sources;

use crate::exit::{self, Outcome};
use crate::findings::Format;
use crate::signing::Signing;
use crate::{findings, judging};
use anyhow::Result;
use clap::Args;
use dial_aws::Clients;
use dial_core::Severity;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use pool::{Part, Scan};
use report::Report;
use send::Outgoing;
use sources::Sources;
use std::io::IsTerminal;
use std::num::NonZeroUsize;

/// Fewer bytes are scanned before a bar could be read.
const QUICK: u64 = 16 * 1024 * 1024;

/// Help below the arguments of `scan`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  dial scan ./AWSLogs                                  a folder of trail files
  dial scan events.jsonl --min-severity high
  dial scan s3://my-trail/AWSLogs/111122223333/CloudTrail/eu-central-1/
  aws cloudtrail lookup-events |
    jq -c '.Events[].CloudTrailEvent | fromjson' | dial scan -
  dial scan ./AWSLogs --format csv > findings.csv
  dial scan ./AWSLogs --send https://dial.example.com --root-key-file root.key

Reads .json, .jsonl and their .gz, as CloudTrail, EventBridge or exports wrote
them. Exit codes: 0 clean, 3 findings, 1 something could not be read, judged or
sent, 2 wrong usage.";

/// Arguments of `scan`.
#[derive(Debug, Args)]
pub(crate) struct Scanning {
    /// Files, folders, `s3://bucket/prefix`, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Rows for people, one JSON object a line, or CSV that is safe in a spreadsheet
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Leave out findings below this severity
    #[arg(long, value_name = "SEVERITY", value_parser = findings::severity)]
    min_severity: Option<Severity>,
    /// Threads [default: one per processor]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    judging: judging::Judging,
    #[command(flatten)]
    signing: Signing,
}

/// Runs `dial scan`.
pub(crate) fn run(args: &Scanning) -> Result<Outcome> {
    let pipeline = args.judging.pipeline()?;
    let runtime = crate::runtime()?;
    let outgoing = args.signing.sender()?.map(|sender| {
        let worker = pipeline.worker().clone();
        Outgoing::new(sender, worker, runtime.handle().clone())
    });
    let sources = Sources::find(&args.paths, &Clients::new(), runtime.handle());
    let bar = progress(sources.bytes);
    let mut out = anstream::stdout().lock();
    let mut taker = Taker {
        report: Report::new(args.format, &mut out, bar.clone())?,
        outgoing,
        least: args.min_severity.unwrap_or(Severity::Informational),
    };
    for (path, problem) in &sources.problems {
        taker.report.problem(path, problem);
    }
    let scan = Scan {
        pipeline: &pipeline,
        runtime: runtime.handle(),
        now: Timestamp::now(),
        progress: &|bytes| bar.inc(bytes),
    };
    let threads = args
        .threads
        .or_else(|| std::thread::available_parallelism().ok());
    let threads = threads.map_or(1, NonZeroUsize::get);
    let scanned = pool::run(&scan, &sources.list, threads, |source, part| {
        taker.take(&source.name(), part)
    });
    bar.finish_and_clear();
    taker.finish(scanned.map_err(Into::into), sources.skipped)
}

/// Takes what the scan hands on: prints it, sends it, counts it.
struct Taker<'o> {
    report: Report<'o>,
    outgoing: Option<Outgoing>,
    least: Severity,
}

impl Taker<'_> {
    fn take(&mut self, source: &str, part: Part) -> std::io::Result<()> {
        match part {
            Part::Finding(finding) if finding.severity < self.least => {}
            Part::Finding(finding) => {
                self.report.finding(&finding)?;
                self.send(|outgoing| outgoing.add(*finding));
            }
            Part::Problem(what) => self.report.problem(source, &what),
            Part::Done(counts) => self.report.done(source, counts),
        }
        Ok(())
    }

    fn send(&mut self, act: impl FnOnce(&mut Outgoing)) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        act(outgoing);
        for problem in outgoing.take_problems() {
            self.report.problem("--send", &problem);
        }
    }

    /// A reader that went away ends the scan without a word, but not without its exit code.
    fn finish(mut self, scanned: Result<()>, skipped: u64) -> Result<Outcome> {
        self.send(Outgoing::flush);
        let outcome = Outcome::of(self.report.has_problems(), self.report.has_findings());
        match scanned.and_then(|()| Ok(self.report.flush()?)) {
            Err(error) if exit::is_broken_pipe(&error) => return Ok(outcome),
            other => other?,
        }
        anstream::eprintln!("{}", self.report.summary(skipped));
        if let Some(outgoing) = &self.outgoing {
            anstream::eprintln!("{}", outgoing.summary());
        }
        Ok(outcome)
    }
}

/// A bar on standard error, where that is a terminal.
fn progress(bytes: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() || bytes.is_some_and(|bytes| bytes < QUICK) {
        return ProgressBar::hidden();
    }
    let (bar, template) = match bytes {
        Some(bytes) => (
            ProgressBar::new(bytes),
            "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        ),
        None => (
            ProgressBar::no_length(),
            "{spinner} {bytes} {bytes_per_sec}",
        ),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.with_style(ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar()))
}

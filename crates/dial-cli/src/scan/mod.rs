//! `dial scan`: judges trail files with the worker's own pipeline.

mod checkpoint;
mod cut;
mod events;
mod fetch;
mod filter;
mod layout;
mod objects;
mod one;
mod parts;
mod pool;
mod progress;
mod queue;
mod report;
pub(crate) mod send;
mod sources;
mod taker;
mod visit;

pub(crate) use visit::Visit;

pub(crate) use events::each_event;

use crate::exit::Outcome;
use crate::findings;
use crate::judging;
use crate::signing::Signing;
use anyhow::Result;
use checkpoint::{Checkpoint, Finished};
use clap::{Args, ValueEnum};
use dial_aws::Clients;
use dial_core::Severity;
use filter::{Filter, Filtering};
use jiff::Timestamp;
use one::Scan;
use parts::Part;
use progress::Progress;
use report::{Report, Shown};
use send::Outgoing;
use sources::Search;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use taker::Taker;

/// Help below the arguments of `scan`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  dial scan ./AWSLogs                                  a folder of trail files
  dial scan events.jsonl --min-severity high
  dial scan s3://my-trail/AWSLogs/111122223333/CloudTrail/eu-central-1/
  dial scan s3://my-trail --account 111122223333 --since 2026-05-01 --until 2026-06-01
  dial scan s3://my-trail --since 365d --checkpoint year.jsonl >> findings.txt
  aws cloudtrail lookup-events |
    jq -c '.Events[].CloudTrailEvent | fromjson' | dial scan -
  dial scan ./AWSLogs --format csv > findings.csv
  dial scan ./AWSLogs --send https://dial.example.com --root-key-file root.key

Reads .json, .jsonl and their .gz, as CloudTrail, EventBridge or exports wrote
them. What CloudTrail files by account, region and day is neither listed nor
read where the options leave it out. Exit codes: 0 clean, 3 findings,
1 something could not be read, judged or sent, 2 wrong usage.";

/// Arguments of `scan`.
#[derive(Debug, Args)]
pub(crate) struct Scanning {
    /// Files, folders, `s3://bucket/prefix`, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Rows for people, one JSON object a line, CSV that is safe in a spreadsheet, or OCSF 1.8
    /// Detection Findings, one a line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Leave out findings below this severity
    #[arg(long, value_name = "SEVERITY", value_parser = findings::severity)]
    min_severity: Option<Severity>,
    /// List what a suppression keeps silent, instead of what is told
    #[arg(long)]
    suppressed: bool,
    /// Threads [default: one per processor]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Note in this file what is done with; with the same file a scan that was stopped goes on,
    /// and a later one reads only what is new
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    judging: judging::Judging,
    #[command(flatten)]
    filtering: Filtering,
    #[command(flatten)]
    signing: Signing,
}

/// How findings of a scan are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Jsonl,
    Csv,
    Ocsf,
}

/// Runs `dial scan`.
pub(crate) fn run(args: &Scanning) -> Result<Outcome> {
    let now = Timestamp::now();
    let filter = args.filtering.filter(now)?;
    let (pipeline, rules) = args.judging.with_hash()?;
    let (checkpoint, finished) = args.checkpoint(&filter, &rules)?;
    let runtime = crate::runtime()?;
    let outgoing = args.signing.sender()?.map(|sender| {
        let worker = pipeline.worker().clone();
        Outgoing::new(sender, worker, runtime.handle().clone())
    });
    let progress = Progress::start();
    let mut out: Box<dyn Write> = match args.format {
        // JSON has no colours to take out, and is inert as it is written.
        Format::Jsonl | Format::Ocsf => Box::new(io::stdout().lock()),
        Format::Table | Format::Csv => Box::new(anstream::stdout().lock()),
    };
    let report = Report::new(args.shown(), &mut out, progress.bar.clone())?;
    let mut taker = Taker::new(report, outgoing, checkpoint, args.min_severity);
    let scan = Scan {
        pipeline: &pipeline,
        runtime: runtime.handle(),
        filter: &filter,
        now,
        expected: &|bytes| progress.expect(bytes),
        progress: &|bytes| progress.bar.inc(bytes),
        is_finished: &|source| finished.holds(source),
    };
    let search = Search {
        paths: &args.paths,
        filter: &filter,
        clients: &Clients::new(),
        runtime: runtime.handle(),
    };
    let scanned = pool::run(&scan, &search, args.threads(), |from, part| {
        if let Part::Done(counts) = &part {
            progress.events(counts.records);
        }
        taker.take(from, part)
    });
    progress.bar.finish_and_clear();
    taker.finish(scanned)
}

impl Scanning {
    fn shown(&self) -> Shown {
        Shown {
            format: self.format,
            suppressed: self.suppressed,
        }
    }

    fn threads(&self) -> usize {
        let available = || std::thread::available_parallelism().ok();
        let threads = self.threads.or_else(available);
        threads.map_or(1, NonZeroUsize::get)
    }

    /// The earlier scan must have asked the same of the same rules.
    fn checkpoint(&self, filter: &Filter, rules: &str) -> Result<(Option<Checkpoint>, Finished)> {
        let Some(path) = &self.checkpoint else {
            return Ok((None, Finished::default()));
        };
        let least = self.min_severity.unwrap_or(Severity::Informational);
        let master = self.signing.send.as_ref().map(ToString::to_string);
        let asked = format!(
            "{} min-severity={least} suppressed={} send={}",
            self.filtering.asked(filter),
            self.suppressed,
            master.unwrap_or_default(),
        );
        let (checkpoint, finished) = Checkpoint::open(path, rules, &asked)?;
        Ok((Some(checkpoint), finished))
    }
}

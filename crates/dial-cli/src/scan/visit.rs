//! Scans for a command that wants the findings themselves, rather than a report of them.

use super::filter::Filtering;
use super::one::Scan;
use super::parts::{From, Part};
use super::pool;
use super::progress::Progress;
use super::sources::Search;
use anyhow::Result;
use clap::Args;
use dial_aws::Clients;
use dial_core::Finding;
use dial_detect::Pipeline;
use jiff::Timestamp;

/// What is read, and what of it.
#[derive(Debug, Args)]
pub(crate) struct Visit {
    /// Files, folders, `s3://bucket/prefix`, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    #[command(flatten)]
    filtering: Filtering,
}

/// What was gone through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Visited {
    /// Records read.
    pub(crate) records: u64,
    /// What could not be read or judged.
    pub(crate) problems: u64,
}

impl Visit {
    /// Judges all there is; every finding is handed on, every problem named on standard error.
    pub(crate) fn run(
        &self,
        pipeline: &Pipeline,
        mut each: impl FnMut(Finding),
    ) -> Result<Visited> {
        let now = Timestamp::now();
        let filter = self.filtering.filter(now)?;
        let runtime = crate::runtime()?;
        let progress = Progress::start();
        let scan = Scan {
            pipeline,
            runtime: runtime.handle(),
            filter: &filter,
            now,
            expected: &|bytes| progress.expect(bytes),
            progress: &|bytes| progress.bar.inc(bytes),
            is_finished: &|_| false,
        };
        let search = Search {
            paths: &self.paths,
            filter: &filter,
            clients: &Clients::new(),
            runtime: runtime.handle(),
        };
        let mut visited = Visited::default();
        let threads = std::thread::available_parallelism();
        let threads = threads.map_or(1, std::num::NonZeroUsize::get);
        pool::run(&scan, &search, threads, |from, part| {
            match part {
                Part::Finding(finding) => each(*finding),
                Part::Problem(what) => {
                    visited.problems += 1;
                    let place = match from {
                        From::Source(source) => source.name(),
                        From::Place(place) => (*place).to_owned(),
                    };
                    progress
                        .bar
                        .suspend(|| crate::exit::problem(&format!("{place}: {what}")));
                }
                Part::Done(counts) => {
                    visited.records += counts.records;
                    progress.events(counts.records);
                }
                Part::Gap(_) | Part::Skipped(_) | Part::Finished => {}
            }
            Ok::<(), anyhow::Error>(())
        })?;
        progress.bar.finish_and_clear();
        Ok(visited)
    }
}

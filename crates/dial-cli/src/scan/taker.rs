//! Takes what a scan hands on: prints it, sends it, counts it, and notes what is done with.

use super::checkpoint::Checkpoint;
use super::parts::{From, Part};
use super::report::Report;
use super::send::Outgoing;
use crate::exit::{self, Outcome};
use anyhow::Result;
use dial_core::Severity;

/// Sources that may wait for their note until a batch of findings is full.
const WAITING: usize = 1_000;

/// Where all parts of a scan end up.
pub(super) struct Taker<'o> {
    report: Report<'o>,
    outgoing: Option<Outgoing>,
    checkpoint: Option<Checkpoint>,
    least: Severity,
    /// Read to the end without a problem, but not noted yet.
    done: Vec<(String, String)>,
    /// Whether the source that is being taken had a problem.
    is_faulty: bool,
}

impl<'o> Taker<'o> {
    pub(super) fn new(
        report: Report<'o>,
        outgoing: Option<Outgoing>,
        checkpoint: Option<Checkpoint>,
        least: Option<Severity>,
    ) -> Self {
        Self {
            report,
            outgoing,
            checkpoint,
            least: least.unwrap_or(Severity::Informational),
            done: Vec::new(),
            is_faulty: false,
        }
    }

    pub(super) fn take(&mut self, from: &From<'_>, part: Part) -> Result<()> {
        let name = || match from {
            From::Source(source) => source.name(),
            From::Place(place) => (*place).to_owned(),
        };
        match part {
            Part::Finding(finding) if finding.severity < self.least => {}
            Part::Finding(finding) => {
                self.report.finding(&finding)?;
                self.send(|outgoing| outgoing.add(*finding));
            }
            Part::Problem(what) => {
                self.is_faulty = true;
                self.report.problem(&name(), &what);
                if matches!(from, From::Place(_)) {
                    self.is_faulty = false;
                    self.report.close(&name());
                }
            }
            Part::Gap(what) => self.report.gap(&name(), &what),
            Part::Skipped(what) => self.report.skipped(what),
            Part::Finished => self.report.finished(),
            Part::Done(counts) => {
                self.report.done(&name(), counts);
                self.note(from)?;
            }
        }
        Ok(())
    }

    /// A source that had a problem is read again by the next scan.
    fn note(&mut self, from: &From<'_>) -> Result<()> {
        let is_faulty = std::mem::take(&mut self.is_faulty);
        let From::Source(source) = from else {
            return Ok(());
        };
        if self.checkpoint.is_none() || is_faulty {
            return Ok(());
        }
        self.done.extend(source.identity());
        if self.done.len() >= WAITING {
            self.send(Outgoing::flush);
        }
        self.write_notes()
    }

    /// Only what has left this process counts as done.
    fn write_notes(&mut self) -> Result<()> {
        let waits = self.outgoing.as_ref().is_some_and(|o| !o.is_empty());
        let Some(checkpoint) = self.checkpoint.as_mut().filter(|_| !waits) else {
            return Ok(());
        };
        self.report.flush()?;
        checkpoint.add(&std::mem::take(&mut self.done))
    }

    fn send(&mut self, act: impl FnOnce(&mut Outgoing)) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        act(outgoing);
        let problems = outgoing.take_problems();
        if !problems.is_empty() {
            // Which source they were of is not known here; all are read again.
            self.done.clear();
            self.is_faulty = true;
        }
        for problem in problems {
            self.report.problem("--send", &problem);
        }
    }

    /// A reader that went away ends the scan without a word, but not without its exit code.
    pub(super) fn finish(mut self, scanned: Result<()>) -> Result<Outcome> {
        self.send(Outgoing::flush);
        let outcome = Outcome::of(self.report.has_problems(), self.report.has_findings());
        let ended = scanned.and_then(|()| self.write_notes());
        match ended.and_then(|()| Ok(self.report.flush()?)) {
            Err(error) if exit::is_broken_pipe(&error) => return Ok(outcome),
            other => other?,
        }
        anstream::eprintln!("{}", self.report.summary());
        if let Some(outgoing) = &self.outgoing {
            anstream::eprintln!("{}", outgoing.summary());
        }
        Ok(outcome)
    }
}

//! Sends what a scan found, in batches as they fill, so that memory stays bounded.

use dial_core::Finding;
use dial_core::wire::{MAX_FINDINGS, WorkerInfo};
use dial_worker::send::Sender;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;

/// Longest time for one batch with its retries.
const DEADLINE: Duration = Duration::from_mins(1);

/// Collects findings and sends them a hundred at a time.
pub(crate) struct Outgoing {
    sender: Sender,
    worker: WorkerInfo,
    runtime: Handle,
    waiting: Vec<Finding>,
    accepted: u64,
    duplicates: u64,
    problems: Vec<String>,
}

impl Outgoing {
    /// Nothing is sent before a batch is full or [`Outgoing::flush`] is called.
    pub(crate) fn new(sender: Sender, worker: WorkerInfo, runtime: Handle) -> Self {
        Self {
            sender,
            worker,
            runtime,
            waiting: Vec::new(),
            accepted: 0,
            duplicates: 0,
            problems: Vec::new(),
        }
    }

    /// Adds a finding; sends when enough of them wait.
    pub(crate) fn add(&mut self, finding: Finding) {
        self.waiting.push(finding);
        if self.waiting.len() >= MAX_FINDINGS {
            self.flush();
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sends what waits.
    pub(crate) fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let findings = std::mem::take(&mut self.waiting);
        let deadline = Instant::now() + DEADLINE;
        let sending = self.sender.send(&self.worker, &findings, deadline);
        let report = self.runtime.block_on(sending);
        self.accepted += u64::from(report.accepted);
        self.duplicates += u64::from(report.duplicates);
        for rejected in report.rejected {
            let id = rejected.id.map(|id| id.to_string()).unwrap_or_default();
            self.problems
                .push(format!("master rejected finding {id}: {}", rejected.reason));
        }
        for failed in report.failed {
            let number = crate::terminal::count(failed.members.len() as u64, "finding");
            self.problems
                .push(format!("{number} not sent: {}", failed.error));
        }
    }

    /// Problems since the last call.
    pub(crate) fn take_problems(&mut self) -> Vec<String> {
        std::mem::take(&mut self.problems)
    }

    /// One line about what was sent.
    pub(crate) fn summary(&self) -> String {
        format!(
            "sent: {} accepted, {} known already",
            self.accepted, self.duplicates
        )
    }
}

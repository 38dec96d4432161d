//! Tells the master, once a process, of rules that the deployed event patterns do not feed.

use crate::worker::Worker;
use dial_core::Finding;
use dial_detect::Pipeline;
use dial_detect::patterns::{PatternSet, drift};
use jiff::Timestamp;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;
use tracing::{info, warn};

/// What there is to tell, and whether the master knows it.
#[derive(Debug, Default)]
pub struct DriftReport {
    findings: Vec<Finding>,
    is_told: AtomicBool,
}

impl DriftReport {
    /// Compares the patterns that are deployed with the rules that are loaded, and logs both.
    ///
    /// Rules that lack events stay loaded: what does arrive, by a trail file or by chance, is
    /// still judged.
    pub fn of(pipeline: &Pipeline, deployed: &PatternSet, now: Timestamp) -> Self {
        let rules = pipeline.hash();
        let Some(drift) = drift(pipeline, deployed) else {
            info!(
                patterns = deployed.hash,
                rules, "event patterns feed every rule"
            );
            return Self::default();
        };
        warn!(
            patterns = drift.deployed,
            rules,
            inactive = drift.rules.join(", "),
            "event patterns do not feed every rule: run `dial rules patterns` and deploy the result"
        );
        let judged = pipeline.report_drift(&drift, now);
        for failure in &judged.failures {
            warn!(reason = failure.reason, "drift makes no finding");
        }
        Self {
            findings: judged.findings,
            is_told: AtomicBool::new(false),
        }
    }

    /// Sends what is to be told, until the master has it; never fails an invocation.
    pub(crate) async fn tell(&self, worker: &Worker, deadline: Instant) {
        if self.findings.is_empty() || self.is_told.load(Ordering::Relaxed) {
            return;
        }
        let report = worker
            .sender
            .send(&worker.info, &self.findings, deadline)
            .await;
        match report.failed.first() {
            Some(failed) => {
                let error = &failed.error;
                warn!(%error, "drift not reported; the next event tries again");
            }
            None => self.is_told.store(true, Ordering::Relaxed),
        }
    }
}

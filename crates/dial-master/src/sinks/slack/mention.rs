//! Who a message alerts: a block below its heading, made of the configuration alone.

use super::Alerted;
use crate::message::slack::alerted;
use crate::routing::digest::Digest;
use crate::routing::mention::Mention;
use crate::sinks::Job;
use dial_core::store::Status;
use serde_json::Value;
use std::collections::BTreeSet;

/// As long as nobody looks after the finding; its route speaks before the sink.
pub(super) fn finding(body: &mut Value, table: &Alerted, job: &Job<'_>) {
    let own = || table.get(&job.finding.severity).map(Vec::as_slice);
    let mentions = job.mention.or_else(own).unwrap_or_default();
    if job.stored.triage.status == Status::Open {
        insert(body, mentions.iter().collect());
    }
}

/// Whomever a route of any of its findings names, and whom the sink names for the worst.
pub(super) fn digest(body: &mut Value, table: &Alerted, digest: &Digest) {
    let worst = digest.by_severity.first();
    let own = worst.and_then(|(severity, _)| table.get(severity));
    insert(
        body,
        own.into_iter().flatten().chain(&digest.mentions).collect(),
    );
}

fn insert(body: &mut Value, mentions: BTreeSet<&Mention>) {
    let block = alerted(mentions);
    if let (Some(block), Some(blocks)) = (block, body["blocks"].as_array_mut()) {
        blocks.insert(1.min(blocks.len()), block);
    }
}

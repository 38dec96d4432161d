//! The state of one invocation: what is pending, what failed, and who has to keep it.

use crate::judge::{Judgement, judge, rewrap};
use crate::letters::Note;
use crate::send::{Custody, Failed};
use crate::worker::{Counts, MAX_OBJECT, Worker};
use dial_core::Finding;
use dial_core::dead_letter::Stage;
use dial_core::wire::Batch;
use dial_detect::Pipeline;
use dial_detect::envelope::{EnvelopeError, Input, Item, Malformed, ObjectRef, trail};
use dial_detect::event::{Event, Head};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{error, info};

/// Findings sent together at most; bounds memory while a trail object is read.
const MAX_PENDING: usize = 400;
/// Bytes of records sent together at most.
const MAX_PENDING_BYTES: usize = 12 * 1024 * 1024;
/// Judgements that may wait between the thread that reads an object and the one that sends.
const CHANNEL: usize = 16;

/// A part of the payload that is answered for by itself: a message of a queue, or the whole.
type Unit = usize;

pub(crate) struct Invocation<'w> {
    worker: &'w Worker,
    deadline: Instant,
    counts: Counts,
    pending: Vec<Finding>,
    /// The unit of each pending finding.
    origins: Vec<Unit>,
    pending_bytes: usize,
    /// Units that have to come again, with the first reason.
    failures: BTreeMap<Unit, String>,
}

impl<'w> Invocation<'w> {
    /// Sending ends at `deadline`; what comes after it is for dead letters.
    pub(crate) fn new(worker: &'w Worker, deadline: Instant) -> Self {
        Self {
            worker,
            deadline,
            counts: Counts::default(),
            pending: Vec::new(),
            origins: Vec::new(),
            pending_bytes: 0,
            failures: BTreeMap::new(),
        }
    }

    /// Judges what a unit holds; `bytes` is the unit as it came.
    pub(crate) async fn take(
        &mut self,
        unit: Unit,
        bytes: &[u8],
        content: Result<Input, EnvelopeError>,
    ) {
        match content {
            Ok(Input::Events(items)) => self.events(unit, bytes, items).await,
            Ok(Input::Objects(objects)) => self.objects(unit, bytes, objects).await,
            Ok(Input::Queue(_)) => {
                let note = Note::parse("a queue inside a queue", bytes);
                self.letter(unit, note).await;
            }
            Err(error) => {
                let note = Note::parse(error.to_string(), bytes);
                self.letter(unit, note).await;
            }
        }
    }

    /// Sends what is pending; returns the units that have to come again, with the reason.
    pub(crate) async fn finish(mut self) -> (Counts, BTreeMap<Unit, String>) {
        self.flush().await;
        let Counts {
            suppressed,
            own_use,
            ..
        } = self.counts;
        if suppressed > 0 || own_use > 0 {
            info!(suppressed, own_use, "findings not told");
        }
        (self.counts, self.failures)
    }

    async fn events(&mut self, unit: Unit, bytes: &[u8], items: Vec<Item>) {
        let alone = items.len() == 1;
        for item in items {
            match item {
                Ok(event) => {
                    let original = || {
                        if alone {
                            bytes.to_vec()
                        } else {
                            rewrap(&event)
                        }
                    };
                    let judgement =
                        judge(&self.worker.pipeline, &event, Timestamp::now(), original);
                    self.judged(unit, judgement).await;
                }
                Err(malformed) => self.malformed(unit, malformed).await,
            }
        }
    }

    async fn objects(
        &mut self,
        unit: Unit,
        bytes: &[u8],
        objects: Vec<Result<ObjectRef, Malformed>>,
    ) {
        for object in objects {
            match object {
                Ok(object) if object.may_hold_records() => self.object(unit, bytes, &object).await,
                Ok(object) => info!(
                    bucket = object.bucket,
                    key = object.key,
                    "object passed over"
                ),
                Err(malformed) => self.malformed(unit, malformed).await,
            }
        }
    }

    /// Reads one trail object; its dead letter is the notification, which fetches it again.
    async fn object(&mut self, unit: Unit, bytes: &[u8], object: &ObjectRef) {
        let bucket = self.worker.buckets.named(&object.bucket).await;
        match bucket.get(&object.key, MAX_OBJECT).await {
            Ok(Some(body)) => {
                if let Err(reason) = self.scan(unit, body).await {
                    let reason = format!("s3://{}/{}: {reason}", object.bucket, object.key);
                    self.letter(unit, Note::parse(reason, bytes)).await;
                }
            }
            Ok(None) => {
                let reason = format!("s3://{}/{}: no such object", object.bucket, object.key);
                self.letter(unit, Note::parse(reason, bytes)).await;
            }
            Err(error) => {
                if !error.transient {
                    self.letter(unit, Note::parse(error.to_string(), bytes))
                        .await;
                }
                self.fail(unit, error.to_string());
            }
        }
    }

    /// Judges a trail file on a thread of its own, sending while it reads.
    async fn scan(&mut self, unit: Unit, body: Vec<u8>) -> Result<(), String> {
        let (sender, mut judgements) = mpsc::channel(CHANNEL);
        let pipeline = Arc::clone(&self.worker.pipeline);
        let limits = self.worker.limits.clone();
        let thread = tokio::task::spawn_blocking(move || {
            let want = |head: &Head<'_>| pipeline.may_match(head);
            let each = |item: Item| {
                // Nobody listens once the deadline is over; the unit has failed then.
                let judge = |event| judge_alone(&pipeline, &event);
                let _ = sender.blocking_send(item.map(judge));
            };
            trail::scan(body.as_slice(), &limits, want, each)
        });
        while let Some(judgement) = judgements.recv().await {
            if Instant::now() >= self.deadline {
                self.fail(unit, "no time left to read the object to its end".into());
                break;
            }
            match judgement {
                Ok(judgement) => self.judged(unit, judgement).await,
                Err(malformed) => self.malformed(unit, malformed).await,
            }
        }
        drop(judgements);
        match thread.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("reading the object panicked".into()),
        }
    }

    async fn judged(&mut self, unit: Unit, judgement: Judgement) {
        self.counts.events = self.counts.events.saturating_add(1);
        if let Some(note) = judgement.note {
            self.letter(unit, note).await;
        }
        self.counts.own_use = self.counts.own_use.saturating_add(judgement.own_use);
        for finding in judgement.findings {
            self.counts.findings = self.counts.findings.saturating_add(1);
            let silent = u64::from(finding.suppressed.is_some());
            self.counts.suppressed = self.counts.suppressed.saturating_add(silent);
            let record = finding.record.as_ref().map_or(0, |r| r.as_str().len());
            self.pending_bytes = self.pending_bytes.saturating_add(record);
            self.pending.push(finding);
            self.origins.push(unit);
        }
        if self.pending.len() >= MAX_PENDING || self.pending_bytes >= MAX_PENDING_BYTES {
            self.flush().await;
        }
    }

    async fn malformed(&mut self, unit: Unit, malformed: Malformed) {
        let note = Note::parse(malformed.error.to_string(), malformed.bytes);
        self.letter(unit, note).await;
    }

    async fn flush(&mut self) {
        let mut findings = std::mem::take(&mut self.pending);
        let origins = std::mem::take(&mut self.origins);
        self.pending_bytes = 0;
        if findings.is_empty() {
            return;
        }
        self.worker.annotate(&mut findings, self.deadline).await;
        let report = self
            .worker
            .sender
            .send(&self.worker.info, &findings, self.deadline)
            .await;
        let counts = &mut self.counts;
        counts.accepted = counts.accepted.saturating_add(report.accepted.into());
        counts.duplicates = counts.duplicates.saturating_add(report.duplicates.into());
        counts.rejected = counts.rejected.saturating_add(report.rejected.len() as u64);
        for failed in report.failed {
            self.unsent(&findings, &origins, failed).await;
        }
    }

    /// Puts findings that the master did not take into the right hands.
    async fn unsent(&mut self, findings: &[Finding], origins: &[Unit], failed: Failed) {
        let units = || {
            failed
                .members
                .iter()
                .filter_map(|&index| origins.get(index).copied())
        };
        let custody = failed.error.custody();
        if custody != Custody::Letter {
            for unit in units() {
                self.fail(unit, failed.error.to_string());
            }
        }
        if custody != Custody::Source {
            let batch = Batch {
                worker: self.worker.info.clone(),
                findings: failed
                    .members
                    .iter()
                    .filter_map(|&i| findings.get(i).cloned())
                    .collect(),
            };
            let note = Note {
                stage: Stage::Send,
                reason: failed.error.to_string(),
                rule: None,
                body: serde_json::to_vec(&batch).expect("findings always serialise"),
            };
            let written = self.worker.letters.write(note, Timestamp::now()).await;
            match written {
                Ok(()) => self.counts.dead_letters = self.counts.dead_letters.saturating_add(1),
                Err(error) => units().for_each(|unit| self.fail(unit, error.to_string())),
            }
        }
    }

    /// Writes a dead letter; if that fails, the unit has to come again.
    async fn letter(&mut self, unit: Unit, note: Note) {
        match self.worker.letters.write(note, Timestamp::now()).await {
            Ok(()) => self.counts.dead_letters = self.counts.dead_letters.saturating_add(1),
            Err(error) => self.fail(unit, format!("dead letter not written: {error}")),
        }
    }

    fn fail(&mut self, unit: Unit, reason: String) {
        error!(unit, reason, "event has to come again");
        self.failures.entry(unit).or_insert(reason);
    }
}

fn judge_alone(pipeline: &Pipeline, event: &Event) -> Judgement {
    judge(pipeline, event, Timestamp::now(), || rewrap(event))
}

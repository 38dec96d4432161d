//! Takes an authenticated batch: each finding is stored, or lies in the bucket with the reason.

use super::State;
use super::problem::Problem;
use super::refusal::Refusal;
use crate::metrics;
use dial_core::dead_letter::{DeadLetter, Stage, hex};
use dial_core::finding::{MAX_RECORD, RecordRef};
use dial_core::ports::BucketError;
use dial_core::store::{Acceptance, Outcome, StoreError};
use dial_core::wire::{Accepted, MAX_FINDINGS, MAX_INFLATED, Rejected, WorkerInfo};
use dial_core::{Finding, FindingId, WorkerId, gzip};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// Objects written at the same time.
const WRITES: usize = 8;
/// Longest text from a batch that goes into an answer or a letter, characters.
const QUOTED: usize = 300;
/// Where records above [`MAX_RECORD`] go: `records/<account>/<region>/<id>/<sha256>.json`.
const RECORDS: &str = "records/";

/// A batch as it came: what can be read as a finding, and what cannot.
pub(super) struct Incoming {
    worker: WorkerInfo,
    findings: Vec<(Finding, Box<str>)>,
    bad: Vec<Bad>,
}

/// A finding that cannot be taken.
struct Bad {
    id: Option<FindingId>,
    reason: String,
    text: Box<str>,
}

/// The body; each finding is read for itself, so that a bad one does not sink the batch.
#[derive(Deserialize)]
struct RawBatch {
    worker: WorkerInfo,
    findings: Vec<Box<RawValue>>,
}

impl Incoming {
    /// Inflates and reads a body; nothing but its signature has been looked at before.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let inflated = gzip::inflate(body, MAX_INFLATED)?;
        let batch: RawBatch =
            serde_json::from_slice(&inflated).map_err(|e| Refusal::Shape(quote(&e.to_string())))?;
        if batch.findings.len() > MAX_FINDINGS {
            return Err(Refusal::TooMany(batch.findings.len()));
        }
        let mut incoming = Self {
            worker: batch.worker,
            findings: Vec::with_capacity(batch.findings.len()),
            bad: Vec::new(),
        };
        for raw in batch.findings {
            let text: Box<str> = raw.into();
            match serde_json::from_str(&text) {
                Ok(finding) => incoming.findings.push((finding, text)),
                Err(error) => incoming.bad.push(Bad::unreadable(text, &error)),
            }
        }
        Ok(incoming)
    }

    /// How many findings were sent.
    pub(super) fn len(&self) -> usize {
        self.findings.len() + self.bad.len()
    }

    /// Refuses the batch if one finding is of another account or region than its signer.
    pub(super) fn check_places(&self, signer: &WorkerId, aggregator: bool) -> Result<(), Refusal> {
        let mut findings = self.findings.iter().map(|(finding, _)| finding);
        match findings.find(|finding| !may_report(signer, aggregator, finding)) {
            None => Ok(()),
            Some(foreign) => Err(Refusal::Foreign {
                signer: signer.clone(),
                account: quote(&foreign.account.id),
                region: quote(&foreign.region),
            }),
        }
    }

    /// Splits off what is no valid finding; the rest is what its id says.
    fn validated(self) -> (Vec<Finding>, Vec<Bad>) {
        let mut bad = self.bad;
        let mut good = Vec::with_capacity(self.findings.len());
        for (finding, text) in self.findings {
            match reason_to_reject(&finding) {
                None => good.push(finding),
                Some(reason) => bad.push(Bad {
                    id: Some(finding.id),
                    reason: quote(&reason),
                    text,
                }),
            }
        }
        (good, bad)
    }
}

impl Bad {
    fn unreadable(text: Box<str>, error: &serde_json::Error) -> Self {
        #[derive(Deserialize)]
        struct IdOnly {
            id: FindingId,
        }
        Self {
            id: serde_json::from_str(&text).ok().map(|only: IdOnly| only.id),
            reason: quote(&error.to_string()),
            text,
        }
    }
}

/// Its own account and region; an aggregator also native findings of other accounts.
fn may_report(signer: &WorkerId, aggregator: bool, finding: &Finding) -> bool {
    let kind = finding.event.kind.as_str();
    let native = !kind.is_empty() && !kind.starts_with("Aws");
    finding.region == signer.region.as_str()
        && (finding.account.id == signer.account.as_str() || (aggregator && native))
}

fn reason_to_reject(finding: &Finding) -> Option<String> {
    if finding.record_ref.is_some() {
        // It names an object of our bucket; a sender could point it at any.
        return Some("record_ref is set by the master only".into());
    }
    finding.validate().err().map(|error| error.to_string())
}

/// Makes a batch durable; an error means that some of it is not and all may be sent again.
pub(super) async fn take(
    state: &State,
    signer: &WorkerId,
    incoming: Incoming,
    now: Timestamp,
) -> Result<Accepted, Problem> {
    metrics::received(incoming.len());
    let worker = letterhead(signer, &incoming.worker);
    let (good, bad) = incoming.validated();
    let (stored, rejected) = futures::join!(
        store_all(state, signer, good, now),
        reject_all(state, &worker, bad, now)
    );
    let mut answer = Accepted::default();
    let mut failures = Vec::new();
    for outcome in stored {
        match outcome {
            Ok(Outcome::New) => answer.accepted += 1,
            Ok(Outcome::Duplicate) => answer.duplicates += 1,
            Err(failure) => failures.push(failure),
        }
    }
    for outcome in rejected {
        match outcome {
            Ok(rejected) => answer.rejected.push(rejected),
            Err(failure) => failures.push(failure),
        }
    }
    metrics::taken(&answer, failures.len());
    conclude(state, signer, answer, failures)
}

/// Wakes the deliverer, and answers only for what is durable.
fn conclude(
    state: &State,
    signer: &WorkerId,
    answer: Accepted,
    mut failures: Vec<Failure>,
) -> Result<Accepted, Problem> {
    let (accepted, duplicates) = (answer.accepted, answer.duplicates);
    let (rejected, failed) = (answer.rejected.len(), failures.len());
    if accepted > 0 {
        state.wake.notify_one();
    }
    tracing::info!(worker = %signer, accepted, duplicates, rejected, failed, "batch taken");
    match failures.pop() {
        None => Ok(answer),
        Some(failure) => Err(failure.into()),
    }
}

async fn store_all(
    state: &State,
    signer: &WorkerId,
    findings: Vec<Finding>,
    now: Timestamp,
) -> Vec<Result<Outcome, Failure>> {
    let mut outcomes = Vec::new();
    let mut batch = Vec::with_capacity(findings.len());
    for mut finding in findings {
        match move_large_record(state, &mut finding).await {
            Ok(()) => batch.push(acceptance(state, signer, finding, now)),
            Err(error) => outcomes.push(Err(Failure::Bucket(error))),
        }
    }
    if batch.is_empty() {
        return outcomes;
    }
    let times: Vec<_> = batch
        .iter()
        .map(|a| {
            let silent = a.finding.suppressed.is_some();
            (a.finding.time, a.finding.detected_at, silent)
        })
        .collect();
    let stored = state.parts.store.accept(batch).await;
    let durable_at = state.now();
    for (outcome, (event, judged, silent)) in stored.into_iter().zip(times) {
        if outcome == Ok(Outcome::New) {
            metrics::accepted(event, judged, durable_at);
            metrics::suppressed(silent.into());
        }
        outcomes.push(outcome.map_err(Failure::Store));
    }
    outcomes
}

fn acceptance(state: &State, signer: &WorkerId, finding: Finding, now: Timestamp) -> Acceptance {
    // Nobody is told of a suppressed finding: it has no outbox row.
    let sinks = match finding.suppressed {
        None => state.parts.sinks.clone(),
        Some(_) => Vec::new(),
    };
    Acceptance {
        finding,
        sinks,
        received_at: now,
        expires_at: now
            .checked_add(state.parts.retention)
            .unwrap_or(Timestamp::MAX),
        sender: signer.to_string(),
    }
}

/// Puts a record that the store could not hold into the bucket, before the finding is stored.
async fn move_large_record(state: &State, finding: &mut Finding) -> Result<(), BucketError> {
    let Some(record) = finding
        .record
        .take_if(|record| record.as_str().len() > MAX_RECORD)
    else {
        return Ok(());
    };
    let body = record.as_str().as_bytes().to_vec();
    let sha256 = hex(&Sha256::digest(&body));
    let (account, region, id) = (&finding.account.id, &finding.region, &finding.id);
    // The hash in the key keeps a second sender's record from replacing the first one's.
    let key = format!("{RECORDS}{account}/{region}/{id}/{sha256}.json");
    let bytes = body.len();
    state.parts.bucket.put(&key, body).await?;
    finding.record_ref = Some(RecordRef { key, sha256, bytes });
    Ok(())
}

async fn reject_all(
    state: &State,
    worker: &WorkerInfo,
    bad: Vec<Bad>,
    now: Timestamp,
) -> Vec<Result<Rejected, Failure>> {
    let letters = bad.into_iter().map(|bad| reject(state, worker, bad, now));
    stream::iter(letters).buffered(WRITES).collect().await
}

async fn reject(
    state: &State,
    worker: &WorkerInfo,
    bad: Bad,
    now: Timestamp,
) -> Result<Rejected, Failure> {
    let Bad { id, reason, text } = bad;
    let letter = DeadLetter::new(
        Stage::Accept,
        reason.as_str(),
        worker.clone(),
        now,
        text.as_bytes(),
    );
    let key = letter.key();
    let written = state.parts.bucket.put(&key, letter.to_json()).await;
    written.map_err(Failure::Bucket)?;
    tracing::warn!(key, "finding rejected");
    Ok(Rejected { id, reason })
}

/// Account and region of letters are the signer's: they become a key.
fn letterhead(signer: &WorkerId, claimed: &WorkerInfo) -> WorkerInfo {
    WorkerInfo {
        account: signer.account.to_string(),
        region: signer.region.to_string(),
        version: quote(&claimed.version),
        rules: quote(&claimed.rules),
    }
}

/// Keeps what is repeated from input short.
pub(super) fn quote(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

/// Why something of an authenticated batch is not durable.
#[derive(Debug)]
enum Failure {
    Store(StoreError),
    Bucket(BucketError),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error.into(),
            Failure::Bucket(error) => {
                tracing::error!(%error, "bucket did not answer");
                Problem::busy("bucket is unavailable")
            }
        }
    }
}

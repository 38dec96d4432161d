//! Writes dead letters: what could not be judged or sent, with the reason and the original bytes.

use dial_core::dead_letter::{DeadLetter, Stage};
use dial_core::ports::{Bucket, BucketError};
use dial_core::wire::WorkerInfo;
use jiff::Timestamp;
use std::sync::Arc;
use tracing::error;

/// The bucket that dead letters go to, and who signs as their writer.
#[derive(Clone)]
pub struct Letters {
    bucket: Arc<dyn Bucket>,
    worker: WorkerInfo,
}

/// What a letter says beside when and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where the way ended.
    pub stage: Stage,
    /// Why.
    pub reason: String,
    /// The rule that failed, where one did.
    pub rule: Option<String>,
    /// The original bytes.
    pub body: Vec<u8>,
}

impl Note {
    /// Bytes that could not be read as an event.
    pub fn parse(reason: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            stage: Stage::Parse,
            reason: reason.into(),
            rule: None,
            body: body.into(),
        }
    }
}

impl Letters {
    /// Letters of this worker go to that bucket.
    pub fn new(bucket: Arc<dyn Bucket>, worker: WorkerInfo) -> Self {
        Self { bucket, worker }
    }

    /// Writes one letter, durable when it returns.
    ///
    /// The log names stage, rule and key; the reason may quote the event and stays in the letter.
    pub async fn write(&self, note: Note, now: Timestamp) -> Result<(), BucketError> {
        let mut letter = DeadLetter::new(
            note.stage,
            note.reason,
            self.worker.clone(),
            now,
            &note.body,
        );
        letter.rule = note.rule;
        let key = letter.key();
        let written = self.bucket.put(&key, letter.to_json()).await;
        let rule = letter.rule.as_deref();
        match &written {
            Ok(()) => error!(stage = ?letter.stage, rule, key, "dead letter written"),
            Err(failure) => {
                error!(stage = ?letter.stage, rule, key, error = %failure, "dead letter not written");
            }
        }
        written
    }
}

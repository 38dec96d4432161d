//! Judges one event so that whatever goes wrong becomes a note for its dead letter.

use crate::letters::Note;
use dial_core::Finding;
use dial_core::dead_letter::Stage;
use dial_detect::event::{Event, Kind};
use dial_detect::{Failure, Pipeline};
use jiff::Timestamp;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What judging one event gave: findings of the rules that worked, a note if any did not.
#[derive(Debug, Default)]
pub struct Judgement {
    /// To be sent.
    pub findings: Vec<Finding>,
    /// To be kept as a dead letter; its body is the original bytes.
    pub note: Option<Note>,
}

/// Runs the pipeline; `original` gives the event's bytes if a dead letter needs them.
pub fn judge(
    pipeline: &Pipeline,
    event: &Event,
    now: Timestamp,
    original: impl FnOnce() -> Vec<u8>,
) -> Judgement {
    // The pipeline isolates its rules and facts; this is for what lies between them.
    let judged = catch_unwind(AssertUnwindSafe(|| pipeline.run(event, now)));
    match judged {
        Ok(judged) => Judgement {
            findings: judged.findings,
            note: note(&judged.failures, original),
        },
        Err(_) => Judgement {
            findings: Vec::new(),
            note: Some(judge_note("the pipeline panicked".into(), None, original())),
        },
    }
}

/// One note for all failures of an event: letters of one event share their key.
fn note(failures: &[Failure], original: impl FnOnce() -> Vec<u8>) -> Option<Note> {
    let first = failures.first()?;
    let reasons: Vec<String> = failures.iter().map(reason).collect();
    Some(judge_note(
        reasons.join("; "),
        first.rule.clone(),
        original(),
    ))
}

fn reason(failure: &Failure) -> String {
    match &failure.rule {
        Some(rule) => format!("{rule}: {}", failure.reason),
        None => failure.reason.clone(),
    }
}

fn judge_note(reason: String, rule: Option<String>, body: Vec<u8>) -> Note {
    Note {
        stage: Stage::Judge,
        reason,
        rule,
        body,
    }
}

/// The event as an EventBridge event, for one that came in company and has no bytes of its own.
///
/// The envelope keeps account and region, so that a replay gives the same ids.
pub fn rewrap(event: &Event) -> Vec<u8> {
    let (source, detail_type) = match &event.kind {
        Kind::CloudTrail => ("aws.cloudtrail", "AWS API Call via CloudTrail"),
        Kind::Native {
            source,
            detail_type,
        } => (source.as_str(), detail_type.as_str()),
    };
    let envelope = json!({
        "source": source,
        "detail-type": detail_type,
        "account": event.account,
        "region": event.region,
        "time": event.time,
        "detail": event.record,
    });
    serde_json::to_vec(&envelope).expect("a JSON value always serialises")
}

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
    /// To be sent, the suppressed ones last.
    pub findings: Vec<Finding>,
    /// Findings not made, for what DIAL's own roles do with DIAL's own parts.
    pub own_use: u64,
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
            note: note(&judged.failures, original),
            own_use: judged.own_use,
            findings: judged.kept().collect(),
        },
        Err(_) => Judgement {
            note: Some(judge_note("the pipeline panicked".into(), None, original())),
            ..Judgement::default()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::info;
    use dial_core::FindingId;
    use dial_detect::Settings;
    use dial_detect::envelope::{Input, read};
    use serde_json::Value;

    fn event(bytes: &[u8]) -> Event {
        match read(bytes) {
            Ok(Input::Events(mut items)) => items.remove(0).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn ids(event: &Event) -> Vec<FindingId> {
        let pipeline = Pipeline::new(&Settings::default(), info()).unwrap();
        let judgement = judge(&pipeline, event, Timestamp::UNIX_EPOCH, Vec::new);
        judgement.findings.into_iter().map(|f| f.id).collect()
    }

    #[test]
    fn a_rewrapped_event_gives_the_same_findings() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
        let text = std::fs::read(folder.join("ec2/authorize_ingress_ssh_anyone.json")).unwrap();
        let mut record: Value = serde_json::from_slice(&text).unwrap();
        let envelope = |record: &Value, detail_type: &str, source: &str| {
            json!({
                "source": source, "detail-type": detail_type, "account": "111122223333",
                "region": "eu-west-1", "time": "2026-05-01T10:00:00Z", "detail": record,
            })
        };
        let api_call = "AWS API Call via CloudTrail";
        let whole = envelope(&record, api_call, "aws.ec2");
        let fields = record.as_object_mut().unwrap();
        fields.remove("recipientAccountId");
        fields.remove("awsRegion");
        let leaning_on_envelope = envelope(&record, api_call, "aws.ec2");
        let native = json!({
            "id": "abc", "accountId": "444455556666", "region": "us-east-1", "type": "T/X",
            "severity": 8, "updatedAt": "2026-05-01T10:00:00Z", "title": "t",
        });
        let native = envelope(&native, "GuardDuty Finding", "aws.guardduty");
        for original in [whole, leaning_on_envelope, native] {
            let event = event(original.to_string().as_bytes());
            let again = super::tests::event(&rewrap(&event));
            assert!(!ids(&event).is_empty(), "{original}");
            assert_eq!(ids(&event), ids(&again), "{original}");
        }
    }

    #[test]
    fn several_failures_of_one_event_are_one_note() {
        let failure = |rule: Option<&str>, reason: &str| Failure {
            rule: rule.map(Into::into),
            reason: reason.into(),
        };
        let failures = [failure(None, "facts broke"), failure(Some("r"), "x")];
        let found = note(&failures, || b"event".to_vec()).unwrap();
        assert_eq!(found.reason, "facts broke; r: x");
        assert_eq!(
            (found.rule, found.body.as_slice()),
            (None, b"event".as_slice())
        );
        assert_eq!(note(&[], || unreachable!("no bytes needed")), None);
    }
}

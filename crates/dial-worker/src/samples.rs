//! Findings for the unit tests of this crate.

use dial_core::Finding;
use dial_core::wire::WorkerInfo;
use serde_json::json;

pub(crate) fn info() -> WorkerInfo {
    WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0.1.0".into(),
        rules: "abc".into(),
    }
}

/// A valid finding of an event, with a record of about `padding` bytes.
pub(crate) fn finding(account: &str, region: &str, event: &str, padding: &str) -> Finding {
    let mut finding: Finding = serde_json::from_value(json!({
        "id": "f-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "rule": {"id": "r-1", "name": "r", "title": "R", "version": "1"},
        "severity": "high",
        "title": "Something is open",
        "explanation": "Port 22 is open to 0.0.0.0/0.",
        "account": {"id": account},
        "region": region,
        "time": "2026-05-01T10:00:00Z",
        "detected_at": "2026-05-01T10:00:01Z",
        "event": {"id": event, "source": "ec2.amazonaws.com", "name": "E", "kind": "AwsApiCall"},
        "principal": {},
        "source": {"ip": "203.0.113.7"},
        "resources": [],
        "record": {"padding": padding},
        "worker": info(),
    }))
    .expect("the sample is a finding");
    finding.id = finding.expected_id();
    finding
}

//! What the sinks send for every fifth finding of the fixtures, held against models that others made.

use crate::{findings, run, sinks};
use dial_core::Finding;
use dial_core::store::triage::Triage;
use dial_core::store::{Audit, Status, Stored};
use dial_master::message::links::Links;
use dial_master::sinks::{Job, Sinks, Step};
use jiff::Timestamp;
use serde_json::{Value, json};

const SETTINGS: &str = "
[events]
type = 'eventbridge'
bus_arn = 'arn:aws:events:eu-west-1:444455556666:event-bus/dial'

[securityhub]
type = 'securityhub'
region = 'eu-west-1'
role = 'arn:aws:iam::{account}:role/dial-securityhub'

[ocsf]
type = 'ocsf'
to = '/var/log/dial/findings.jsonl'
";

const STATES: [Status; 5] = [
    Status::Open,
    Status::Acknowledged,
    Status::Resolved,
    Status::FalsePositive,
    Status::Snoozed,
];

/// Bodies of the first call about a finding: when it is new, and after a change.
fn bodies(sinks: &Sinks, sink: &str, finding: &Finding, status: Status) -> [Value; 2] {
    let triage = Triage {
        status,
        assignee: Some("night shift".into()),
        snoozed_until: None,
        revision: 3,
    };
    let line = Audit {
        at: "2026-05-01T11:00:00Z".parse().unwrap(),
        who: "analyst".into(),
        door: "api".into(),
        action: "resolve".into(),
        before: None,
        after: Some(triage.clone()),
        comment: Some("known".into()),
    };
    let stored = |triage| Stored {
        finding: finding.clone(),
        triage,
        received_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::MAX,
    };
    let (new, changed) = (stored(Triage::default()), stored(triage));
    let links = Links::new(Some("https://dial.example.org")).unwrap();
    let receipt = Value::Null;
    let body = |stored: &Stored, history: &[Audit]| {
        let job = Job {
            history,
            receipt: (!history.is_empty()).then_some(&receipt),
            ..Job::first(stored, &links)
        };
        match sinks.get(sink).unwrap().sink.start(&job) {
            Step::Send(call) => serde_json::from_slice(&call.body).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    [body(&new, &[]), body(&changed, &[line])]
}

#[tokio::test]
async fn requests_fit_the_models_of_aws() {
    let sinks = sinks(SETTINGS).await;
    let mut lines = Vec::new();
    for (finding, status) in findings().iter().step_by(5).zip(STATES.into_iter().cycle()) {
        let [import, update] = bodies(&sinks, "securityhub", finding, status);
        let [put, again] = bodies(&sinks, "events", finding, status);
        let requests = [
            ("securityhub", "BatchImportFindings", import),
            ("securityhub", "BatchUpdateFindings", update),
            ("events", "PutEvents", put),
            ("events", "PutEvents", again),
        ];
        lines.extend(requests.map(|(service, operation, parameters)| {
            json!({"service": service, "operation": operation, "parameters": parameters})
                .to_string()
        }));
    }
    let spoilt = json!({"service": "securityhub", "operation": "BatchImportFindings",
        "parameters": {"Findings": [{"Id": 1}]}});
    let Some(complaints) = run("sinks/validate.py", &[], &lines.join("\n")) else {
        return;
    };
    assert_eq!(complaints, "");
    let complaints = run("sinks/validate.py", &[], &spoilt.to_string()).unwrap();
    assert!(
        complaints.contains("Missing required parameter"),
        "{complaints}"
    );
}

#[tokio::test]
async fn lines_fit_the_schema_of_ocsf_whatever_people_did() {
    let sinks = sinks(SETTINGS).await;
    let lines: Vec<String> = findings()
        .iter()
        .step_by(5)
        .zip(STATES.into_iter().cycle())
        .flat_map(|(finding, status)| bodies(&sinks, "ocsf", finding, status))
        .map(|event| event.to_string())
        .collect();
    let Some(complaints) = run("ocsf/validate.py", &[], &lines.join("\n")) else {
        return;
    };
    assert_eq!(complaints, "");
}

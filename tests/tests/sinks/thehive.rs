//! What TheHive's sink sends, held against the typed inputs and the requests of its makers' client.

use crate::{findings, run};
use dial_core::Finding;
use dial_core::ports::Secrets;
use dial_core::secret::{Secret, SecretError, SecretRef};
use dial_core::store::triage::Triage;
use dial_core::store::{Status, Stored};
use dial_master::message::links::Links;
use dial_master::routing::digest::Digest;
use dial_master::sinks::guard::Guard;
use dial_master::sinks::{Call, GroupState, Job, Probe, Reply, Sink, SinkSettings, Sinks, Step};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SETTINGS: &str = "
[hive]
type = 'thehive'
url = 'https://hive.example.org'
api_key = 'env:KEY'
organisation = 'SOC'
tags = ['aws']
statuses = { resolved = 'Ignored' }
";

/// One finding in so many is sent.
const EACH: usize = 5;

/// The key that the script has too.
struct Key;

#[async_trait::async_trait]
impl Secrets for Key {
    async fn fetch(&self, _: &SecretRef) -> Result<Secret, SecretError> {
        Ok(Secret::new("tok-c2VjcmV0"))
    }
}

/// The request as the script reads it.
fn line(call: &Call) -> String {
    let headers = call.headers.iter();
    let headers: BTreeMap<&str, &str> = headers
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    json!({
        "step": call.step,
        "method": call.method.as_str(),
        "target": call.url.as_str(),
        "headers": headers,
        "body": body,
    })
    .to_string()
}

fn sent(step: Step) -> Call {
    match step {
        Step::Send(call) => call,
        other => panic!("nothing sent: {other:?}"),
    }
}

/// Everything that is ever asked about a finding: made, looked for, changed, told with others.
fn calls(sink: &dyn Sink, finding: &Finding, other: &Finding) -> Vec<Call> {
    let links = Links::new(Some("https://dial.example.org")).unwrap();
    let stored = |triage| Stored {
        finding: finding.clone(),
        triage,
        received_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::MAX,
    };
    let (new, changed) = (
        stored(Triage::default()),
        stored(Triage {
            status: Status::Resolved,
            assignee: Some("night shift".into()),
            snoozed_until: None,
            revision: 2,
        }),
    );
    let first = Job::first(&new, &links);
    let digest = Digest::of(&[finding, other]).unwrap();
    let together = Job {
        digest: Some(&digest),
        ..first
    };
    let (known, unknown) = (json!({"alert": "~41", "repeats": 1}), json!({}));
    let group = GroupState {
        repeats: 2,
        repeated_at: Some(finding.time),
        first: None,
        before: None,
    };
    let change = |receipt| Job {
        receipt: Some(receipt),
        group: Some(&group),
        ..Job::first(&changed, &links)
    };
    let refused = Reply {
        step: "create",
        status: 400,
        retry_after: None,
        body: json!({"type": "CreateError", "message": "?"})
            .to_string()
            .into_bytes(),
    };
    vec![
        sent(sink.start(&first)),
        sent(sink.resume(&first, &refused)),
        sent(sink.start(&together)),
        sent(sink.start(&change(&known))),
        sent(sink.start(&change(&unknown))),
    ]
}

#[tokio::test]
async fn the_makers_client_would_send_the_same() {
    let settings: BTreeMap<String, SinkSettings> = toml::from_str(SETTINGS).unwrap();
    let sinks = Sinks::build(&settings, &Key, Guard::Public).await.unwrap();
    let sink = &*sinks.get("hive").unwrap().sink;
    let findings = findings();
    let pairs = findings.iter().zip(findings.iter().skip(1));
    let mut told: Vec<Call> = pairs
        .step_by(EACH)
        .flat_map(|(finding, other)| calls(sink, finding, other))
        .collect();
    let Probe::Ask(look) = sink.probe() else {
        panic!("the key is looked at");
    };
    told.push(*look);
    let lines: Vec<String> = told.iter().map(line).collect();
    let Some(complaints) = run("sinks/thehive.py", &[], &lines.join("\n")) else {
        return;
    };
    assert_eq!(complaints, "");
    let spoilt = [
        (0, "\"severity\":", "\"severety\":"),
        (0, "\"tags\":[", "\"tags\":[7,"),
        (0, "\"sourceRef\":\"", "\"sourceRef\":null,\"x\":\""),
        (1, "\"sourceRef\"", "\"reference\""),
        (3, "PATCH", "PUT"),
        (3, "Bearer", "Basic"),
    ];
    for (which, good, bad) in spoilt {
        let spoilt = lines[which].replacen(good, bad, 1);
        assert_ne!(spoilt, lines[which], "{good}");
        let complaints = run("sinks/thehive.py", &[], &spoilt).unwrap();
        assert!(!complaints.is_empty(), "{bad}");
    }
}

//! Findings held against their own schema, and as OCSF events against the published one, by
//! validators that are not ours.
//!
//! `DIAL_TEST_PYTHON` names a Python with `ocsf-json-schema` and `jsonschema`; `cargo xtask check`
//! makes one. Without it the test says that it was skipped.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

use dial_core::store::Status;
use dial_core::wire::WorkerInfo;
use dial_core::{Finding, ocsf};
use dial_detect::envelope::{Input, read};
use dial_detect::{Pipeline, Settings};
use jiff::Timestamp;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const STATES: [Status; 5] = [
    Status::Open,
    Status::Acknowledged,
    Status::Resolved,
    Status::FalsePositive,
    Status::Snoozed,
];

/// What the pack finds in the fixtures, with everything that enrichment could have added.
fn findings() -> Vec<Finding> {
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0".into(),
        rules: String::new(),
    };
    let pipeline = Pipeline::new(&Settings::default(), worker).unwrap();
    let mut findings = Vec::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for service in fs::read_dir(fixtures).unwrap() {
        let files = fs::read_dir(service.unwrap().path()).unwrap();
        for file in files.map(|file| file.unwrap().path()) {
            let Ok(Input::Events(items)) = read(&fs::read(file).unwrap()) else {
                continue;
            };
            let events = items.into_iter().flatten();
            let judged = events.map(|event| pipeline.run(&event, Timestamp::UNIX_EPOCH));
            findings.extend(judged.flat_map(|judged| judged.findings));
        }
    }
    findings.iter_mut().step_by(2).for_each(enrich);
    findings
}

fn enrich(finding: &mut Finding) {
    let enriched = serde_json::json!({
        "ip": "203.0.113.9",
        "user_agent": "aws-cli/2",
        "geo": { "country": "DE", "city": "Berlin", "lat": 52.5, "lon": 13.4 },
        "asn": { "number": 64496, "org": "Example" },
        "reputation": [{ "list": "tor", "category": "exit" }],
    });
    finding.source = serde_json::from_value(enriched).unwrap();
    finding.account.name = Some("production".into());
}

#[test]
fn every_finding_is_a_valid_event() {
    let Some(python) = std::env::var_os("DIAL_TEST_PYTHON") else {
        println!("skipped: DIAL_TEST_PYTHON is not set");
        return;
    };
    let findings = findings();
    assert!(findings.len() > 50, "{}", findings.len());
    let states = STATES.iter().cycle();
    let events = findings
        .iter()
        .zip(states)
        .map(|(f, s)| ocsf::detection(f, *s));
    let lines: Vec<String> = events.map(|event| event.to_string()).collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ocsf/validate.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.join("\n").as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.is_empty(), "{told}");
}

#[test]
fn every_finding_fits_the_schema_that_is_published() {
    let schema = dial_core::schema::finding();
    let schema = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let findings = findings();
    assert!(findings.len() > 50, "{}", findings.len());
    for finding in &findings {
        let json = serde_json::to_value(finding).unwrap();
        let wrong: Vec<String> = schema
            .iter_errors(&json)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", finding.rule.name);
    }
    let good = serde_json::to_value(&findings[0]).unwrap();
    let spoilt: [(&str, serde_json::Value); 4] = [
        ("/id", "f-1".into()),
        ("/severity", "urgent".into()),
        ("/time", "yesterday".into()),
        ("/account", serde_json::json!({})),
    ];
    for (place, value) in spoilt {
        let mut finding = good.clone();
        *finding.pointer_mut(place).unwrap() = value;
        assert!(!schema.is_valid(&finding), "{place}");
    }
}

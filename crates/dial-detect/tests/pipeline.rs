//! One event through the whole pipeline: what a finding says, and what it must never do.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use dial_core::wire::WorkerInfo;
use dial_detect::envelope::{self, Input};
use dial_detect::event::Event;
use dial_detect::{Pipeline, Settings};
use serde_json::{Value, json};
use std::path::Path;

fn worker() -> WorkerInfo {
    WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0.1.0".into(),
        rules: String::new(),
    }
}

fn pipeline(settings: &Value) -> Pipeline {
    let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    Pipeline::new(&settings, worker()).unwrap()
}

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn event(record: &Value) -> Event {
    let Input::Events(mut items) = envelope::read(record.to_string().as_bytes()).unwrap() else {
        panic!("fixture is no event");
    };
    items.remove(0).unwrap()
}

fn now() -> jiff::Timestamp {
    "2026-05-01T10:00:02Z".parse().unwrap()
}

#[test]
fn a_finding_explains_itself() {
    let judged =
        pipeline(&json!({})).run(&event(&fixture("s3/put_bucket_policy_anyone.json")), now());
    assert_eq!(judged.failures, []);
    assert_eq!(judged.findings.len(), 1);
    judged.findings[0].validate().unwrap();
    insta::assert_json_snapshot!(judged.findings[0], { ".worker.rules" => "[hash]", ".record" => "[record]" });
}

#[test]
fn an_attempt_is_named_and_lowered() {
    let judged = pipeline(&json!({})).run(
        &event(&fixture("cloudtrail/stop_logging_denied.json")),
        now(),
    );
    let finding = &judged.findings[0];
    assert!(
        finding.title.starts_with("Attempted: "),
        "{}",
        finding.title
    );
    assert_eq!(finding.severity, dial_core::Severity::High);
    insta::assert_snapshot!(finding.explanation);
}

#[test]
fn the_configuration_moves_severities() {
    let settings = json!({
        "severity": [{ "rule": "s3_bucket_policy_public", "account": "111122223333", "severity": "low" }],
        "production_accounts": ["111122223333"],
        "trusted_principals": ["arn:aws:iam::111122223333:role/deploy"],
    });
    let judged =
        pipeline(&settings).run(&event(&fixture("s3/put_bucket_policy_anyone.json")), now());
    let finding = &judged.findings[0];
    let reasons: Vec<&str> = finding
        .severity_changes
        .iter()
        .map(|c| c.reason.as_str())
        .collect();
    let expected = "configuration: rule s3_bucket_policy_public, account 111122223333";
    assert_eq!(reasons, [expected, "production account"]);
    assert_eq!(finding.severity, dial_core::Severity::Medium);
}

#[test]
fn an_override_for_no_rule_is_refused() {
    let settings = json!({ "severity": [{ "rule": "s3_bucket_polcy_public", "severity": "low" }] });
    let settings: Settings = serde_json::from_value(settings).unwrap();
    let errors = Pipeline::new(&settings, worker()).err().unwrap();
    insta::assert_snapshot!(errors[0], @"severity.0.rule: no rule has the name or id `s3_bucket_polcy_public`; did you mean `s3_bucket_policy_public`?");
}

#[test]
fn the_same_event_gives_the_same_ids_and_hostile_sizes_stay_valid() {
    let pipeline = pipeline(&json!({}));
    let mut record = fixture("s3/put_bucket_policy_anyone.json");
    record["requestParameters"]["bucketName"] = "b".repeat(100_000).into();
    record["userAgent"] = "a\u{7}\n".repeat(50_000).into();
    record["userIdentity"]["arn"] = "arn:".repeat(50_000).into();
    let event = event(&record);
    let first = pipeline.run(&event, now());
    for finding in &first.findings {
        finding.validate().unwrap();
    }
    assert!(!first.findings.is_empty());
    assert_eq!(pipeline.run(&event, now()), first);
}

#[test]
fn a_native_finding_keeps_its_own_words() {
    let judged = pipeline(&json!({})).run(
        &event(&fixture("guardduty/finding_credentials_high.json")),
        now(),
    );
    assert_eq!(judged.failures, []);
    assert_eq!(judged.findings.len(), 1);
    judged.findings[0].validate().unwrap();
    insta::assert_json_snapshot!(judged.findings[0], { ".worker.rules" => "[hash]", ".record" => "[record]" });
}

#[test]
fn a_rule_may_ask_for_a_finding_for_each_resource() {
    let folder = tempfile::tempdir().unwrap();
    let rule = "title: Started\nid: 00000000-0000-4000-8000-000000000001\nlevel: low\n\
        logsource: { product: aws, service: cloudtrail }\ndetection:\n  s:\n    eventName: RunInstances\n  \
        condition: s\ndial: { resource: 'AWS::EC2::Instance', each_resource: true }\n";
    std::fs::write(folder.path().join("started.yml"), rule).unwrap();
    let judged = pipeline(&json!({ "rules": folder.path() }))
        .run(&event(&fixture("ec2/run_instances_gpu.json")), now());
    let started = judged
        .findings
        .iter()
        .filter(|finding| finding.rule.name == "started");
    let ids: std::collections::BTreeSet<_> = started.map(|finding| &finding.id).collect();
    assert_eq!(ids.len(), 2, "{:?}", judged.findings);
}

#[test]
fn no_secret_leaves_in_any_text_of_a_finding() {
    let secret = "q9Zr3TtVb7Kx0LmN2pQsW5yUaEcGhJ8dRf4B1o6i";
    let mut record = fixture("cloudtrail/stop_logging_denied.json");
    record["userAgent"] = format!("tool aws_secret_access_key={secret}").into();
    record["errorMessage"] = format!("denied, aws_secret_access_key={secret}").into();
    let judged = pipeline(&json!({})).run(&event(&record), now());
    let text = serde_json::to_string(&judged.findings).unwrap();
    assert!(
        !judged.findings.is_empty() && !text.contains(secret),
        "{text}"
    );
}

#[test]
fn the_pack_alone_leaves_most_records_unparsed() {
    let pipeline = pipeline(&json!({}));
    let cases = [
        ("ecr/batch_get_image.json", false),
        ("cloudtrail/start_logging.json", false),
        ("glue/put_resource_policy_denied.json", false),
        ("s3/put_bucket_policy_organization.json", true),
        ("cloudtrail/stop_logging_denied.json", true),
        ("lambda/add_permission_anyone.json", true),
        ("guardduty/finding_port_probe_low.json", true),
    ];
    for (name, expected) in cases {
        let event = event(&fixture(name));
        assert_eq!(pipeline.may_match(&event.head()), expected, "{name}");
    }
    // Gated by the type of the caller, which hardly any record has.
    let unnamed: Vec<&str> = pipeline.unfiltered().collect();
    assert_eq!(unnamed, ["root_access_key_used", "root_change_made"]);
}

#[cfg(feature = "fault-injection")]
#[test]
fn a_panic_in_the_facts_is_reported_and_the_rules_still_run() {
    let mut record = fixture("cloudtrail/stop_logging.json");
    record["requestParameters"]["dialFault"] = "panic".into();
    let judged = pipeline(&json!({})).run(&event(&record), now());
    assert_eq!(judged.failures.len(), 1);
    assert!(judged.failures[0].reason.starts_with("injected fault"));
    assert_eq!(judged.findings[0].rule.name, "cloudtrail_trail_stopped");
}

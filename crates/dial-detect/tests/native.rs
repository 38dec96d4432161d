//! What AWS services report by themselves, through the whole pipeline; and what decoys give.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use dial_core::finding::{Finding, Resource};
use dial_core::wire::WorkerInfo;
use dial_detect::envelope::{self, Input};
use dial_detect::{Pipeline, Settings};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Folders of fixtures that hold native events, beside records of calls.
const FOLDERS: [&str; 8] = [
    "access_analyzer",
    "cloudwatch",
    "guardduty",
    "health",
    "inspector",
    "macie",
    "securityhub",
    "trustedadvisor",
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

fn pipeline(settings: &Value) -> Pipeline {
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0.1.0".into(),
        rules: String::new(),
    };
    let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    Pipeline::new(&settings, worker).unwrap()
}

fn judge(pipeline: &Pipeline, file: &Path) -> Vec<Finding> {
    let Input::Events(items) = envelope::read(&std::fs::read(file).unwrap()).unwrap() else {
        panic!("{} is no event", file.display());
    };
    let now = "2026-05-01T10:00:02Z".parse().unwrap();
    let judged = items
        .into_iter()
        .map(|event| pipeline.run(&event.unwrap(), now));
    let findings = judged.flat_map(|judged| {
        assert_eq!(judged.failures, []);
        judged.findings
    });
    let findings: Vec<Finding> = findings.collect();
    for finding in &findings {
        finding.validate().unwrap();
    }
    findings
}

fn native_events() -> Vec<PathBuf> {
    let files = FOLDERS.iter().flat_map(|folder| {
        let entries = std::fs::read_dir(fixtures().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path())
    });
    let is_native = |path: &PathBuf| {
        std::fs::read_to_string(path)
            .unwrap()
            .contains("\"detail-type\"")
    };
    let mut files: Vec<PathBuf> = files.filter(is_native).collect();
    files.sort();
    files
}

/// One line a finding: severity, rule, title; then who, from where, and about what.
fn describe(finding: &Finding) -> String {
    let mut text = format!(
        "  {} {}: {}\n    {}",
        finding.severity, finding.rule.name, finding.title, finding.event.name
    );
    if let Some(name) = &finding.principal.name {
        write!(text, ", {name}").unwrap();
    }
    if let Some(ip) = &finding.source.ip {
        write!(text, ", from {ip}").unwrap();
    }
    for resource in &finding.resources {
        write!(text, "\n    {} {}", resource.kind, resource.key()).unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn every_kind_of_native_event_is_judged() {
    let pipeline = pipeline(&json!({}));
    let mut told = String::new();
    for file in native_events() {
        let shown = file.strip_prefix(fixtures()).unwrap();
        writeln!(told, "{}", shown.display()).unwrap();
        for finding in judge(&pipeline, &file) {
            told.push_str(&describe(&finding));
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_native_finding_and_ours_meet_in_one_resource() {
    let pipeline = pipeline(&json!({}));
    let first = |file: &str| {
        let findings = judge(&pipeline, &fixtures().join(file));
        findings[0].resources.first().map(Resource::key)
    };
    let pairs = [
        (
            "guardduty/finding_bucket_medium.json",
            "s3/delete_bucket_public_access_block.json",
        ),
        (
            "guardduty/finding_dns_high.json",
            "ec2/modify_instance_attribute_user_data.json",
        ),
        (
            "guardduty/finding_lambda_high.json",
            "lambda/add_permission_anyone.json",
        ),
        (
            "access_analyzer/finding_active.json",
            "macie/finding_policy_high.json",
        ),
        (
            "securityhub/imported_high.json",
            "guardduty/finding_dns_high.json",
        ),
    ];
    for (theirs, ours) in pairs {
        let (left, right) = (first(theirs), first(ours));
        let kind = |key: &Option<String>| {
            let key = key.as_deref().unwrap_or_default();
            key.rsplit_once([':', '/']).map(|(kind, _)| kind.to_owned())
        };
        assert_eq!(kind(&left), kind(&right), "{theirs} {ours}");
        assert!(left.is_some_and(|key| key.starts_with("arn:")), "{theirs}");
    }
}

#[test]
fn touching_a_decoy_is_critical_whoever_does_it_and_whether_it_worked() {
    let settings = json!({
        "decoys": [{"kind": "user", "name": "clerk"}],
        "trusted_principals": ["arn:aws:iam::111122223333:user/clerk"],
    });
    let pipeline = pipeline(&settings);
    for file in [
        "sts/get_caller_identity.json",
        "iam/attach_user_policy_denied.json",
    ] {
        let findings = judge(&pipeline, &fixtures().join(file));
        let decoy = findings.iter().find(|it| it.rule.name == "decoy_touched");
        let severity = decoy.map(|it| it.severity.to_string());
        assert_eq!(severity.as_deref(), Some("critical"), "{file}");
    }
}

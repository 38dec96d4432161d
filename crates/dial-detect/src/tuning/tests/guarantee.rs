//! Suppressions move findings, never lose or change one; decoys cannot be silenced in passing.

use super::settings;
use crate::envelope::{Input, read};
use crate::event::Event;
use crate::settings::{Settings, Suppression};
use crate::touched::Touched;
use crate::tuning::{Seen, Tuning};
use crate::{Judged, Pipeline};
use dial_core::Finding;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::LazyLock;

/// Fixtures that give findings, of several services, with and without what decoys are.
const FOLDERS: [&str; 6] = ["ec2", "iam", "s3", "kms", "lambda", "secretsmanager"];

static BASE: LazyLock<Vec<(Event, Vec<Finding>)>> = LazyLock::new(base);

fn now() -> Timestamp {
    "2026-05-01T10:00:00Z".parse().expect("a time")
}

/// Events and what they give without any suppression.
fn base() -> Vec<(Event, Vec<Finding>)> {
    let worker = dial_core::wire::WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0".into(),
        rules: String::new(),
    };
    let pipeline = Pipeline::new(&Settings::default(), worker).expect("a pipeline");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let mut base = Vec::new();
    for folder in FOLDERS {
        let files = std::fs::read_dir(root.join(folder)).expect("fixtures");
        let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        files.sort();
        for file in files {
            let bytes = std::fs::read(file).expect("a fixture");
            let Ok(Input::Events(items)) = read(&bytes) else {
                continue;
            };
            for event in items.into_iter().flatten() {
                let findings = pipeline.run(&event, now()).findings;
                if !findings.is_empty() {
                    base.push((event, findings));
                }
            }
        }
    }
    assert!(base.len() > 20, "{} events", base.len());
    base
}

/// Parts that fit some of the findings, or none.
fn suppressions() -> impl Strategy<Value = Vec<Suppression>> {
    let texts = |of: fn(&Finding) -> Option<String>| {
        let findings = BASE.iter().flat_map(|(_, findings)| findings);
        let mut texts: Vec<Option<String>> = findings.map(of).collect();
        texts.sort();
        texts.dedup();
        texts.extend([None, None, Some("none-such".into())]);
        prop_oneof![Just(None), select(texts)]
    };
    let rule = texts(|f| Some(f.rule.name.clone()));
    let account = texts(|f| Some(f.account.id.clone()));
    let region = texts(|f| Some(f.region.clone()));
    let principal = texts(|f| {
        f.principal
            .session_issuer
            .clone()
            .or(f.principal.arn.clone())
    });
    let resource = texts(|f| f.resources.first().map(dial_core::finding::Resource::key));
    let network = texts(|f| f.source.ip.clone());
    let expires = select(vec!["2026-04-30", "2026-05-01", "2026-12-31", "2028-01-01"]);
    let one = (rule, account, region, principal, resource, network, expires).prop_map(
        |(rule, account, region, principal, resource, network, expires)| Suppression {
            rule,
            account,
            region,
            principal,
            resource,
            network,
            owner: "team-net".into(),
            reason: "known".into(),
            expires: Some(expires.parse().expect("a date")),
        },
    );
    prop::collection::vec(one, 0..4)
}

/// Decoys out of what the fixtures touch.
fn decoys() -> impl Strategy<Value = Vec<Value>> {
    let resources = BASE.iter().flat_map(|(_, findings)| findings);
    let resources = resources.filter_map(|finding| finding.resources.first());
    let mut decoys: Vec<(&str, String)> = resources
        .filter_map(|resource| {
            let kind = match resource.kind.as_str() {
                "AWS::IAM::User" => "user",
                "AWS::IAM::Role" => "role",
                "AWS::S3::Bucket" => "bucket",
                "AWS::SecretsManager::Secret" => "secret",
                _ => return None,
            };
            Some((kind, resource.arn.clone().unwrap_or(resource.name.clone())))
        })
        .collect();
    decoys.sort();
    decoys.dedup();
    assert!(decoys.len() > 3, "{decoys:?}");
    let decoy = select(decoys).prop_map(|(kind, name)| json!({ "kind": kind, "name": name }));
    prop::collection::vec(decoy, 0..4)
}

fn judged(tuning: &Tuning, event: &Event, findings: &[Finding]) -> Judged {
    let touched = Touched::by(event);
    let seen = Seen::new(&touched, None, None);
    let mut judged = Judged::default();
    for finding in findings {
        tuning.place(finding.clone(), &seen, now(), &mut judged);
    }
    judged
}

fn ids<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<String> {
    let mut ids: Vec<_> = findings.into_iter().map(|f| f.id.to_string()).collect();
    ids.sort();
    ids
}

/// As the guide promises it, told anew: rule, caller and decoy, each to the letter.
fn names_exactly(one: &Suppression, finding: &Finding, decoy: &str) -> bool {
    let callers = [&finding.principal.arn, &finding.principal.session_issuer];
    one.rule.as_ref() == Some(&finding.rule.name)
        && one.principal.is_some()
        && callers.contains(&&one.principal)
        && one
            .resource
            .as_deref()
            .is_some_and(|r| r.contains(decoy.rsplit([':', '/']).next().unwrap_or(decoy)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn told_and_suppressed_are_the_findings_there_are(suppressions in suppressions(), decoys in decoys()) {
        let mut settings = settings(json!({ "decoys": decoys }));
        settings.suppressions = suppressions;
        let tuning = Tuning::of(&settings);
        for (event, findings) in BASE.iter() {
            let judged = judged(&tuning, event, findings);
            prop_assert!(judged.failures.is_empty());
            prop_assert_eq!(ids(judged.findings.iter().chain(&judged.suppressed)), ids(findings));
            for finding in &judged.suppressed {
                let by = finding.suppressed.as_ref().expect("it says by what");
                prop_assert!(settings.suppressions.iter().any(|one| one.id() == by.id));
                finding.validate().expect("a valid finding");
                let mut plain = finding.clone();
                plain.suppressed = None;
                prop_assert!(findings.contains(&plain), "nothing else has changed");
            }
            if judged.suppressed.is_empty() && settings.decoys.is_empty() {
                prop_assert_eq!(&judged.findings, findings);
            }
        }
    }

    #[test]
    fn what_touches_a_decoy_is_silenced_to_the_letter_only(suppressions in suppressions(), decoys in decoys()) {
        let mut settings = settings(json!({ "decoys": decoys }));
        settings.suppressions = suppressions;
        let tuning = Tuning::of(&settings);
        for (event, findings) in BASE.iter() {
            let touched = tuning.lures.field(&Seen::new(&Touched::by(event), None, None));
            let Some(decoy) = touched.as_ref().and_then(|t| t["name"].as_str()) else {
                continue;
            };
            for finding in &judged(&tuning, event, findings).suppressed {
                let mut all = settings.suppressions.iter();
                prop_assert!(all.any(|one| names_exactly(one, finding, decoy)), "{}", finding.title);
            }
        }
    }
}

#[test]
fn a_decoy_is_silenced_by_rule_caller_and_itself_and_says_so_otherwise() {
    let (event, finding) = BASE
        .iter()
        .find_map(|(event, findings)| {
            let named = |f: &&Finding| {
                f.resources
                    .first()
                    .is_some_and(|r| r.kind == "AWS::S3::Bucket")
                    && f.principal.arn.is_some()
            };
            Some((event, findings.iter().find(named)?))
        })
        .expect("a finding about a bucket");
    let bucket = finding.resources[0].name.clone();
    let caller = finding
        .principal
        .session_issuer
        .clone()
        .or(finding.principal.arn.clone());
    let (rule, resource) = (finding.rule.name.clone(), format!("arn:aws:s3:::{bucket}"));
    let prefix = format!("{}*", &resource[..resource.len() - 1]);
    let cases = [
        (
            "to the letter",
            json!({ "rule": rule, "principal": caller, "resource": resource }),
            true,
        ),
        (
            "by the bucket's name",
            json!({ "rule": rule, "principal": caller, "resource": bucket }),
            true,
        ),
        (
            "without rule",
            json!({ "principal": caller, "resource": resource }),
            false,
        ),
        (
            "without caller",
            json!({ "rule": rule, "resource": resource }),
            false,
        ),
        (
            "without decoy",
            json!({ "rule": rule, "principal": caller }),
            false,
        ),
        (
            "by glob",
            json!({ "rule": rule, "principal": caller, "resource": prefix }),
            false,
        ),
        ("rule alone", json!({ "rule": rule }), false),
    ];
    for (name, mut suppression, expected) in cases {
        for (key, value) in [
            ("owner", "soc"),
            ("reason", "recorder"),
            ("expires", "2026-06-01"),
        ] {
            suppression[key] = value.into();
        }
        let settings = settings(json!({
            "decoys": [{ "kind": "bucket", "name": bucket }], "suppressions": [suppression],
        }));
        let judged = judged(&Tuning::of(&settings), event, std::slice::from_ref(finding));
        assert_eq!(judged.suppressed.len() == 1, expected, "{name}");
        if let Some(told) = judged.findings.first() {
            assert!(
                told.explanation.contains("fits but does not hold"),
                "{name}"
            );
            assert_eq!(told.id, finding.id);
        }
    }
}

#[test]
fn own_roles_using_own_parts_are_counted_and_nothing_more() {
    let reader = "arn:aws:iam::111122223333:role/dial-worker";
    let call = |name: &str, read_only: bool, secret: &str, issuer: &str, error: Option<&str>| {
        super::event(json!({
            "eventSource": "secretsmanager.amazonaws.com", "eventName": name, "readOnly": read_only,
            "managementEvent": true, "errorCode": error, "requestParameters": { "secretId": secret },
            "userIdentity": { "type": "AssumedRole", "sessionContext": { "sessionIssuer": { "arn": issuer } } },
        }))
    };
    let cases = [
        (
            "its own secret",
            call("GetSecretValue", true, "dial-key", reader, None),
            1,
        ),
        (
            "failed",
            call(
                "GetSecretValue",
                true,
                "dial-key",
                reader,
                Some("AccessDenied"),
            ),
            0,
        ),
        (
            "another's secret",
            call("GetSecretValue", true, "pay-key", reader, None),
            0,
        ),
        (
            "another role",
            call(
                "GetSecretValue",
                true,
                "dial-key",
                "arn:aws:iam::111122223333:role/x",
                None,
            ),
            0,
        ),
        (
            "a change",
            call("DeleteSecret", false, "dial-key", reader, None),
            0,
        ),
    ];
    let finding = &BASE[0].1[0];
    let mut settings = settings(json!({ "own": { "readers": [reader] } }));
    for (name, event, expected) in &cases {
        let judged = judged(&Tuning::of(&settings), event, std::slice::from_ref(finding));
        assert_eq!(
            (judged.own_use, judged.findings.len()),
            (*expected, 1 - usize::try_from(*expected).unwrap()),
            "{name}"
        );
    }
    settings.decoys =
        vec![serde_json::from_value(json!({ "kind": "secret", "name": "dial-key" })).unwrap()];
    let judged = judged(
        &Tuning::of(&settings),
        &cases[0].1,
        std::slice::from_ref(finding),
    );
    assert_eq!(judged.own_use, 0, "a decoy is a decoy whoever touches it");
}

//! A rule matches, so a pattern matches: over all events, and over what becomes of them.

use crate::events::{corpus, fixtures};
use crate::judge::{Bus, Deployment};
use crate::mutate::changes;
use dial_detect::Settings;
use dial_detect::patterns::MAX_PATTERN;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Random events tried; each costs about a millisecond unoptimised.
const CASES: u32 = 4_000;

fn settings() -> Settings {
    let text = serde_json::json!({
        "audit_rules": true,
        "known_accounts": ["444455556666"],
        "allowed_regions": ["eu-west-1", "us-east-1"],
        "watched": ["prod-*"],
    });
    serde_json::from_value(text).unwrap()
}

/// Every event that there is.
fn events() -> Vec<Value> {
    let mut events = fixtures();
    events.extend(corpus());
    events
}

/// Events that rules match, with the rules.
fn matching(deployment: &Deployment, events: Vec<Value>) -> Vec<(Value, BTreeSet<String>)> {
    let judged = events.into_iter().map(|event| {
        let hits = deployment.hits(&event);
        (event, hits)
    });
    judged.filter(|(_, hits)| !hits.is_empty()).collect()
}

/// Rules whose events no pattern delivers, with the event; empty is what is wanted.
fn losses(bus: &Bus, matching: &[(Value, BTreeSet<String>)]) -> Vec<String> {
    let lost = matching.iter().filter(|(event, _)| !bus.passes(event));
    lost.map(|(event, rules)| format!("{rules:?} on {}", event["detail"]["eventName"]))
        .collect()
}

#[test]
fn no_event_that_a_rule_matches_is_dropped() {
    for settings in [Settings::default(), settings()] {
        let deployment = Deployment::of(&settings);
        let matching = matching(&deployment, events());
        println!("{} events match", matching.len());
        assert!(matching.len() > 100, "{}", matching.len());
        assert_eq!(losses(&deployment.bus, &matching), [""; 0]);
    }
}

/// Every event that a rule matches, once with each outcome and each kind of caller: what a pattern
/// asks of those must be what the rules ask.
#[test]
fn no_outcome_and_no_caller_is_dropped() {
    let deployment = Deployment::of(&settings());
    let codes = ["AccessDenied", "accessDenied", "Throttling"];
    let callers = ["AWSService", "IAMUser", "AssumedRole", "NewKind"];
    let (mut tried, mut failed) = (0, 0);
    let mut lost = Vec::new();
    for (event, _) in matching(&deployment, fixtures()) {
        let mut variants = vec![event.clone()];
        let mut variant = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut event = event.clone();
            if let Some(record) = event["detail"].as_object_mut() {
                change(record);
            }
            variants.push(event);
        };
        variant(&|record| drop(record.remove("errorCode")));
        for code in codes {
            variant(&|record| drop(record.insert("errorCode".into(), code.into())));
        }
        for caller in callers {
            variant(&|record| {
                if let Some(identity) = record
                    .get_mut("userIdentity")
                    .and_then(Value::as_object_mut)
                {
                    identity.insert("type".into(), caller.into());
                }
            });
        }
        variant(&|record| {
            let identity = record
                .get_mut("userIdentity")
                .and_then(Value::as_object_mut);
            identity.map(|identity| identity.remove("type"));
        });
        let judged = matching(&deployment, variants);
        tried += judged.len();
        let with_code = |(event, _): &&(Value, _)| event["detail"]["errorCode"].is_string();
        failed += judged.iter().filter(with_code).count();
        lost.extend(losses(&deployment.bus, &judged));
    }
    println!("{tried} findings, {failed} of failed calls");
    assert!(tried > 1_000 && failed > 300, "{tried}, {failed}");
    assert_eq!(lost, [""; 0]);
}

#[test]
fn a_pattern_that_wants_other_outcomes_is_noticed() {
    let sound = Deployment::of(&Settings::default());
    let matching = matching(&sound, fixtures());
    let mut unnoticed = Vec::new();
    let fields = ["/detail/errorCode", "/detail/userIdentity/type"];
    for (field, other) in fields.into_iter().zip([
        serde_json::json!([{ "exists": false }]),
        serde_json::json!(["Nobody"]),
    ]) {
        let mut set = sound.bus.set.clone();
        for pattern in &mut set.patterns {
            if let Some(values) = pattern.pattern.pointer_mut(field) {
                values.clone_from(&other);
            }
        }
        if losses(&Bus::of(set), &matching).is_empty() {
            unnoticed.push(field);
        }
    }
    assert_eq!(unnoticed, [""; 0]);
}

#[test]
fn public_rules_get_their_events_too() {
    let Some(folder) = std::env::var_os("DIAL_CORPUS") else {
        println!("skipped: DIAL_CORPUS is not set");
        return;
    };
    let rules = Path::new(&folder).join("sigma-aws/sigmahq");
    let deployment = Deployment::of(&Settings {
        rules: Some(rules),
        ..Settings::default()
    });
    let own = deployment
        .pipeline
        .rules()
        .iter()
        .filter(|rule| !rule.built_in);
    let own: BTreeSet<String> = own.map(|rule| rule.name.clone()).collect();
    assert!(own.len() > 50, "{}", own.len());
    let matching = matching(&deployment, events());
    let by_own = matching.iter().filter(|(_, hits)| !hits.is_disjoint(&own));
    println!("{} events match", by_own.clone().count());
    assert!(by_own.count() > 50);
    assert_eq!(losses(&deployment.bus, &matching), [""; 0]);
}

#[test]
fn no_changed_event_that_a_rule_matches_is_dropped() {
    let deployment = Deployment::of(&settings());
    let calls = deployment.bus.calls();
    let events = events();
    // Half of the cases begin with an event that a rule matches.
    let likely: Vec<Value> = matching(&deployment, fixtures())
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(CASES)
    });
    let input = (any::<bool>(), any::<prop::sample::Index>(), changes());
    let hits = std::cell::Cell::new(0);
    let result = runner.run(&input, |(is_likely, at, changes)| {
        let mut event = at.get(if is_likely { &likely } else { &events }).clone();
        for change in &changes {
            change.apply(&mut event, &calls);
        }
        let found = deployment.hits(&event);
        if !found.is_empty() {
            hits.set(hits.get() + 1);
            prop_assert!(deployment.bus.passes(&event), "{found:?} on {event}");
        }
        Ok(())
    });
    result.unwrap();
    println!("{} of {CASES} events were findings", hits.get());
    assert!(hits.get() > 500, "{}", hits.get());
}

#[test]
fn names_in_any_case_pass_where_nobody_knows_how_aws_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let rule = "title: t\nid: 00000000-0000-4000-8000-000000000001\nname: widget_made\nlevel: low\n\
        logsource: { product: aws, service: cloudtrail }\ndetection: { a: { eventSource: \
        widgets.amazonaws.com, eventName: [createwidget, MakeLid] }, condition: a }\n";
    std::fs::write(folder.path().join("widget_made.yml"), rule).unwrap();
    let deployment = Deployment::of(&Settings {
        rules: Some(folder.path().to_owned()),
        ..Settings::default()
    });
    let base = fixtures()
        .into_iter()
        .find(|event| event["detail"]["eventName"].is_string());
    let mut event = base.unwrap();
    event["detail"]["eventSource"] = "widgets.amazonaws.com".into();
    for name in [
        "createwidget",
        "CreateWidget",
        "CREATEWIDGET",
        "MakeLid",
        "makeLid",
    ] {
        event["detail"]["eventName"] = name.into();
        assert!(deployment.hits(&event).contains("widget_made"), "{name}");
        assert!(deployment.bus.passes(&event), "{name}");
    }
    event["detail"]["eventName"] = "MakeLids".into();
    assert!(!deployment.bus.passes(&event));
}

#[test]
fn whoever_uses_decoy_credentials_is_seen() {
    let settings = serde_json::json!({ "decoys": [
        { "kind": "access_key", "name": "AKIAEXAMPLE000000009" },
        { "kind": "user", "name": "Sec" },
        { "kind": "role", "name": "old-admin" },
        { "kind": "bucket", "name": "company-backups" },
    ] });
    let deployment = Deployment::of(&serde_json::from_value(settings).unwrap());
    let callers = [
        serde_json::json!({ "type": "IAMUser", "userName": "x", "accessKeyId": "AKIAEXAMPLE000000009" }),
        serde_json::json!({ "type": "IAMUser", "userName": "sec" }),
        serde_json::json!({ "type": "AssumedRole", "sessionContext": { "sessionIssuer": { "type": "Role", "userName": "old-admin" } } }),
    ];
    let mut tried = 0;
    for event in fixtures() {
        if !event["detail"]["userIdentity"].is_object() {
            continue;
        }
        for caller in &callers {
            let mut event = event.clone();
            event["detail"]["userIdentity"] = caller.clone();
            assert!(deployment.bus.passes(&event), "{event}");
            tried += 1;
        }
        let mut named = event;
        named["detail"]["requestParameters"] =
            serde_json::json!({ "bucketName": "company-backups" });
        assert!(deployment.bus.passes(&named), "{named}");
    }
    assert!(tried > 400, "{tried}");
}

#[test]
fn a_pattern_without_one_of_its_names_is_noticed() {
    let sound = Deployment::of(&Settings::default());
    let matching = matching(&sound, fixtures());
    let mut unnoticed = Vec::new();
    let names = [
        "PutBucketPolicy",
        "StopLogging",
        "ConsoleLogin",
        "CreateAccessKey",
    ];
    for name in names {
        let mut set = sound.bus.set.clone();
        let mut taken = 0;
        for pattern in &mut set.patterns {
            let values = pattern.pattern.pointer_mut("/detail/eventName");
            if let Some(values) = values.and_then(Value::as_array_mut) {
                let before = values.len();
                let text = |value: &Value| value.get("prefix").unwrap_or(value).clone();
                values.retain(|value| text(value) != name);
                taken += before - values.len();
            }
        }
        assert!(taken > 0, "no pattern has {name}");
        if losses(&Bus::of(set), &matching).is_empty() {
            unnoticed.push(name);
        }
    }
    assert_eq!(unnoticed, [""; 0]);
}

#[test]
fn every_pattern_is_within_the_limits() {
    let deployment = Deployment::of(&settings());
    let mut names = std::collections::BTreeSet::new();
    for pattern in &deployment.bus.set.patterns {
        assert!(pattern.length() <= MAX_PATTERN, "{}", pattern.name);
        assert!(names.insert(&pattern.name), "{} twice", pattern.name);
        assert!(!pattern.rules.is_empty(), "{}", pattern.name);
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        assert!(pattern.name.chars().all(fits) && pattern.name.len() < 50);
    }
}

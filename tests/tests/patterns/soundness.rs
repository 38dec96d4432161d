//! A rule matches, so a pattern matches: over all events, and over what becomes of them.

use crate::events::{corpus, fixtures};
use crate::judge::Deployment;
use crate::mutate::changes;
use dial_detect::Settings;
use dial_detect::patterns::MAX_PATTERN;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

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

/// Rules that were lost, with the event; empty is what is wanted.
fn losses(deployment: &Deployment, events: &[Value]) -> Vec<String> {
    let lost = events.iter().filter_map(|event| {
        let lost = deployment.lost(event);
        let name = &event["detail"]["eventName"];
        (!lost.is_empty()).then(|| format!("{lost:?} on {name}"))
    });
    lost.collect()
}

#[test]
fn no_event_that_a_rule_matches_is_dropped() {
    for settings in [Settings::default(), settings()] {
        let deployment = Deployment::of(&settings);
        let mut events = fixtures();
        events.extend(corpus());
        let hits: usize = events.iter().map(|event| deployment.hits(event)).sum();
        println!("{} events, {hits} findings", events.len());
        assert!(hits > 100, "{hits}");
        assert_eq!(losses(&deployment, &events), [""; 0]);
    }
}

#[test]
fn no_changed_event_that_a_rule_matches_is_dropped() {
    let deployment = Deployment::of(&settings());
    let calls = deployment.calls();
    let mut events = fixtures();
    events.extend(corpus());
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let input = (any::<prop::sample::Index>(), changes());
    let hits = std::cell::Cell::new(0);
    let result = runner.run(&input, |(at, changes)| {
        let mut event = at.get(&events).clone();
        for change in &changes {
            change.apply(&mut event, &calls);
        }
        let lost = deployment.lost(&event);
        hits.set(hits.get() + usize::from(deployment.hits(&event) > 0));
        prop_assert!(lost.is_empty(), "{lost:?} on {event}");
        Ok(())
    });
    result.unwrap();
    println!("{} of {CASES} events were findings", hits.get());
    assert!(hits.get() > 200, "{}", hits.get());
}

#[test]
fn a_pattern_without_one_of_its_names_is_noticed() {
    let mut events = fixtures();
    events.extend(corpus());
    let sound = Deployment::of(&Settings::default());
    let mut unnoticed = Vec::new();
    let names = [
        "PutBucketPolicy",
        "StopLogging",
        "ConsoleLogin",
        "CreateAccessKey",
    ];
    for name in names {
        let mut set = sound.set.clone();
        let mut taken = 0;
        for pattern in &mut set.patterns {
            let values = pattern.pattern.pointer_mut("/detail/eventName");
            if let Some(values) = values.and_then(Value::as_array_mut) {
                let before = values.len();
                values.retain(|value| value != name);
                taken += before - values.len();
            }
        }
        assert!(taken > 0, "no pattern has {name}");
        let worse = Deployment::with(Deployment::of(&Settings::default()).pipeline, set);
        if losses(&worse, &events).is_empty() {
            unnoticed.push(name);
        }
    }
    assert_eq!(unnoticed, [""; 0]);
}

#[test]
fn every_pattern_is_within_the_limits() {
    let deployment = Deployment::of(&settings());
    let mut names = std::collections::BTreeSet::new();
    for pattern in &deployment.set.patterns {
        assert!(pattern.length() <= MAX_PATTERN, "{}", pattern.name);
        assert!(names.insert(&pattern.name), "{} twice", pattern.name);
        assert!(!pattern.rules.is_empty(), "{}", pattern.name);
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        assert!(pattern.name.chars().all(fits) && pattern.name.len() < 50);
    }
}

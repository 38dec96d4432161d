//! Index, gates, facts on demand and the compiled pack give what a full evaluation gives: every
//! rule read from its file, asked about every event, with everything that can be known.

use super::mutation::mutations;
use crate::engine::{Hit, Reference, View};
use crate::envelope::{self, Input, trail};
use crate::event::{Event, Head, Kind};
use crate::facts::{self, EXTRACTORS, JUDGED};
use crate::normalise::Call;
use crate::touched::Touched;
use crate::{Judged, Pipeline, Settings};
use dial_core::wire::WorkerInfo;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Rules of every kind that an index could get wrong, beside a filter of the pack and a rule that
/// takes the place of one.
const OWN_RULES: &str = "
title: any root
id: 00000000-0000-4000-8000-000000000001
level: low
logsource: { product: aws, service: cloudtrail }
detection:
  root: { userIdentity.type: Root }
  condition: root
---
title: a word anywhere
id: 00000000-0000-4000-8000-000000000002
level: low
logsource: { product: aws }
detection:
  words: ['amazonaws', 'GuardDuty']
  condition: words
---
title: names that start so, or do not
id: 00000000-0000-4000-8000-000000000003
level: low
logsource: { product: aws, service: cloudtrail }
detection:
  start: { eventName|startswith: [Delete, Put] }
  service: { eventSource: [s3.amazonaws.com, iam.amazonaws.com] }
  read: { eventName|re: '^(Get|List)' }
  condition: start and service or not read and 1 of errorCode_*
  errorCode_set: { errorCode|exists: true }
---
title: from somewhere
id: 00000000-0000-4000-8000-000000000004
level: low
logsource: { product: aws, service: cloudtrail }
detection:
  place: { geo.country|exists: true, reputation.listed: [null, true] }
  condition: place
---
title: two alternatives
id: 00000000-0000-4000-8000-000000000005
level: low
logsource: { product: aws, service: cloudtrail }
detection:
  named: { eventName: [StopLogging, AddPermission] }
  fact: { fact.s3.policy.public|exists: true }
  other: { eventName|cased: PutBucketPolicy }
  condition: named or (fact and other) or all of never*
---
title: not the production account
logsource: { product: aws, service: cloudtrail }
filter:
  rules: any
  selection: { account.production: true }
  condition: not selection
";

struct Setup {
    pipeline: Pipeline,
    reference: Reference,
    _folder: Option<tempfile::TempDir>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pipeline(settings: Value) -> Pipeline {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0.1.0".into(),
        rules: String::new(),
    };
    Pipeline::new(&settings, worker).unwrap()
}

/// Nothing configured: most derived names are absent.
static BARE: LazyLock<Setup> = LazyLock::new(|| Setup {
    pipeline: pipeline(json!({ "audit_rules": true })),
    reference: Reference::of(&[&root().join("rules")]),
    _folder: None,
});

/// Everything configured, own rules and a filter beside the pack.
static FULL: LazyLock<Setup> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.yml"), OWN_RULES).unwrap();
    let replaced = std::fs::read_to_string(root().join("rules/cloudtrail/trail_stopped.yml"));
    let replaced = replaced
        .unwrap()
        .replace("eventName: StopLogging", "eventName: StartLogging");
    std::fs::create_dir(folder.path().join("cloudtrail")).unwrap();
    std::fs::write(folder.path().join("cloudtrail/trail_stopped.yml"), replaced).unwrap();
    let list = folder.path().join("list.netset");
    std::fs::write(&list, "203.0.113.0/25\n").unwrap();
    let geoip = root().join("../../geoip/test");
    let pipeline = pipeline(json!({
        "audit_rules": true,
        "rules": folder.path(),
        "known_accounts": ["444455556666"],
        "production_accounts": ["555566667777"],
        "trusted_principals": ["arn:aws:iam::111122223333:user/clerk"],
        "allowed_regions": ["us-east-1"],
        "watched": ["*customer*", "main"],
        "own_networks": ["198.51.100.0/24"],
        "decoys": [{ "kind": "user", "name": "dev" }, { "kind": "bucket", "name": "logs" }],
        "enrich": {
            "geoip": { "city": geoip.join("city.mmdb"), "asn": geoip.join("asn.mmdb") },
            "reputation": [{ "name": "list", "category": "tor", "path": list }],
            "accounts": { "111122223333": "main" },
        },
    }));
    Setup {
        pipeline,
        reference: Reference::of(&[&root().join("rules"), folder.path()]),
        _folder: Some(folder),
    }
});

impl Setup {
    /// What the shortcuts find, checked against what the full evaluation finds.
    fn check(&self, event: &Event) -> Result<usize, String> {
        let pipeline = &self.pipeline;
        let mut judged = Judged::default();
        let rules = pipeline.engine.candidates(event);
        let touched = Touched::by(event);
        let needs = pipeline.engine.needs(&rules);
        let needed = pipeline.known(&touched, &needs, &mut judged);
        let hits = pipeline.hits(event, &rules, &needed, &mut judged);
        let completed = pipeline.completed(needed, &touched, &needs, &mut judged);
        let known = pipeline.everything(&touched, &mut judged);
        if (&completed.facts, &completed.derived) != (&known.facts, &known.derived) {
            return Err(format!("{completed:?} is not {known:?}"));
        }
        let view = View::new(event, &known.derived);
        let every: Vec<usize> = (0..pipeline.rules().len()).collect();
        let full = pipeline.engine.judge(&every, &view);
        let names = |hits: &[Hit]| {
            let names = hits
                .iter()
                .map(|hit| pipeline.rules()[hit.rule].name.clone());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        };
        let wanted = self.reference.matching(&view);
        let found = (judged.failures, hits == full, names(&hits));
        if found != (Vec::new(), true, wanted.clone()) {
            return Err(format!("{found:?} instead of {wanted:?}: {}", event.record));
        }
        if !hits.is_empty() && !pipeline.may_match(&event.head()) {
            return Err(format!("{wanted:?} passed over: {}", event.record));
        }
        Ok(hits.len())
    }

    /// What the bytes deny of a fact, the parsed record must not show.
    fn check_denied(&self, head: &Head<'_>, event: &Event) -> Result<(), String> {
        let accounts = &self.pipeline.settings.known_accounts;
        let Some(own) = head.recipient_account.as_deref() else {
            return Ok(());
        };
        let known = facts::Known { accounts, own };
        // A name or service that the fact does not look at would prove nothing.
        let judged = |fact: &str| JUDGED.iter().any(|(path, _)| path.ends_with(fact));
        let makers = EXTRACTORS
            .iter()
            .filter(|e| e.facts.iter().any(|fact| judged(fact)));
        let facts = makers.flat_map(|extractor| {
            let mut event = event.clone();
            for (key, values) in [
                ("eventName", extractor.names),
                ("eventSource", extractor.sources),
            ] {
                if let Some(value) = values.first() {
                    event.record[key] = (*value).into();
                }
            }
            let facts = facts::extract(&Call::of(&event), &known);
            JUDGED.map(|(path, wanted)| (path, wanted, facts.get(&path["fact.".len()..]).cloned()))
        });
        let wrong = facts.filter(|(path, wanted, found)| {
            *found == Some(Value::Bool(*wanted))
                && facts::Unread::new(head, known).is_never(path, *wanted)
        });
        match wrong.map(|(path, ..)| path).next() {
            Some(path) => Err(format!("{path} denied: {}", event.record)),
            None => Ok(()),
        }
    }

    /// A scan hands over every record that matches, as text, among others.
    fn check_scan(&self, record: &Value) -> Result<(), String> {
        let file = format!("{{ \"Records\" : [{{}}, {record} ,{record}]}}");
        let seen = RefCell::new(0);
        let limits = trail::Limits::default();
        let event = read(record);
        let denied = RefCell::new(Ok(()));
        let want = |head: &Head<'_>| {
            if let Ok(event) = &event {
                let checked = self.check_denied(head, event);
                denied.borrow_mut().clone_from(&checked);
            }
            self.pipeline.may_match(head)
        };
        let counts = trail::scan(file.as_bytes(), &limits, want, |item| {
            *seen.borrow_mut() += usize::from(item.is_ok());
        });
        let counts = counts.map_err(|error| error.to_string())?;
        denied.into_inner()?;
        let Ok(event) = event else {
            return Ok(());
        };
        let expected = if self.check(&event)? > 0 { 2 } else { 0 };
        if counts.records != 3 || *seen.borrow() < expected {
            return Err(format!("{counts:?}, {expected} were to be seen: {record}"));
        }
        Ok(())
    }
}

fn read(record: &Value) -> Result<Event, String> {
    match envelope::read(record.to_string().as_bytes()) {
        Ok(Input::Events(mut items)) if items.len() == 1 => items
            .remove(0)
            .map_err(|malformed| malformed.error.to_string()),
        other => Err(format!("{other:?}")),
    }
}

/// All fixtures that hold events.
fn fixtures() -> Vec<Event> {
    let mut paths = Vec::new();
    walk(&root().join("../../tests/fixtures"), &mut paths);
    let texts = paths.iter().map(|path| std::fs::read(path).unwrap());
    let inputs = texts.filter_map(|text| envelope::read(&text).ok());
    let items = inputs.filter_map(|input| match input {
        Input::Events(items) => Some(items),
        _ => None,
    });
    items.flatten().flatten().collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, paths);
        } else if path.extension().is_some_and(|suffix| suffix == "json") {
            paths.push(path);
        }
    }
}

static FIXTURES: LazyLock<Vec<Event>> = LazyLock::new(fixtures);

#[test]
fn fixtures_are_judged_as_in_full() {
    assert!(FIXTURES.len() > 200, "{} fixtures", FIXTURES.len());
    for setup in [&*BARE, &*FULL] {
        let mut hits = 0;
        for event in &*FIXTURES {
            hits += setup.check(event).unwrap();
            if event.kind == Kind::CloudTrail {
                setup.check_scan(&event.record).unwrap();
            }
        }
        assert!(hits > 100, "{hits} hits");
    }
}

/// Needs `DIAL_CORPUS` with `cloudtrail/*.jsonl`; skipped without it.
#[test]
fn real_events_are_judged_as_in_full() {
    let Some(corpus) = std::env::var_os("DIAL_CORPUS").map(PathBuf::from) else {
        return println!("skipped: DIAL_CORPUS is not set");
    };
    let entries = std::fs::read_dir(corpus.join("cloudtrail")).unwrap();
    let mut events = 0;
    for entry in entries {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
        let items = text.lines().filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            // Some corpora keep the event below `body`, with its source beside.
            let event = line.get("body").unwrap_or(&line).to_string();
            match envelope::read(event.as_bytes()) {
                Ok(Input::Events(items)) => Some(items),
                _ => None,
            }
        });
        for event in items.flatten().flatten() {
            BARE.check(&event).unwrap();
            FULL.check(&event).unwrap();
            events += 1;
        }
    }
    assert!(events > 1_500, "{events} events");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn mutated_events_are_judged_as_in_full(
        at in any::<prop::sample::Index>(),
        changes in mutations(),
        region in prop::sample::select(vec!["us-east-1", "ap-south-2"]),
    ) {
        let mut event = at.get(&FIXTURES).clone();
        for change in &changes {
            change.apply(&mut event.record);
        }
        event.region = region.to_owned();
        for setup in [&*BARE, &*FULL] {
            let judged = setup.check(&event);
            prop_assert!(judged.is_ok(), "{changes:?} {}", judged.unwrap_err());
            if event.kind == Kind::CloudTrail {
                let scanned = setup.check_scan(&event.record);
                prop_assert!(scanned.is_ok(), "{changes:?} {}", scanned.unwrap_err());
            }
        }
    }
}

//! Public events and databases that are not part of this repository: every one is survived.
//!
//! `DIAL_CORPUS` names a folder with `cloudtrail/*.jsonl` and `geoip/*.mmdb`; without it these
//! tests say that they were skipped.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

use dial_core::wire::WorkerInfo;
use dial_core::{AccountId, Region};
use dial_detect::enrich::{Enricher, GeoipSettings, OnError, Settings as Enrich};
use dial_detect::envelope::trail::{Limits, scan};
use dial_detect::envelope::{Input, Item, read};
use dial_detect::{Pipeline, Settings, redact};
use jiff::Timestamp;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn corpus(part: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("DIAL_CORPUS") else {
        println!("skipped: DIAL_CORPUS is not set");
        return None;
    };
    let folder = Path::new(&folder).join(part);
    if !folder.is_dir() {
        println!("skipped: {} is no folder", folder.display());
        return None;
    }
    Some(folder)
}

/// Files of a folder whose name ends so, sorted.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.to_string_lossy().ends_with(end))
        .collect();
    files.sort();
    files
}

/// Files that hold one bare record a line.
fn record_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = files(folder, ".jsonl");
    files.retain(|path| {
        path.file_name()
            .is_some_and(|n| n.to_string_lossy().matches('.').count() == 1)
    });
    files
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let parsed = text.lines().map(|line| serde_json::from_str(line).unwrap());
    parsed.collect()
}

/// Whether a record says who, where and when; some sources write `...` there.
fn is_an_event(record: &Value, around: Option<&Value>) -> bool {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let outer = |key: &str| text(around.and_then(|around| around.get(key)));
    let account = text(record.get("recipientAccountId"))
        .or(outer("account"))
        .or(text(record.pointer("/userIdentity/accountId")));
    let region = text(record.get("awsRegion")).or(outer("region"));
    let time = text(record.get("eventTime")).or(outer("time"));
    account.is_some_and(|text| AccountId::parse(&text).is_ok())
        && region.is_some_and(|text| Region::parse(&text).is_ok())
        && time.is_some_and(|text| text.parse::<Timestamp>().is_ok())
        && text(record.get("eventName")).is_some()
        && text(record.get("eventSource")).is_some()
}

fn pipeline() -> Pipeline {
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0".into(),
        rules: String::new(),
    };
    Pipeline::new(&Settings::default(), worker).unwrap()
}

/// Judges an event; returns how many findings there were.
fn judged(pipeline: &Pipeline, item: &Item) -> usize {
    let Ok(event) = item else { return 0 };
    let judged = pipeline.run(event, Timestamp::UNIX_EPOCH);
    assert!(
        judged.failures.is_empty(),
        "{}: {:?}",
        event.id,
        judged.failures
    );
    for finding in &judged.findings {
        assert_eq!(finding.validate(), Ok(()), "{}", event.id);
    }
    let mut record = event.record.clone();
    redact::redact(&mut record);
    assert_eq!(redact::redact(&mut record), 0, "{}", event.id);
    judged.findings.len()
}

#[test]
fn every_record_is_parsed_and_judged() {
    let Some(folder) = corpus("cloudtrail") else {
        return;
    };
    let pipeline = pipeline();
    let (mut events, mut findings) = (0, 0);
    for path in record_files(&folder) {
        let records = lines(&path);
        let mut items: Vec<Item> = Vec::new();
        let bytes = fs::read(&path).unwrap();
        scan(
            bytes.as_slice(),
            &Limits::default(),
            |_| true,
            |item| items.push(item),
        )
        .unwrap();
        assert_eq!(items.len(), records.len(), "{}", path.display());
        for (line, (record, item)) in (1..).zip(records.iter().zip(&items)) {
            let place = format!("{}:{line}", path.display());
            assert_eq!(item.is_ok(), is_an_event(record, None), "{place}: {item:?}");
            let Ok(Input::Events(single)) = read(record.to_string().as_bytes()) else {
                panic!("{place}: one record is one event");
            };
            let whole = |item: &Item| {
                item.as_ref()
                    .ok()
                    .map(|e| (e.record.clone(), e.account.clone()))
            };
            assert_eq!(whole(&single[0]), whole(item), "{place}");
            events += usize::from(item.is_ok());
            findings += judged(&pipeline, item);
        }
    }
    println!("{events} events, {findings} findings");
    assert!(events > 1_600, "{events}");
}

#[test]
fn every_prefilter_decision_agrees_with_the_rules() {
    let Some(folder) = corpus("cloudtrail") else {
        return;
    };
    let pipeline = pipeline();
    for path in record_files(&folder) {
        let bytes = fs::read(&path).unwrap();
        let found = |filtered: bool| {
            let mut findings = Vec::new();
            let want = |head: &dial_detect::event::Head<'_>| !filtered || pipeline.may_match(head);
            scan(bytes.as_slice(), &Limits::default(), want, |item| {
                if let Ok(event) = item {
                    let judged = pipeline.run(&event, Timestamp::UNIX_EPOCH);
                    findings.extend(judged.findings.into_iter().map(|f| f.id.to_string()));
                }
            })
            .unwrap();
            findings
        };
        assert_eq!(found(true), found(false), "{}", path.display());
    }
}

#[test]
fn every_envelope_is_read_or_named() {
    let Some(folder) = corpus("cloudtrail") else {
        return;
    };
    let pipeline = pipeline();
    let mut events = 0;
    let tests = lines(&folder.join("streamalert.tests.jsonl"));
    let tests = tests.iter().map(|test| test["event"].clone());
    let envelopes = files(&folder, ".envelopes.jsonl");
    let envelopes = envelopes.iter().flat_map(|path| lines(path));
    let envelopes = envelopes.map(|line| line.get("body").cloned().unwrap_or(line));
    for input in envelopes.chain(tests) {
        let shown = input.to_string();
        let detail = input.get("detail").filter(|detail| detail.is_object());
        let detail_type = input["detail-type"].as_str();
        let result = read(shown.as_bytes());
        let Ok(Input::Events(items)) = &result else {
            assert!(detail.is_none(), "{shown}: {result:?}");
            continue;
        };
        for item in items {
            events += usize::from(item.is_ok());
            judged(&pipeline, item);
        }
        match (detail_type, detail) {
            (Some(kind), Some(detail)) if kind.ends_with(" via CloudTrail") => {
                assert_eq!(
                    items[0].is_ok(),
                    is_an_event(detail, Some(&input)),
                    "{shown}"
                );
            }
            (Some(_), Some(_)) => assert!(items[0].is_ok(), "{shown}: {items:?}"),
            _ => {}
        }
    }
    assert!(events > 20, "{events}");
}

fn enricher(
    city: Option<&Path>,
    asn: Option<&Path>,
    on_error: OnError,
) -> Result<Enricher, String> {
    let settings = Enrich {
        geoip: GeoipSettings {
            city: city.map(Path::to_owned),
            asn: asn.map(Path::to_owned),
        },
        on_error,
        ..Enrich::default()
    };
    Enricher::load(&settings).map_err(|errors| errors[0].to_string())
}

#[test]
fn good_databases_answer() {
    let Some(folder) = corpus("geoip") else {
        return;
    };
    let asn = folder.join("GeoLite2-ASN-Test.mmdb");
    for (name, city) in [
        ("GeoIP2-City-Test.mmdb", Some("London")),
        ("GeoLite2-City-Test.mmdb", Some("London")),
        ("GeoLite2-Country-Test.mmdb", None),
    ] {
        let enricher = enricher(Some(&folder.join(name)), Some(&asn), OnError::Refuse).unwrap();
        for ip in ["81.2.69.160", "::ffff:81.2.69.160"] {
            let found = enricher.run(Some(ip), "");
            let geo = found.geo.unwrap();
            assert_eq!(geo.country.as_deref(), Some("GB"), "{name} {ip}");
            assert_eq!(geo.city.as_deref(), city, "{name} {ip}");
            assert!(found.incomplete.is_empty(), "{name} {ip}");
        }
        let found = enricher.run(Some("1.128.0.1"), "");
        assert_eq!(found.asn.map(|asn| asn.number), Some(1221), "{name}");
    }
    let wrong = enricher(
        Some(&folder.join("GeoIP2-Anonymous-IP-Test.mmdb")),
        None,
        OnError::Refuse,
    );
    assert!(wrong.err().unwrap().contains("holds `GeoIP2-Anonymous-IP`"));
}

#[test]
fn bad_databases_are_errors_or_marks_never_crashes() {
    let Some(folder) = corpus("geoip") else {
        return;
    };
    let bad = files(&folder.join("bad"), ".mmdb");
    assert!(bad.len() > 15);
    let mut silent = Vec::new();
    for path in &bad {
        let refused = enricher(Some(path), None, OnError::Refuse);
        let marked = enricher(Some(path), None, OnError::Mark).unwrap();
        let mut is_noticed = refused.is_err();
        for octet in 0..=255_u8 {
            for ip in [format!("{octet}.2.69.160"), format!("2001:{octet:x}00::1")] {
                let found = marked.run(Some(&ip), "");
                is_noticed |= !found.incomplete.is_empty();
            }
        }
        if !is_noticed {
            silent.push(path.file_name().unwrap().to_owned());
        }
    }
    println!(
        "of {} bad databases these gave no error and no answer: {silent:?}",
        bad.len()
    );
    assert!(silent.len() < bad.len() / 2, "{silent:?}");
}

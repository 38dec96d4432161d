//! Real events and public rules: nothing fails, nothing is lost, and what fires is printed.
//!
//! Needs `DIAL_CORPUS` with `cloudtrail/*.jsonl` and `sigma-aws/sigmahq`; skipped without it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use dial_core::wire::WorkerInfo;
use dial_detect::envelope::{self, Input};
use dial_detect::event::Kind;
use dial_detect::settings::OnRuleError;
use dial_detect::{Pipeline, Settings};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

fn corpus() -> Option<PathBuf> {
    let corpus = std::env::var_os("DIAL_CORPUS").map(PathBuf::from);
    if corpus.is_none() {
        println!("skipped: DIAL_CORPUS is not set");
    }
    corpus
}

fn pipeline(rules: Option<PathBuf>) -> Pipeline {
    let settings = Settings {
        rules,
        ..Settings::default()
    };
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0.1.0".into(),
        rules: String::new(),
    };
    Pipeline::new(&settings, worker).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(without_wrapper).collect()
}

/// Envelopes lie in `body`, with the name of their file beside.
fn without_wrapper(line: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    match value.get("body") {
        Some(body) => body.to_string(),
        None => line.to_owned(),
    }
}

/// Files of records: neither labels nor tests, which lie beside.
fn record_files(corpus: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus.join("cloudtrail")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let other = [".labels.", ".tests."]
                .iter()
                .any(|part| name.contains(part));
            name.ends_with(".jsonl") && !other
        })
        .collect();
    paths.sort();
    paths
}

#[test]
fn public_rules_load_and_no_real_event_breaks_anything() {
    let Some(corpus) = corpus() else { return };
    let start = Instant::now();
    let pack = pipeline(None);
    let alone = start.elapsed();
    let pipeline = pipeline(Some(corpus.join("sigma-aws/sigmahq")));
    let public = pipeline
        .rules()
        .iter()
        .filter(|rule| !rule.built_in)
        .count();
    assert_eq!(public, 57, "rules of SigmaHQ");
    let now = "2026-05-01T10:00:00Z".parse().unwrap();
    let (mut events, mut findings, mut wanted) = (0_u32, 0_usize, 0_u32);
    let mut spent = std::time::Duration::ZERO;
    let mut fired: BTreeMap<String, u32> = BTreeMap::new();
    let mut refused: BTreeMap<String, u32> = BTreeMap::new();
    for path in record_files(&corpus) {
        for line in lines(&path) {
            // Some lines are inputs that carry no event, such as an API Gateway request.
            let Ok(Input::Events(items)) = envelope::read(line.as_bytes()) else {
                *refused.entry("no event".to_owned()).or_default() += 1;
                continue;
            };
            for item in items {
                let event = match item {
                    Ok(event) => event,
                    Err(malformed) => {
                        *refused.entry(malformed.error.to_string()).or_default() += 1;
                        continue;
                    }
                };
                let start = Instant::now();
                let judged = pipeline.run(&event, now);
                spent += start.elapsed();
                assert_eq!(judged.failures, [], "{}", event.id);
                let may_match = pipeline.may_match(&event.head());
                assert!(
                    may_match || judged.findings.is_empty(),
                    "lost: {}",
                    event.record
                );
                for finding in &judged.findings {
                    finding
                        .validate()
                        .unwrap_or_else(|error| panic!("{}: {error}", event.id));
                    *fired.entry(finding.rule.name.clone()).or_default() += 1;
                }
                events += 1;
                wanted += u32::from(pack.may_match(&event.head()));
                findings += judged.findings.len();
            }
        }
    }
    println!("refused: {refused:#?}");
    assert!(events > 1_600, "only {events} events were read");
    println!(
        "the pack loads in {alone:?}; {events} events, {wanted} pass its prefilter; {findings} findings with public rules"
    );
    assert!(
        wanted < events / 2,
        "{wanted} of {events} pass the prefilter of the pack"
    );
    println!("{:?} per event", spent / events);
    println!("{fired:#?}");
}

#[test]
fn what_fires_on_recorded_attacks_is_printed() {
    let Some(corpus) = corpus() else { return };
    let pipeline = pipeline(None);
    let now = "2026-05-01T10:00:00Z".parse().unwrap();
    let folder = corpus.join("cloudtrail");
    let labels = lines(&folder.join("stratus.labels.jsonl"));
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (line, label) in lines(&folder.join("stratus.jsonl")).iter().zip(&labels) {
        let label: serde_json::Value = serde_json::from_str(label).unwrap();
        let rules = seen.entry(label["label"].to_string()).or_default();
        let Ok(Input::Events(items)) = envelope::read(line.as_bytes()) else {
            continue;
        };
        for event in items.into_iter().flatten() {
            let judged = pipeline.run(&event, now);
            rules.extend(judged.findings.into_iter().map(|finding| finding.rule.name));
        }
    }
    let hit = seen.values().filter(|rules| !rules.is_empty()).count();
    println!("{hit} of {} labels have a finding\n{seen:#?}", seen.len());
    assert!(hit > 0, "no recorded attack was found");
}

/// All public rules, and why some documents are no rule for one event.
fn public_rules(corpus: &Path) -> Pipeline {
    let settings = Settings {
        rules: Some(corpus.join("sigma-aws")),
        on_rule_error: OnRuleError::Refuse,
        ..Settings::default()
    };
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0.1.0".into(),
        rules: String::new(),
    };
    Pipeline::new(&settings, worker).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// The same rules in the library alone, without our view of an event.
fn library(corpus: &Path) -> rsigma_eval::Engine {
    let folder = corpus.join("sigma-aws/sigmahq");
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let files = files.chain([corpus.join("sigma-aws/suzaku-aws.yml")]);
    let mut library = rsigma_eval::Engine::new();
    for file in files.filter(|path| path.extension().is_some_and(|suffix| suffix == "yml")) {
        let text = std::fs::read_to_string(file).unwrap();
        let read = rsigma_parser::parse_sigma_yaml(&text).unwrap();
        assert!(read.errors.is_empty(), "{:?}", read.errors);
        let refused = library.add_rules(read.rules.iter());
        assert!(refused.is_empty(), "{refused:?}");
    }
    library
}

#[test]
fn public_rules_match_what_the_library_matches() {
    let Some(corpus) = corpus() else { return };
    let pipeline = public_rules(&corpus);
    let own = pipeline.rules().iter().filter(|rule| !rule.built_in);
    let own: BTreeSet<&str> = own.map(|rule| rule.id.as_str()).collect();
    // Of the 740 in one file one is there twice, and five more documents are about several events.
    assert_eq!(own.len(), 57 + 739);
    let left_out = pipeline.left_out();
    assert_eq!(left_out.len(), 5, "{left_out:#?}");
    for error in left_out {
        assert!(error.message.contains("is a correlation"), "{error}");
    }
    let library = library(&corpus);
    let now = "2026-05-01T10:00:00Z".parse().unwrap();
    let (mut same, mut more) = (0_u32, BTreeMap::<String, u32>::new());
    for path in record_files(&corpus) {
        for line in lines(&path) {
            let Ok(Input::Events(items)) = envelope::read(line.as_bytes()) else {
                continue;
            };
            for event in items.into_iter().flatten() {
                if event.kind != Kind::CloudTrail {
                    continue;
                }
                let seen = rsigma_eval::JsonEvent::borrow(&event.record);
                let theirs = library.evaluate(&seen);
                let theirs: BTreeSet<String> = theirs
                    .iter()
                    .filter_map(|result| result.header.rule_id.clone())
                    .map(|id| id.to_ascii_lowercase())
                    .collect();
                let ours = pipeline.run(&event, now).findings.into_iter();
                let ours = ours.filter(|finding| own.contains(finding.rule.id.as_str()));
                let ours: BTreeMap<String, String> = ours
                    .map(|finding| (finding.rule.id, finding.rule.name))
                    .collect();
                for id in &theirs {
                    assert!(ours.contains_key(id), "{id} lost on {}", event.record);
                    same += 1;
                }
                for (id, name) in ours.iter().filter(|(id, _)| !theirs.contains(*id)) {
                    let call = event.record["eventName"].as_str().unwrap_or_default();
                    *more.entry(format!("{id} {name} on {call}")).or_default() += 1;
                }
            }
        }
    }
    println!("{same} matches agree; ours beside them: {more:#?}");
    assert!(same > 1_000, "{same} matches");
    // Only what the view of an event adds: names without their API date.
    for why in more.keys() {
        let call = why.rsplit(' ').next().unwrap_or_default();
        assert!(call.ends_with(|c: char| c.is_ascii_digit()), "{why}");
    }
}

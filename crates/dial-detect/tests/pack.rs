//! The rule pack: fit, and each rule does what its tests say.

use dial_detect::engine;
use std::path::{Path, PathBuf};

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

#[test]
fn the_pack_has_no_remarks() {
    let remarks: Vec<String> = engine::lint(&rules())
        .into_iter()
        .map(|lint| format!("{}:{:?}: {}", lint.file, lint.line, lint.message))
        .collect();
    assert!(remarks.is_empty(), "{}", remarks.join("\n"));
}

#[test]
fn every_rule_is_named_after_its_path() {
    let worker = dial_core::wire::WorkerInfo {
        account: String::new(),
        region: String::new(),
        version: String::new(),
        rules: String::new(),
    };
    let settings = dial_detect::Settings {
        audit_rules: true,
        ..dial_detect::Settings::default()
    };
    let pipeline = dial_detect::Pipeline::new(&settings, worker).unwrap();
    for rule in pipeline.rules() {
        let path = rule.file.trim_end_matches(".yml").replace('/', "_");
        assert_eq!(rule.name, path);
    }
}

#[test]
fn every_rule_passes_its_tests() {
    let outcomes = engine::test(&rules(), &fixtures()).unwrap();
    let failed: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| {
            let why = outcome.failure.as_ref()?;
            Some(format!("{} on {}: {why}", outcome.rule, outcome.event))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(outcomes.len() > 130, "{} tests ran", outcomes.len());
}

//! The ways to read a corpus: the least that can be done, other evaluators, and dial.

use crate::child::{self, Usage};
use crate::rules::RuleSet;
use flate2::read::GzDecoder;
use rsigma_eval::JsonEvent;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Inflates and finds the event names.
pub(crate) fn raw_limit(files: &[Vec<u8>]) -> usize {
    let finder = memchr::memmem::Finder::new(b"\"eventName\":\"");
    files
        .iter()
        .map(|file| finder.find_iter(black_box(&deflate(file))).count())
        .sum()
}

/// Inflates a whole file in one call; the gzip trailer says how large it becomes.
fn deflate(file: &[u8]) -> Vec<u8> {
    let trailer: [u8; 4] = file[file.len() - 4..].try_into().expect("four bytes");
    let mut inflated = vec![0; u32::from_le_bytes(trailer) as usize];
    libdeflater::Decompressor::new()
        .gzip_decompress(file, &mut inflated)
        .expect("the corpus is ours");
    inflated
}

/// Builds every record and asks nothing of it.
pub(crate) fn parse(files: &[Vec<u8>]) -> usize {
    records(files, |record| {
        black_box(serde_json::from_str::<Value>(record).expect("a record"));
        0
    })
}

/// Asks every rule of sigma-rust about every record.
pub(crate) fn sigma_rust(files: &[Vec<u8>], rules: &[sigma_rust::Rule]) -> usize {
    records(files, |record| {
        let event = sigma_rust::event_from_json(record).expect("an object");
        rules.iter().filter(|rule| rule.is_match(&event)).count()
    })
}

/// Asks rsigma, with the index that it has, about every record.
pub(crate) fn rsigma(files: &[Vec<u8>], engine: &rsigma_eval::Engine) -> usize {
    records(files, |record| {
        let record: Value = serde_json::from_str(record).expect("a record");
        engine.evaluate(&JsonEvent::borrow(&record)).len()
    })
}

/// `dial scan` as people call it.
pub(crate) fn dial(trail: &Path, rules: &RuleSet, threads: usize) -> Usage {
    let bin = PathBuf::from(std::env::var_os("DIAL_BIN_DIR").expect("DIAL_BIN_DIR is set"));
    let mut command = Command::new(bin.join("dial"));
    command.args([
        "scan",
        "--format",
        "jsonl",
        "--threads",
        &threads.to_string(),
    ]);
    if let Some(folder) = &rules.folder {
        command.arg("--rules").arg(folder.path());
    }
    child::measure(command.arg(trail))
}

/// How many records each rule of rsigma matches, by its id.
pub(crate) fn rsigma_by_rule(
    files: &[Vec<u8>],
    engine: &rsigma_eval::Engine,
) -> HashMap<String, f64> {
    let mut hits = HashMap::new();
    records(files, |record| {
        let record: Value = serde_json::from_str(record).expect("a record");
        for hit in engine.evaluate(&JsonEvent::borrow(&record)) {
            *hits
                .entry(hit.header.rule_id.clone().unwrap_or_default())
                .or_default() += 1.0;
        }
        0
    });
    hits
}

fn records(files: &[Vec<u8>], mut each: impl FnMut(&str) -> usize) -> usize {
    let mut hits = 0;
    for file in files {
        let mut inflated = Vec::new();
        GzDecoder::new(file.as_slice())
            .read_to_end(&mut inflated)
            .expect("the corpus is ours");
        let file: TrailFile<'_> = serde_json::from_slice(&inflated).expect("the corpus is ours");
        hits += file
            .records
            .iter()
            .map(|record| each(record.get()))
            .sum::<usize>();
    }
    hits
}

#[derive(serde::Deserialize)]
struct TrailFile<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

//! Scan speed in events per CPU-second, as ratios to the raw limit and to naive loops.
//!
//! `DIAL_BENCH_CORPUS` is a folder written by `cargo xtask corpus`, `DIAL_BIN_DIR` holds `dial`.

use flate2::read::GzDecoder;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::Value;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One measured way to read the corpus.
struct Row {
    name: &'static str,
    seconds: f64,
    hits: usize,
}

fn main() {
    let Some(corpus) = std::env::var_os("DIAL_BENCH_CORPUS").map(PathBuf::from) else {
        println!("scan: skipped, DIAL_BENCH_CORPUS names no corpus (run `cargo xtask bench`)");
        return;
    };
    let trail = corpus.join("trail");
    let files = read_all(&trail);
    let events = count_events(&corpus);
    let rules = rules();
    let rows = [
        best("raw limit: libdeflate + memmem", || raw_limit(&files)),
        best("gunzip + serde_json Value of all", || {
            records(&files, |record| {
                black_box(serde_json::from_str::<Value>(record).expect("a record"));
                0
            })
        }),
        best("gunzip + every rule by sigma-rust", || {
            records(&files, |record| sigma_rust_hits(&rules, record))
        }),
        best_child("dial scan (the embedded pack)", || scan(&trail, &[])),
        best_child("dial scan --threads 1", || {
            scan(&trail, &["--threads", "1"])
        }),
    ];
    print(&rows, events, rules.len());
}

fn print(rows: &[Row], events: f64, rules: usize) {
    let limit = rows[0].seconds;
    println!(
        "scan: {events} events, sigma-rust with {rules} rules, best of 3, CPU time (user + system)"
    );
    println!(
        "{:<40} {:>12} {:>10} {:>8}",
        "way", "events/CPU-s", "of limit", "hits"
    );
    for row in rows {
        let speed = events / row.seconds;
        let share = 100.0 * limit / row.seconds;
        println!(
            "{:<40} {speed:>12.0} {share:>9.1}% {:>8}",
            row.name, row.hits
        );
    }
    let naive = rows[2].seconds / rows[3].seconds;
    println!("dial scan is {naive:.1} times the sigma-rust loop");
}

fn raw_limit(files: &[Vec<u8>]) -> usize {
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
    records: Vec<&'a serde_json::value::RawValue>,
}

fn sigma_rust_hits(rules: &[sigma_rust::Rule], record: &str) -> usize {
    let event = sigma_rust::event_from_json(record).expect("an object");
    rules.iter().filter(|rule| rule.is_match(&event)).count()
}

/// Our own pack's files, read by the other engine: fields under `fact.` do not match there.
fn rules() -> Vec<sigma_rust::Rule> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/dial-detect/rules");
    files_below(&folder, "yml")
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .filter_map(|text| sigma_rust::rule_from_yaml(&text).ok())
        .collect()
}

fn scan(trail: &Path, more: &[&str]) -> usize {
    let bin = PathBuf::from(std::env::var_os("DIAL_BIN_DIR").expect("DIAL_BIN_DIR is set"));
    let output = Command::new(bin.join("dial"))
        .args(["scan", "--format", "jsonl"])
        .args(more)
        .arg(trail)
        .stderr(Stdio::null())
        .output()
        .expect("dial starts");
    output.stdout.split(|byte| *byte == b'\n').count() - 1
}

fn best(name: &'static str, work: impl FnMut() -> usize) -> Row {
    best_of(name, UsageWho::RUSAGE_SELF, work)
}

fn best_child(name: &'static str, work: impl FnMut() -> usize) -> Row {
    best_of(name, UsageWho::RUSAGE_CHILDREN, work)
}

fn best_of(name: &'static str, who: UsageWho, mut work: impl FnMut() -> usize) -> Row {
    let mut row = Row {
        name,
        seconds: f64::INFINITY,
        hits: 0,
    };
    for _ in 0..3 {
        let before = cpu(who);
        row.hits = work();
        row.seconds = row.seconds.min(cpu(who) - before);
    }
    row
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of CPU time fit")]
fn cpu(who: UsageWho) -> f64 {
    let usage = getrusage(who).expect("the system counts");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    micros as f64 / 1e6
}

fn count_events(corpus: &Path) -> f64 {
    let text = std::fs::read(corpus.join("truth.json")).expect("truth.json");
    let truth: Value = serde_json::from_slice(&text).expect("truth.json");
    truth["events"].as_f64().expect("a number")
}

fn read_all(folder: &Path) -> Vec<Vec<u8>> {
    let paths = files_below(folder, "gz");
    paths
        .iter()
        .map(|path| std::fs::read(path).expect("readable"))
        .collect()
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

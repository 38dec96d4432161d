//! Scan speed in events per CPU-second, as ratios to the raw limit and to other evaluators.
//!
//! `DIAL_BENCH_CORPUS` lists folders written by `cargo xtask corpus`, the smallest first,
//! `DIAL_BIN_DIR` holds `dial`. With `DIAL_CORPUS`, sets of public rules are measured too.

mod child;
mod corpus;
mod rules;
mod ways;

use child::Usage;
use corpus::Corpus;
use rules::{RuleSet, Sets};
use std::path::PathBuf;

/// Measured times each; the least counts.
const REPEATS: usize = 7;

/// What takes longer than this, CPU seconds, is measured once: noise is small beside it.
const LONG: f64 = 5.0;

/// One measured way to read a corpus.
struct Row {
    name: String,
    seconds: f64,
    hits: usize,
    /// Most memory that a process of its own held, bytes.
    peak: Option<u64>,
}

fn main() {
    if child::is_asked() {
        return child::run();
    }
    let Some(corpora) = std::env::var_os("DIAL_BENCH_CORPUS") else {
        println!("scan: skipped, DIAL_BENCH_CORPUS names no corpus (run `cargo xtask bench`)");
        return;
    };
    let corpora: Vec<PathBuf> = std::env::split_paths(&corpora).collect();
    let mut sets = None;
    for (index, folder) in corpora.iter().enumerate() {
        let corpus = Corpus::read(folder);
        println!(
            "scan: {} events, best of up to {REPEATS}, CPU time (user + system)",
            corpus.events
        );
        let limit = measure("raw limit: libdeflate + memmem", || {
            ways::raw_limit(&corpus.files)
        });
        let sets = sets.get_or_insert_with(|| rules::sets(&corpus));
        if index == 0 {
            in_full(&corpus, sets, &limit);
        } else {
            large(&corpus, &sets.quiet[0], &limit);
        }
    }
}

/// Everything that dial is compared with, for every set of rules.
fn in_full(corpus: &Corpus, sets: &Sets, limit: &Row) {
    let parsed = measure("gunzip + serde_json Value of all", || {
        ways::parse(&corpus.files)
    });
    heading();
    print(limit, corpus, limit);
    print(&parsed, corpus, limit);
    let mut costs = Vec::new();
    for set in &sets.quiet {
        let (sigma, rsigma) = (set.sigma_rust(), set.rsigma());
        println!("{}:", set.name);
        let sigma = measure("  gunzip + every rule by sigma-rust", || {
            ways::sigma_rust(&corpus.files, &sigma)
        });
        let rsigma = measure("  gunzip + Value + rsigma", || {
            ways::rsigma(&corpus.files, &rsigma)
        });
        let one = scan("  dial scan --threads 1", corpus, set, 1);
        let two = scan("  dial scan --threads 2", corpus, set, 2);
        for row in [&sigma, &rsigma, &one, &two] {
            print(row, corpus, limit);
        }
        println!(
            "  of the raw limit {:.1} % (goal 25), sigma-rust × {:.1} (goal 6), rsigma × {:.1} (goal 5), two threads × {:.2} the CPU (goal 1.15)",
            100.0 * limit.seconds / one.seconds,
            sigma.seconds / one.seconds,
            rsigma.seconds / one.seconds,
            two.seconds / one.seconds
        );
        costs.push((set, one));
    }
    if let [.., (few, before), (many, after)] = costs.as_slice() {
        println!(
            "from {} to {} rules the cost grows × {:.2} (goal 1.5)",
            few.count,
            many.count,
            after.seconds / before.seconds
        );
    }
    if let (Some(loud), [(_, pack), ..]) = (&sets.loud, costs.as_slice()) {
        findings(corpus, loud, pack, limit);
    }
}

/// What a finding costs, by rules that match a large part of all events.
#[expect(clippy::cast_precision_loss, reason = "counts of findings fit")]
fn findings(corpus: &Corpus, loud: &RuleSet, pack: &Row, limit: &Row) {
    println!(
        "{}, each of which matches more than one event in a hundred:",
        loud.name
    );
    let one = scan("  dial scan --threads 1", corpus, loud, 1);
    print(&one, corpus, limit);
    println!(
        "  a finding, redacted and written: {:.0} µs",
        1e6 * (one.seconds - pack.seconds) / (one.hits - pack.hits) as f64
    );
}

/// Whether memory and speed hold for more events.
fn large(corpus: &Corpus, set: &RuleSet, limit: &Row) {
    heading();
    print(limit, corpus, limit);
    let [one, two] = [1, 2].map(|threads| {
        let name = format!("{}: dial scan --threads {threads}", set.name);
        let row = scan(&name, corpus, set, threads);
        print(&row, corpus, limit);
        row
    });
    println!(
        "  of the raw limit {:.1} % (goal 25), two threads × {:.2} the CPU (goal 1.15), peak {} MB (goal 64)",
        100.0 * limit.seconds / one.seconds,
        two.seconds / one.seconds,
        one.peak.max(two.peak).unwrap_or(0) >> 20
    );
}

fn heading() {
    println!(
        "{:<44} {:>12} {:>9} {:>8} {:>17}",
        "way", "events/CPU-s", "of limit", "hits", "peak (goal 64 MB)"
    );
}

fn print(row: &Row, corpus: &Corpus, limit: &Row) {
    let peak = row
        .peak
        .map_or(String::new(), |bytes| format!("{} MB", bytes >> 20));
    println!(
        "{:<44} {:>12.0} {:>8.1}% {:>8} {peak:>17}",
        row.name,
        corpus.events / row.seconds,
        100.0 * limit.seconds / row.seconds,
        row.hits
    );
}

fn scan(name: &str, corpus: &Corpus, set: &RuleSet, threads: usize) -> Row {
    row(name, &repeated(|| ways::dial(&corpus.trail, set, threads)))
}

/// Measures as often as it pays.
fn repeated(mut once: impl FnMut() -> Usage) -> Vec<Usage> {
    let mut measured = vec![once()];
    while measured.len() < REPEATS && measured.iter().all(|it| it.seconds < LONG) {
        measured.push(once());
    }
    measured
}

fn measure(name: &str, mut work: impl FnMut() -> usize) -> Row {
    let measured = repeated(|| {
        let before = child::cpu_of_this();
        let hits = work();
        Usage {
            seconds: child::cpu_of_this() - before,
            hits,
            peak: 0,
        }
    });
    Row {
        peak: None,
        ..row(name, &measured)
    }
}

fn row(name: &str, measured: &[Usage]) -> Row {
    let seconds = measured.iter().map(|usage| usage.seconds);
    Row {
        name: name.to_owned(),
        seconds: seconds.fold(f64::INFINITY, f64::min),
        hits: measured.last().map_or(0, |usage| usage.hits),
        peak: measured.iter().map(|usage| usage.peak).max(),
    }
}

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

/// Rounds in which what is compared takes turns; the least of each counts. In turns, since a shared
/// machine is faster in one minute than in the next.
const ROUNDS: usize = 11;

/// What takes longer than this, CPU seconds, is measured once: noise is small beside it.
const LONG: f64 = 8.0;

/// A way to read a corpus.
struct Way<'a> {
    name: String,
    once: Box<dyn FnMut() -> Usage + 'a>,
}

/// What one took.
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
            "scan: {} events, best of up to {ROUNDS} rounds, CPU time (user + system)",
            corpus.events
        );
        let sets = sets.get_or_insert_with(|| rules::sets(&corpus));
        heading();
        if index == 0 {
            in_full(&corpus, sets);
        } else {
            large(&corpus, &sets.quiet[0]);
        }
    }
}

/// Everything that dial is compared with, for every set of rules.
fn in_full(corpus: &Corpus, sets: &Sets) {
    let [limit, parsed] = in_turns([
        raw_limit(corpus),
        here("gunzip + serde_json Value of all", || {
            ways::parse(&corpus.files)
        }),
    ]);
    print(&limit, corpus, &limit);
    print(&parsed, corpus, &limit);
    let costs: Vec<_> = sets
        .quiet
        .iter()
        .map(|set| (set, one(corpus, set)))
        .collect();
    if let [.., (few, before), (many, after)] = costs.as_slice() {
        println!(
            "from {} to {} rules the cost grows × {:.2} (goal 1.5)",
            few.count,
            many.count,
            after.seconds / before.seconds
        );
    }
    if let (Some(loud), [(_, pack), ..]) = (&sets.loud, costs.as_slice()) {
        findings(corpus, loud, pack);
    }
}

/// One set of rules by all who can run it; returns what dial takes.
fn one(corpus: &Corpus, set: &RuleSet) -> Row {
    println!("{}:", set.name);
    let (sigma, rsigma) = (set.sigma_rust(), set.rsigma());
    let [limit, sigma, rsigma, one, two] = in_turns([
        raw_limit(corpus),
        here("  gunzip + every rule by sigma-rust", || {
            ways::sigma_rust(&corpus.files, &sigma)
        }),
        here("  gunzip + Value + rsigma", || {
            ways::rsigma(&corpus.files, &rsigma)
        }),
        scan(corpus, set, 1),
        scan(corpus, set, 2),
    ]);
    for row in [&limit, &sigma, &rsigma, &one, &two] {
        print(row, corpus, &limit);
    }
    println!(
        "  of the raw limit {:.1} % (goal 25), sigma-rust × {:.1} (goal 6), rsigma × {:.1} (goal 5), two threads × {:.2} the CPU (goal 1.15)",
        100.0 * limit.seconds / one.seconds,
        sigma.seconds / one.seconds,
        rsigma.seconds / one.seconds,
        two.seconds / one.seconds
    );
    one
}

/// What a finding costs, by rules that match a large part of all events.
#[expect(clippy::cast_precision_loss, reason = "counts of findings fit")]
fn findings(corpus: &Corpus, loud: &RuleSet, pack: &Row) {
    println!(
        "{}, each of which matches more than one event in a hundred:",
        loud.name
    );
    let [limit, one] = in_turns([raw_limit(corpus), scan(corpus, loud, 1)]);
    print(&one, corpus, &limit);
    println!(
        "  a finding, redacted and written: {:.0} µs",
        1e6 * (one.seconds - pack.seconds) / (one.hits - pack.hits) as f64
    );
}

/// Whether memory and speed hold for more events.
fn large(corpus: &Corpus, set: &RuleSet) {
    println!("{}:", set.name);
    let ways = [
        raw_limit(corpus),
        scan(corpus, set, 1),
        scan(corpus, set, 2),
    ];
    let [limit, one, two] = in_turns(ways);
    for row in [&limit, &one, &two] {
        print(row, corpus, &limit);
    }
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

fn raw_limit(corpus: &Corpus) -> Way<'_> {
    here("  raw limit: libdeflate + memmem", || {
        ways::raw_limit(&corpus.files)
    })
}

fn scan<'a>(corpus: &'a Corpus, set: &'a RuleSet, threads: usize) -> Way<'a> {
    Way {
        name: format!("  dial scan --threads {threads}"),
        once: Box::new(move || ways::dial(&corpus.trail, set, threads)),
    }
}

/// What runs in this process, which holds the files already.
fn here<'a>(name: &str, mut work: impl FnMut() -> usize + 'a) -> Way<'a> {
    let once = move || {
        let before = child::cpu_of_this();
        let hits = work();
        Usage {
            seconds: child::cpu_of_this() - before,
            hits,
            peak: None,
        }
    };
    Way {
        name: name.to_owned(),
        once: Box::new(once),
    }
}

/// Measures each as often as it pays.
fn in_turns<const N: usize>(mut ways: [Way<'_>; N]) -> [Row; N] {
    let mut measured = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (way, measured) in ways.iter_mut().zip(&mut measured) {
            if measured.iter().all(|it: &Usage| it.seconds < LONG) {
                measured.push((way.once)());
            }
        }
    }
    let mut names = ways.into_iter().map(|way| way.name);
    measured.map(|measured| row(names.next().unwrap_or_default(), &measured))
}

fn row(name: String, measured: &[Usage]) -> Row {
    let seconds = measured.iter().map(|usage| usage.seconds);
    Row {
        name,
        seconds: seconds.fold(f64::INFINITY, f64::min),
        hits: measured.last().map_or(0, |usage| usage.hits),
        peak: measured.iter().filter_map(|usage| usage.peak).max(),
    }
}

//! The price of watching: which share of ordinary events the derived patterns let through.

use super::corpus::{call, lines};
use super::judge::Judge;
use super::{Bound, Part};
use dial_detect::envelope::trail::{Limits, scan};
use dial_detect::envelope::{Input, read};
use dial_detect::event::Event;
use dial_detect::patterns::{Passing, PatternSet};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// Calls that are named as the most frequent.
const NAMED: usize = 12;

/// Events counted against the patterns, and the calls of those that pass.
struct Gate {
    passing: Passing,
    calls: BTreeMap<String, u64>,
}

impl Gate {
    fn of(set: &PatternSet) -> Self {
        Self {
            passing: Passing::through(set),
            calls: BTreeMap::new(),
        }
    }

    fn count(&mut self, event: &Event) {
        let before = self.passing.totals().passed;
        self.passing.count(event);
        if self.passing.totals().passed > before {
            *self.calls.entry(call(&event.record)).or_default() += 1;
        }
    }

    /// The calls that cost most.
    fn dearest(&self) -> String {
        let mut calls: Vec<(&str, u64)> =
            self.calls.iter().map(|(c, n)| (c.as_str(), *n)).collect();
        calls.sort_by_key(|(name, number)| (Reverse(*number), *name));
        let named = calls
            .iter()
            .take(NAMED)
            .map(|(name, number)| format!("{name} {number}"));
        named.collect::<Vec<_>>().join(", ")
    }
}

/// `generated` is a folder of trail files made by `cargo xtask corpus`.
pub(super) fn measure(judge: &Judge, folder: &Path, generated: Option<&Path>) -> Part {
    let set = judge.patterns();
    let mut part = Part::named("patterns");
    part.line(format!("{} patterns", set.patterns.len()));
    let ordinary = ordinary(&set, folder);
    let totals = ordinary.passing.totals();
    // Reads are delivered only where somebody pays for it: two figures.
    let writes = totals.passed - totals.passed_reads;
    part.figure(
        "ordinary_writes",
        count(totals.events - totals.reads),
        Bound::Exactly,
    );
    part.figure("writes_passed", count(writes), Bound::AtMost);
    part.figure("ordinary_reads", count(totals.reads), Bound::Exactly);
    part.figure("reads_passed", count(totals.passed_reads), Bound::AtMost);
    share(&mut part, "invictus setup and background", &ordinary);
    if let Some(generated) = generated {
        let mut gate = Gate::of(&set);
        trails(generated, &mut gate);
        share(&mut part, "generated", &gate);
    }
    part
}

/// The events of an account that nobody attacks.
fn ordinary(set: &PatternSet, folder: &Path) -> Gate {
    let mut gate = Gate::of(set);
    let records = lines(&folder.join("invictus.jsonl"));
    let labels = lines(&folder.join("invictus.labels.jsonl"));
    let both = records.iter().zip(&labels);
    for (record, _) in both.filter(|(_, label)| label["label"] != "detonation") {
        if let Ok(Input::Events(items)) = read(record.to_string().as_bytes()) {
            items.iter().flatten().for_each(|event| gate.count(event));
        }
    }
    gate
}

/// Counts every event of the trail files below a folder.
fn trails(folder: &Path, gate: &mut Gate) {
    for entry in std::fs::read_dir(folder).expect("the generated corpus is there") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            trails(&path, gate);
        } else {
            let file = File::open(&path).expect("a generated file opens");
            let each = |item: dial_detect::envelope::Item| {
                if let Ok(event) = item {
                    gate.count(&event);
                }
            };
            scan(file, &Limits::default(), |_| true, each).expect("a generated file is whole");
        }
    }
}

fn share(part: &mut Part, name: &str, gate: &Gate) {
    let totals = gate.passing.totals();
    let tenths = |passed: u64, all: u64| {
        let tenths = passed * 1_000 / all.max(1);
        format!("{}.{} % of {all}", tenths / 10, tenths % 10)
    };
    let writes = (
        totals.passed - totals.passed_reads,
        totals.events - totals.reads,
    );
    part.line(format!(
        "{name}: {} events pass; writes {}, reads {}",
        tenths(totals.passed, totals.events),
        tenths(writes.0, writes.1),
        tenths(totals.passed_reads, totals.reads),
    ));
    part.line(format!("{name}, by call: {}", gate.dearest()));
    let patterns = gate
        .passing
        .by_pattern()
        .filter(|pattern| pattern.events > 0);
    let patterns: Vec<String> = patterns
        .map(|pattern| format!("{} {}", pattern.pattern, pattern.events))
        .collect();
    part.line(format!("{name}, by pattern: {}", patterns.join(", ")));
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

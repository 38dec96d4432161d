//! No event of any corpus breaks a rule, and every record that is one is read.

use super::corpus::{judged, lines};
use super::judge::{Judge, Verdict};
use super::{Bound, Part};
use std::path::Path;

const RECORDS: [&str; 7] = [
    "c7n",
    "invictus",
    "lambda_events",
    "otrf",
    "stratus",
    "streamalert",
    "traildiscover",
];
const ENVELOPES: [&str; 2] = ["c7n.envelopes", "lambda_events.envelopes"];

pub(super) fn measure(judge: &Judge, folder: &Path) -> Part {
    let mut part = Part::named("all");
    let (mut events, mut errors, mut unreadable) = (0, 0, 0);
    let mut take = |part: &mut Part, name: &str, verdict: &Verdict| {
        events += 1;
        errors += verdict.errors.len();
        for error in &verdict.errors {
            part.fault(format!("{name}: {error}"));
        }
        if let Some(error) = &verdict.unreadable {
            unreadable += 1;
            part.line(format!("{name}: no event: {error}"));
        }
    };
    for name in RECORDS {
        for entry in judged(judge, folder, name) {
            take(&mut part, name, &entry.verdict);
        }
    }
    for name in ENVELOPES {
        for line in lines(&folder.join(format!("{name}.jsonl"))) {
            let event = line.get("body").unwrap_or(&line);
            take(&mut part, name, &judge.judge(&event.to_string()));
        }
    }
    part.figure("events", events, Bound::Exactly);
    part.figure("errors", errors, Bound::Exactly);
    part.figure("unreadable", unreadable, Bound::Exactly);
    part
}

//! Scans one source from its first record to its last.

use super::cut;
use super::fetch::Early;
use super::filter::Filter;
use super::parts::Part;
use super::sources::Source;
use dial_detect::Pipeline;
use dial_detect::envelope::Item;
use dial_detect::envelope::trail::{Counts, Scanner};
use dial_detect::event::{Event, Head};
use jiff::Timestamp;
use std::cell::Cell;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;

/// What all threads share.
pub(super) struct Scan<'s> {
    pub(super) pipeline: &'s Pipeline,
    pub(super) runtime: &'s Handle,
    pub(super) filter: &'s Filter,
    pub(super) now: Timestamp,
    /// Told of every byte found, for the progress bar; `None` where a size is not known.
    pub(super) expected: &'s (dyn Fn(Option<u64>) + Sync),
    /// Told of every byte read.
    pub(super) progress: &'s (dyn Fn(u64) + Sync),
    /// Whether an earlier scan did this source.
    pub(super) is_finished: &'s (dyn Fn(&Source) -> bool + Sync),
}

/// Scans one source to its end, which is a part of its own.
pub(super) fn one(
    scan: &Scan<'_>,
    scanner: &mut Scanner,
    (source, early): (&Source, Option<Early>),
    stopped: &AtomicBool,
    send: &dyn Fn(Part),
) {
    let opened = match early {
        Some(early) => early.open(scan.runtime),
        None => source.open(scan.runtime),
    };
    let is_piped = source.is_piped();
    let source = match opened {
        Ok(inner) => Watched {
            inner,
            progress: scan.progress,
            stopped,
        },
        Err(error) => {
            send(Part::Problem(format!("cannot be read: {error:#}")));
            return send(Part::Done(Counts::default()));
        }
    };
    let number = Number::default();
    let want = |head: &Head<'_>| number.seen(scan.pipeline.may_match(head));
    let each = |item| item_of(scan, number.item(&item), item, send);
    let result = if is_piped {
        scanner.follow(source, want, each)
    } else {
        scanner.scan(source, want, each)
    };
    let counts = match result {
        Ok(counts) => counts,
        Err(error) => {
            send(Part::Problem(error.to_string()));
            error.counts
        }
    };
    send(Part::Done(counts));
}

/// Judges one record, and says what cannot be judged in it.
fn item_of(scan: &Scan<'_>, number: u64, item: Item, send: &dyn Fn(Part)) {
    let event = match item {
        Ok(event) => event,
        Err(malformed) => {
            let reason = format!("record {number}: bad record: {}", malformed.error);
            return send(Part::Problem(reason));
        }
    };
    if !scan.filter.wants(&event) {
        return;
    }
    for what in cut::fields(&event.record) {
        let gap = format!("record {number}, event {}: {what}", event.id);
        send(Part::Gap(gap));
    }
    judge(scan, number, &event, send);
}

fn judge(scan: &Scan<'_>, number: u64, event: &Event, send: &dyn Fn(Part)) {
    let judged = scan.pipeline.run(event, scan.now);
    for failure in &judged.failures {
        let rule = failure.rule.as_deref().unwrap_or("judging");
        let (id, reason) = (&event.id, &failure.reason);
        let reason = format!("record {number}, event {id}: {rule} failed: {reason}");
        send(Part::Problem(reason));
    }
    for finding in judged.kept() {
        send(Part::Finding(Box::new(finding)));
    }
}

/// Counts the records of a file: every head is seen once, and what has none comes as an item only.
#[derive(Default)]
struct Number {
    records: Cell<u64>,
    is_wanted: Cell<bool>,
}

impl Number {
    /// A record whose head could be read; hands `is_wanted` on.
    fn seen(&self, is_wanted: bool) -> bool {
        self.records.set(self.records.get() + 1);
        self.is_wanted.set(is_wanted);
        is_wanted
    }

    /// The number of the record that an item is of, from 1.
    fn item(&self, item: &Item) -> u64 {
        if item.is_err() && !self.is_wanted.get() {
            self.records.set(self.records.get() + 1);
        }
        self.is_wanted.set(false);
        self.records.get()
    }
}

/// Counts bytes for the progress bar; ends early once the scan was stopped.
struct Watched<'w> {
    inner: Box<dyn Read>,
    progress: &'w (dyn Fn(u64) + Sync),
    stopped: &'w AtomicBool,
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(io::Error::other("the scan was stopped"));
        }
        let read = self.inner.read(into)?;
        (self.progress)(read as u64);
        Ok(read)
    }
}

//! Scans sources on several threads and hands on what they hold in the order of the search.
//!
//! Whoever writes scans too: the source whose turn it is, where nobody has begun it, so that
//! nothing has to be handed over. The other threads work ahead. Each source has a bounded channel,
//! and only a bounded number of them is begun ahead: memory does not depend on how much there is
//! to scan. What a small file holds is handed on together, because every handover wakes a thread.

use super::cut;
use super::fetch::{Budget, Early};
use super::filter::Filter;
use super::layout::Content;
use super::queue::Queue;
use super::sources::{Found, Search, Source};
use anyhow::Result;
use dial_core::Finding;
use dial_detect::Pipeline;
use dial_detect::envelope::Item;
use dial_detect::envelope::trail::{Counts, Limits, Scanner, WHOLE_INPUT};
use dial_detect::event::Event;
use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::runtime::Handle;
// The standard library's sets aside room for all that may wait; this one for what does.
use tokio::sync::mpsc as waiting;

/// Sources begun ahead of the one that is written.
const AHEAD: usize = 32;
/// Parts of one source that wait to be written.
const WAITING: usize = 32;
/// Parts of a small file that are handed on together; half of those that may wait.
const TOGETHER: usize = 16;
/// Sources found ahead; the bar knows all bytes where there are not more.
const FOUND: usize = 100_000;

/// What a scan yields, piece by piece; each source ends with `Done`.
pub(super) enum Part {
    /// Something was found.
    Finding(Box<Finding>),
    /// Something could not be read or judged.
    Problem(String),
    /// A record was judged without what CloudTrail cut out of it.
    Gap(String),
    /// The source is at its end.
    Done(Counts),
    /// A file that is no trail file.
    Skipped(Content),
    /// A source that an earlier scan did.
    Finished,
}

/// Where a part comes from.
pub(super) enum From<'f> {
    /// A source.
    Source(&'f Source),
    /// A place that is none.
    Place(&'f str),
}

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

/// A source to be scanned.
struct Job {
    source: Arc<Source>,
    early: Option<Early>,
    parts: Parts,
}

/// The way of a source's parts to whoever writes them.
struct Parts {
    collected: RefCell<Vec<Part>>,
    /// Handed on when there are so many.
    together: usize,
    sender: SyncSender<Vec<Part>>,
}

impl Parts {
    /// For a source of so many bytes, where that is known.
    fn of(size: Option<u64>) -> (Self, Receiver<Vec<Part>>) {
        // What is read whole is scanned at once: nobody waits for its first findings.
        let is_small = size.is_some_and(|size| size < WHOLE_INPUT as u64);
        let together = if is_small { TOGETHER } else { 1 };
        let (sender, received) = sync_channel(WAITING / together);
        let collected = RefCell::default();
        let parts = Self {
            collected,
            together,
            sender,
        };
        (parts, received)
    }

    /// The receiver goes away when the scan is stopped; then nobody wants the parts.
    fn send(&self, part: Part) {
        let is_last = matches!(part, Part::Done(_));
        let mut collected = self.collected.borrow_mut();
        collected.push(part);
        if is_last || collected.len() >= self.together {
            drop(self.sender.send(collected.split_off(0)));
        }
    }
}

/// One entry of the order.
enum Begun {
    Source(Arc<Source>, Receiver<Vec<Part>>),
    Other(Found),
}

/// Scans all that the search finds; `each` gets every part with its source, in order, and may
/// stop the scan.
pub(super) fn run<E>(
    scan: &Scan<'_>,
    search: &Search<'_>,
    threads: usize,
    mut each: impl FnMut(&From<'_>, Part) -> Result<(), E>,
) -> Result<(), E> {
    let stopped = AtomicBool::new(false);
    let queue = Queue::new();
    let (found, mut finding) = waiting::channel(FOUND);
    std::thread::scope(|scope| {
        // The search owns its end, so that all know when it is over.
        scope.spawn(move || find(scan, search, &found));
        for _ in 1..threads {
            scope.spawn(|| work(scan, &queue, &stopped));
        }
        let result = in_order(scan, &mut finding, &queue, &stopped, &mut each);
        stopped.store(result.is_err(), Ordering::Relaxed);
        queue.close();
        drop(finding);
        result
    })
}

fn find(scan: &Scan<'_>, search: &Search<'_>, found: &waiting::Sender<Found>) {
    search.run(&mut |what| {
        if let Found::Source(source, size) = &what {
            if (scan.is_finished)(source) {
                return found.blocking_send(Found::Finished).is_ok();
            }
            (scan.expected)(*size);
        }
        found.blocking_send(what).is_ok()
    });
}

fn in_order<E>(
    scan: &Scan<'_>,
    finding: &mut waiting::Receiver<Found>,
    queue: &Queue<Job>,
    stopped: &AtomicBool,
    each: &mut impl FnMut(&From<'_>, Part) -> Result<(), E>,
) -> Result<(), E> {
    let budget = Budget::new();
    let mut scanner = Scanner::new(Limits::default());
    let mut begun = VecDeque::new();
    loop {
        while begun.len() < AHEAD
            && let Some(found) = next(finding, begun.is_empty())
        {
            begun.push_back(begin(scan, found, &budget, queue));
        }
        match begun.pop_front() {
            None => return Ok(()),
            Some(Begun::Source(source, parts)) => {
                let mut each = |part| each(&From::Source(&source), part);
                match queue.take(|job| Arc::ptr_eq(&job.source, &source)) {
                    Some(job) => here(scan, &mut scanner, job, stopped, &mut each)?,
                    None => parts.iter().flatten().try_for_each(each)?,
                }
            }
            Some(Begun::Other(Found::Problem(place, what))) => {
                each(&From::Place(&place), Part::Problem(what))?;
            }
            Some(Begun::Other(Found::Skipped(what))) => {
                each(&From::Place(""), Part::Skipped(what))?;
            }
            Some(Begun::Other(Found::Finished)) => each(&From::Place(""), Part::Finished)?,
            Some(Begun::Other(Found::Source(..))) => {}
        }
    }
}

/// The next thing found; waits for it only where there is nothing else to do.
fn next(finding: &mut waiting::Receiver<Found>, waits: bool) -> Option<Found> {
    match finding.try_recv() {
        Err(waiting::error::TryRecvError::Empty) if waits => finding.blocking_recv(),
        other => other.ok(),
    }
}

fn begin(scan: &Scan<'_>, found: Found, budget: &Budget, queue: &Queue<Job>) -> Begun {
    let Found::Source(source, size) = found else {
        return Begun::Other(found);
    };
    let early = match &source {
        Source::Object { object, bucket, .. } => budget.start(bucket, object, scan.runtime),
        _ => None,
    };
    let source = Arc::new(source);
    let (parts, received) = Parts::of(size);
    queue.add(Job {
        source: Arc::clone(&source),
        early,
        parts,
    });
    Begun::Source(source, received)
}

fn work(scan: &Scan<'_>, queue: &Queue<Job>, stopped: &AtomicBool) {
    let mut scanner = Scanner::new(Limits::default());
    while let Some(job) = queue.next() {
        let Job {
            source,
            early,
            parts,
        } = job;
        let send = |part| parts.send(part);
        one(scan, &mut scanner, (&source, early), stopped, &send);
    }
}

/// Scans a source in the thread that writes.
fn here<E>(
    scan: &Scan<'_>,
    scanner: &mut Scanner,
    job: Job,
    stopped: &AtomicBool,
    each: &mut dyn FnMut(Part) -> Result<(), E>,
) -> Result<(), E> {
    let ended = RefCell::new((each, Ok(())));
    let send = |part| {
        let (each, result) = &mut *ended.borrow_mut();
        if result.is_ok() {
            *result = each(part);
            // Then nobody wants the rest.
            stopped.store(result.is_err(), Ordering::Relaxed);
        }
    };
    one(scan, scanner, (&job.source, job.early), stopped, &send);
    ended.into_inner().1
}

/// Scans one source to its end, which is a part of its own.
fn one(
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
    let result = scanner.scan(
        source,
        |head| number.seen(scan.pipeline.may_match(head)),
        |item| item_of(scan, number.item(&item), item, send),
    );
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

//! Scans sources on several threads and hands on what they hold in the order of the search.
//!
//! Whoever writes scans too: the source whose turn it is, where nobody has begun it, so that
//! nothing has to be handed over. The other threads work ahead. Each source has a bounded channel,
//! and only a bounded number of them is begun ahead: memory does not depend on how much there is
//! to scan. What a small file holds is handed on together, because every handover wakes a thread.

use super::fetch::{Budget, Early};
use super::one::{Scan, one};
use super::parts::{From, Part, Parts};
use super::queue::Queue;
use super::sources::{Found, Search, Source};
use anyhow::Result;
use dial_detect::envelope::trail::{Limits, Scanner};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
// The standard library's sets aside room for all that may wait; this one for what does.
use tokio::sync::mpsc as waiting;

/// Sources begun ahead of the one that is written.
const AHEAD: usize = 32;
/// Sources found ahead; the bar knows all bytes where there are not more.
const FOUND: usize = 100_000;

/// A source to be scanned.
struct Job {
    source: Arc<Source>,
    early: Option<Early>,
    parts: Parts,
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

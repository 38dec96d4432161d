//! Scans sources on several threads and hands on what they hold in the order of the sources.
//!
//! Each source has a bounded channel, and only a bounded number of sources is begun ahead of the
//! one being written: memory does not depend on how much there is to scan.

use super::sources::Source;
use dial_core::Finding;
use dial_detect::Pipeline;
use dial_detect::envelope::trail::{Counts, Limits, Scanner};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Handle;

/// Sources begun ahead of the one that is written.
const AHEAD: usize = 32;
/// Parts of one source that wait to be written.
const WAITING: usize = 32;

/// What a source holds, piece by piece; `Done` comes last.
pub(super) enum Part {
    /// Something was found.
    Finding(Box<Finding>),
    /// Something could not be read or judged.
    Problem(String),
    /// The source is at its end.
    Done(Counts),
}

/// What all threads share.
pub(super) struct Scan<'s> {
    pub(super) pipeline: &'s Pipeline,
    pub(super) runtime: &'s Handle,
    pub(super) now: Timestamp,
    /// Told of every byte read, for the progress bar.
    pub(super) progress: &'s (dyn Fn(u64) + Sync),
}

struct Job<'s> {
    source: &'s Source,
    parts: SyncSender<Part>,
}

/// Scans all sources; `each` gets every part with its source, in order, and may stop the scan.
pub(super) fn run<E>(
    scan: &Scan<'_>,
    sources: &[Source],
    threads: usize,
    mut each: impl FnMut(&Source, Part) -> Result<(), E>,
) -> Result<(), E> {
    let stopped = AtomicBool::new(false);
    let (jobs, queue) = channel();
    let queue = Mutex::new(queue);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| work(scan, &queue, &stopped));
        }
        let result = in_order(sources, &jobs, &mut each);
        stopped.store(result.is_err(), Ordering::Relaxed);
        drop(jobs);
        result
    })
}

fn in_order<'s, E>(
    sources: &'s [Source],
    jobs: &Sender<Job<'s>>,
    each: &mut impl FnMut(&Source, Part) -> Result<(), E>,
) -> Result<(), E> {
    let mut begun: VecDeque<(&Source, Receiver<Part>)> = VecDeque::new();
    let mut rest = sources.iter();
    loop {
        while begun.len() < AHEAD
            && let Some(source) = rest.next()
        {
            let (parts, received) = sync_channel(WAITING);
            if jobs.send(Job { source, parts }).is_ok() {
                begun.push_back((source, received));
            }
        }
        let Some((source, parts)) = begun.pop_front() else {
            return Ok(());
        };
        for part in parts {
            each(source, part)?;
        }
    }
}

fn work(scan: &Scan<'_>, queue: &Mutex<Receiver<Job<'_>>>, stopped: &AtomicBool) {
    let mut scanner = Scanner::new(Limits::default());
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        one(scan, &mut scanner, &job, stopped);
    }
}

/// The receiver goes away when the scan is stopped; then nobody wants the parts.
fn one(scan: &Scan<'_>, scanner: &mut Scanner, job: &Job<'_>, stopped: &AtomicBool) {
    let send = |part| drop(job.parts.send(part));
    let source = match job.source.open(scan.runtime) {
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
    let result = scanner.scan(
        source,
        |head| scan.pipeline.may_match(head),
        |item| match item {
            Ok(event) => {
                let judged = scan.pipeline.run(&event, scan.now);
                for finding in judged.findings {
                    send(Part::Finding(Box::new(finding)));
                }
                for failure in judged.failures {
                    let rule = failure.rule.as_deref().unwrap_or("judging");
                    let reason = format!("event {}: {rule} failed: {}", event.id, failure.reason);
                    send(Part::Problem(reason));
                }
            }
            Err(malformed) => send(Part::Problem(format!("bad record: {}", malformed.error))),
        },
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

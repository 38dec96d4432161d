//! Sources that wait to be scanned, in order.

use super::pool::Job;
use super::sources::Source;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs that nobody has begun.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

impl Queue {
    /// Puts a job behind all others.
    pub(super) fn add(&self, job: Job) {
        self.lock().jobs.push_back(job);
        self.changed.notify_one();
    }

    /// The job of a source before which all were begun; `None` where it was begun, too.
    pub(super) fn take(&self, source: &Arc<Source>) -> Option<Job> {
        let mut waiting = self.lock();
        let is_first = |job: &Job| Arc::ptr_eq(&job.source, source);
        waiting
            .jobs
            .front()
            .is_some_and(is_first)
            .then(|| waiting.jobs.pop_front())?
    }

    /// The first job; waits for one, and gives none once the queue is closed.
    pub(super) fn next(&self) -> Option<Job> {
        let is_idle = |waiting: &mut Waiting| waiting.jobs.is_empty() && !waiting.is_closed;
        let waiting = self.changed.wait_while(self.lock(), is_idle);
        waiting
            .unwrap_or_else(PoisonError::into_inner)
            .jobs
            .pop_front()
    }

    /// Lets go of what waits, and of whoever waits for more.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.jobs.clear();
        waiting.is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

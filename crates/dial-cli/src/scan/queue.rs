//! Jobs that nobody has begun, in order.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A queue for several threads that take jobs, and one that adds them.
pub(super) struct Queue<J> {
    waiting: Mutex<Waiting<J>>,
    changed: Condvar,
}

struct Waiting<J> {
    jobs: VecDeque<J>,
    is_closed: bool,
}

impl<J> Queue<J> {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                jobs: VecDeque::new(),
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Puts a job behind all others.
    pub(super) fn add(&self, job: J) {
        self.lock().jobs.push_back(job);
        self.changed.notify_one();
    }

    /// The first job, if it is this one.
    pub(super) fn take(&self, is_it: impl FnOnce(&J) -> bool) -> Option<J> {
        let mut waiting = self.lock();
        waiting
            .jobs
            .front()
            .is_some_and(is_it)
            .then(|| waiting.jobs.pop_front())?
    }

    /// The first job; waits for one, and gives none once the queue is closed.
    pub(super) fn next(&self) -> Option<J> {
        let is_idle = |waiting: &mut Waiting<J>| waiting.jobs.is_empty() && !waiting.is_closed;
        let waiting = self.changed.wait_while(self.lock(), is_idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.jobs.pop_front()
    }

    /// Lets go of the jobs, and of whoever waits for more.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.jobs.clear();
        waiting.is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_taken_in_order_and_only_the_first_by_name() {
        let queue = Queue::new();
        for job in [1, 2, 3] {
            queue.add(job);
        }
        assert_eq!(queue.take(|job| *job == 2), None, "one stands before it");
        assert_eq!(queue.next(), Some(1));
        assert_eq!(queue.take(|job| *job == 2), Some(2));
        queue.close();
        assert_eq!(queue.next(), None, "what waited is let go");
        assert_eq!(queue.take(|_| true), None);
    }

    #[test]
    fn whoever_waits_gets_a_job_or_the_end() {
        let queue = Queue::new();
        std::thread::scope(|scope| {
            let waiting = [(); 3].map(|()| scope.spawn(|| queue.next()));
            queue.add("job");
            while !queue.lock().jobs.is_empty() {
                std::thread::yield_now();
            }
            queue.close();
            let mut got = waiting.map(|thread| thread.join().unwrap());
            got.sort_unstable();
            assert_eq!(got, [None, None, Some("job")]);
        });
    }
}

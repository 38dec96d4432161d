//! What a scan yields, and its way to whoever writes it.

use super::layout::Content;
use super::sources::Source;
use dial_core::Finding;
use dial_detect::envelope::trail::{Counts, WHOLE_INPUT};
use std::cell::RefCell;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Parts of one source that wait to be written.
const WAITING: usize = 32;
/// Parts of a small file that are handed on together; half of those that may wait.
const TOGETHER: usize = 16;
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

/// The way of a source's parts to whoever writes them.
pub(super) struct Parts {
    collected: RefCell<Vec<Part>>,
    /// Handed on when there are so many.
    together: usize,
    sender: SyncSender<Vec<Part>>,
}

impl Parts {
    /// For a source of so many bytes, where that is known.
    pub(super) fn of(size: Option<u64>) -> (Self, Receiver<Vec<Part>>) {
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
    pub(super) fn send(&self, part: Part) {
        let is_last = matches!(part, Part::Done(_));
        let mut collected = self.collected.borrow_mut();
        collected.push(part);
        if is_last || collected.len() >= self.together {
            drop(self.sender.send(collected.split_off(0)));
        }
    }
}

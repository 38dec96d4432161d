//! The bar on standard error, where that is a terminal: bytes, events a second, time left.

use crate::terminal::count;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// With sizes known, and where one is not.
const STYLES: [&str; 2] = [
    "{bar:30} {bytes}/{total_bytes} {msg} {eta} left",
    "{spinner} {bytes} {msg}",
];

/// What is shown while a scan runs.
pub(super) struct Progress {
    pub(super) bar: ProgressBar,
    is_sizeless: AtomicBool,
    events: AtomicU64,
}

impl Progress {
    /// Shows nothing where nobody would see it.
    pub(super) fn start() -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        Self {
            bar: bar.with_style(style(STYLES[0])),
            is_sizeless: AtomicBool::new(false),
            events: AtomicU64::new(0),
        }
    }

    /// More is to be read; `None` where nobody knows how much.
    pub(super) fn expect(&self, bytes: Option<u64>) {
        match bytes {
            Some(bytes) => self.bar.inc_length(bytes),
            None if !self.is_sizeless.swap(true, Ordering::Relaxed) => {
                self.bar.set_style(style(STYLES[1]));
            }
            None => {}
        }
    }

    /// So many events were gone through.
    pub(super) fn events(&self, more: u64) {
        let events = self.events.fetch_add(more, Ordering::Relaxed) + more;
        let millis = u64::try_from(self.bar.elapsed().as_millis()).unwrap_or(u64::MAX);
        if !self.bar.is_hidden() && millis > 0 {
            let rate = events.saturating_mul(1_000) / millis;
            self.bar.set_message(format!("{}/s", count(rate, "event")));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar())
}

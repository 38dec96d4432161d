//! How far back a long list has looked: one line on standard error, where that is a terminal.

use crate::terminal::count;
use dial_core::store::Cursor;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// What is shown while pages come.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Shows nothing where nobody would see it, and nothing before the second page.
    pub(super) fn start() -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{spinner} {msg}");
        Self(bar.with_style(style.unwrap_or(ProgressStyle::default_spinner())))
    }

    /// Everything newer than the cursor was looked at, and so many were found.
    pub(super) fn reached(&self, cursor: Option<&str>, findings: Option<u64>) {
        if let Some(time) = cursor.and_then(Cursor::from_opaque).and_then(|c| c.time()) {
            let found = findings.map(|findings| format!("{}, ", count(findings, "finding")));
            let time = time.strftime("%Y-%m-%d %H:%M");
            let found = found.unwrap_or_default();
            self.0.set_message(format!("{found}looked back to {time}"));
            self.0.tick();
        }
    }

    /// Makes room for what is printed.
    pub(super) fn hide(&self) {
        self.0.finish_and_clear();
    }
}

//! How checks are printed: a line each with what to do below it, or JSON.

use super::checks::{Check, State};
use crate::json;
use crate::rules::Format;
use crate::terminal::{BAD, BOLD, DIM, GOOD, inert, paint};
use anyhow::Result;
use std::io::Write;

/// Columns of the word and of the names.
const WORD: usize = 5;

/// Prints every check, in order.
pub(super) fn print(checks: &[Check], format: Format) -> Result<()> {
    let mut out = anstream::stdout().lock();
    if format == Format::Json {
        json::write_pretty(&mut out, &checks)?;
        return Ok(());
    }
    let widest = checks.iter().map(|check| check.name.chars().count()).max();
    let widest = widest.unwrap_or(0);
    for check in checks {
        let name = inert(&check.name);
        let word = word(check.state);
        writeln!(out, "{word} {name:<widest$}  {}", inert(&check.said))?;
        if let Some(fix) = &check.fix {
            let gap = " ".repeat(WORD + widest + 3);
            writeln!(out, "{gap}{}", paint(DIM, format!("→ {}", inert(fix))))?;
        }
    }
    Ok(())
}

fn word(state: State) -> String {
    let (style, word) = match state {
        State::Ok => (GOOD, "ok"),
        State::Warn => (BOLD, "warn"),
        State::Fail => (BAD, "fail"),
        State::Skipped => (DIM, "skip"),
    };
    paint(style, format!("{word:<WORD$}"))
}

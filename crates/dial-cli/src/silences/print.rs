//! How silences and previews read in a terminal.

use crate::terminal::{BOLD, inert, paint};
use dial_core::store::silence::Silence;
use dial_master::api::PreviewAnswer;
use jiff::Timestamp;
use std::io::{self, Write};

/// Every silence, and how many there are.
pub(super) fn list(out: &mut impl Write, silences: &[Silence], now: Timestamp) -> io::Result<()> {
    for silence in silences {
        one(out, silence, now)?;
        writeln!(out)?;
    }
    match silences.len() {
        0 => writeln!(out, "no silence is in force"),
        1 => writeln!(out, "1 silence"),
        count => writeln!(out, "{count} silences"),
    }
}

/// What it mutes, until when, and who answers for it.
pub(super) fn one(out: &mut impl Write, silence: &Silence, now: Timestamp) -> io::Result<()> {
    let matchers: Vec<_> = silence.matchers.iter().map(|text| inert(text)).collect();
    writeln!(
        out,
        "{}  {}",
        paint(BOLD, inert(&silence.id)),
        matchers.join("  ")
    )?;
    let end = if silence.ends_at <= now {
        "ended"
    } else {
        "ends"
    };
    let by = silence.ended_by.as_deref();
    let by = by
        .map(|by| format!(" by {}", inert(by)))
        .unwrap_or_default();
    writeln!(out, "  {end} {:.0}{by}", silence.ends_at)?;
    writeln!(
        out,
        "  {}: {}",
        inert(&silence.owner),
        inert(&silence.reason)
    )?;
    let (by, at) = (inert(&silence.created_by), silence.created_at);
    writeln!(out, "  made by {by} {at:.0}")
}

/// How much it would have muted, and examples.
pub(super) fn preview(out: &mut impl Write, seen: &PreviewAnswer) -> io::Result<()> {
    let PreviewAnswer {
        looked_at,
        fit,
        since,
        ..
    } = seen;
    writeln!(
        out,
        "would have muted {fit} of the last {looked_at} findings since {since:.0}"
    )?;
    for (rule, count) in &seen.by_rule {
        writeln!(out, "  {count:>5}  {}", inert(rule))?;
    }
    if !seen.examples.is_empty() {
        writeln!(out, "newest:")?;
    }
    for line in &seen.examples {
        let (id, title) = (&line.id, inert(&line.title));
        writeln!(out, "  {id}  {}  {title}", line.severity)?;
    }
    match &seen.refusal {
        Some(refusal) => writeln!(out, "it would be refused: {}", inert(refusal)),
        None => Ok(()),
    }
}

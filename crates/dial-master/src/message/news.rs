//! What people did with a finding, as inert text.

use super::text::inert;
use dial_core::store::{Audit, Status, Stored};

/// Longest sentence about one change, characters.
const MAX_SENTENCE: usize = 800;

/// Where findings can stand, as settings and tags spell it.
pub(crate) const STATUSES: [&str; 5] = [
    "open",
    "acknowledged",
    "snoozed",
    "resolved",
    "false_positive",
];

/// One of [`STATUSES`].
pub(crate) fn status_key(status: Status) -> String {
    status.to_string().replace(' ', "_")
}

/// What is wrong with a table whose keys are [`STATUSES`].
pub(crate) fn check_keys<'k>(
    table: &str,
    keys: impl Iterator<Item = &'k String>,
    report: &mut dyn FnMut(&str, String),
) {
    for key in keys.filter(|key| !STATUSES.contains(&key.as_str())) {
        let message = format!("no such status; use {}", STATUSES.join(", "));
        report(&format!("{table}.{key}"), message);
    }
}

/// The changes after a revision, oldest first.
pub(crate) fn since(history: &[Audit], revision: u64) -> impl DoubleEndedIterator<Item = &Audit> {
    let is_new = move |line: &&Audit| line.after.as_ref().is_some_and(|t| t.revision > revision);
    history.iter().filter(is_new)
}

/// `acknowledged by analyst (slack): on it`.
pub(crate) fn sentence(line: &Audit) -> String {
    let to = line.after.as_ref().and_then(|t| t.assignee.as_ref());
    let to = to
        .filter(|_| line.action == "assigned")
        .map(|name| format!(" to {name}"))
        .unwrap_or_default();
    let until = line.after.as_ref().and_then(|t| t.snoozed_until);
    let until = until
        .filter(|_| line.action == "snoozed")
        .map(|time| format!(" until {time}"))
        .unwrap_or_default();
    let words = line.comment.as_ref();
    let words = words.map(|w| format!(": {w}")).unwrap_or_default();
    let action = line.action.replace('_', " ");
    let told = format!("{action}{to}{until} by {} ({}){words}", line.who, line.door);
    inert(&told, MAX_SENTENCE)
}

/// `acknowledged · assigned to analyst`; nothing while nobody changed anything.
pub(crate) fn state(stored: &Stored) -> Option<String> {
    let triage = &stored.triage;
    let until = triage.snoozed_until.map(|time| format!(" until {time}"));
    let name = triage.assignee.as_ref();
    let name = name.map(|name| format!(" · assigned to {name}"));
    let (until, name) = (until.unwrap_or_default(), name.unwrap_or_default());
    let told = format!("{}{until}{name}", triage.status);
    (triage.revision > 0).then(|| inert(&told, 300))
}

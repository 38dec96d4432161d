//! The history of a finding in words: what those that are told once more have not read yet.

use super::text::{inert, inert_name};
use dial_core::store::Audit;
use serde_json::Value;

/// Longest name and longest comment of a line, characters.
const MAX_NAME: usize = 80;
const MAX_WORDS: usize = 400;
/// Most lines that one message tells; the finding has the rest.
const MAX_LINES: usize = 20;

/// One line for each change after the revision that `receipt` says was told, the last of them
/// first cut away where there are very many. Inert, but not escaped for any format.
pub(crate) fn untold(history: &[Audit], receipt: Option<&Value>) -> Vec<String> {
    let told = receipt.and_then(|receipt| receipt["told"].as_u64());
    let told = told.unwrap_or_default();
    let fresh = history.iter().filter(|line| revision(line) > told);
    let lines: Vec<String> = fresh.map(line).collect();
    let skipped = lines.len().saturating_sub(MAX_LINES);
    let more = (skipped > 0).then(|| format!("… {skipped} changes before these"));
    more.into_iter()
        .chain(lines.into_iter().skip(skipped))
        .collect()
}

/// The revision that is told once all of the history was.
pub(crate) fn told(history: &[Audit]) -> u64 {
    history.iter().map(revision).max().unwrap_or_default()
}

fn revision(line: &Audit) -> u64 {
    line.after.as_ref().map_or(0, |after| after.revision)
}

/// `2026-05-01 10:00 UTC soc acknowledged: looking at it`.
fn line(line: &Audit) -> String {
    let at = line.at.strftime("%Y-%m-%d %H:%M UTC");
    let who = inert_name(&line.who, MAX_NAME);
    let mut told = format!("{at} {who} {}", done(line));
    let comment = line.comment.as_deref().unwrap_or_default();
    let comment = inert(comment, MAX_WORDS);
    if !comment.is_empty() {
        told.push_str(": ");
        told.push_str(&comment);
    }
    told
}

fn done(line: &Audit) -> String {
    let after = line.after.as_ref();
    let until = after.and_then(|after| after.snoozed_until);
    let assignee = after.and_then(|after| after.assignee.as_ref());
    match (line.action.as_str(), until, assignee) {
        ("snoozed", Some(until), _) => format!("snoozed until {until:.0}"),
        ("assigned", _, Some(name)) => format!("assigned to {}", inert_name(name, MAX_NAME)),
        ("false_positive", ..) => "closed as false positive".to_owned(),
        (action, ..) => inert(action, MAX_NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::store::triage::{Actor, Change, Door, Request, Triage, decide};
    use serde_json::json;

    fn history(changes: Vec<Change>) -> Vec<Audit> {
        let mut triage = Triage::default();
        let mut lines = Vec::new();
        for change in changes {
            let by = Actor {
                who: "soc\u{202e}".into(),
                door: Door::Api,
            };
            let request = Request {
                change,
                comment: Some("see <!channel>\n*now*".into()),
                by,
                at: "2026-05-01T10:00:00Z".parse().unwrap(),
            };
            let made = decide(&triage, &request).unwrap();
            lines.extend(made.lines);
            triage = made.triage;
        }
        lines
    }

    #[test]
    fn only_what_was_not_told_is_told() {
        let until = "2026-05-01T12:00:00Z".parse().unwrap();
        let to = Some("storage\u{200b} team".to_owned());
        let lines = history(vec![
            Change::Acknowledge,
            Change::Assign { to },
            Change::Snooze { until },
            Change::FalsePositive,
        ]);
        assert_eq!(told(&lines), 4);
        assert_eq!(untold(&lines, Some(&json!({"told": 4}))), [""; 0]);
        let end = ": see <!channel> *now*";
        let expected = [
            format!("2026-05-01 10:00 UTC soc assigned to storage team{end}"),
            format!("2026-05-01 10:00 UTC soc snoozed until 2026-05-01T12:00:00Z{end}"),
            format!("2026-05-01 10:00 UTC soc closed as false positive{end}"),
        ];
        assert_eq!(untold(&lines, Some(&json!({"told": 1}))), expected);
        assert_eq!(untold(&lines, Some(&Value::Null)).len(), 4);
        assert_eq!(untold(&[], None), [""; 0]);
    }

    #[test]
    fn a_long_history_is_cut_at_its_old_end() {
        let changes = (0..25).map(|n| Change::Comment {
            text: format!("comment {n}"),
        });
        let lines = untold(&history(changes.collect()), None);
        assert_eq!(lines.len(), 21);
        assert_eq!(lines[0], "… 5 changes before these");
        assert!(lines[20].ends_with("comment 24"), "{}", lines[20]);
    }
}

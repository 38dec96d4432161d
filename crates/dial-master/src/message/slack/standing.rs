//! Where a finding stands, as people in a channel see it: a mark, a line, the buttons that fit.

use super::{code, date, plain};
use crate::message::text::inert_name;
use crate::slack::payload::{Target, name};
use dial_core::FindingId;
use dial_core::store::triage::Triage;
use dial_core::store::{Audit, Status};
use serde_json::{Value, json};

/// Of a name in the line, bytes.
const MAX_NAME: usize = 120;
/// Choices of the menu, with their hours.
const SNOOZES: [(&str, u16); 4] = [
    ("1 hour", 1),
    ("4 hours", 4),
    ("1 day", 24),
    ("1 week", 168),
];

/// A state and how it came about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing<'a> {
    /// The state.
    pub(crate) triage: &'a Triage,
    /// What changed it last; absent as long as nobody did.
    pub(crate) last: Option<&'a Audit>,
}

impl<'a> Standing<'a> {
    /// The state and the last line of the history that changed it.
    pub(crate) fn of(triage: &'a Triage, history: &'a [Audit]) -> Self {
        let last = history.iter().rev().find(|line| line.after.is_some());
        Self { triage, last }
    }

    /// Stands where the colour of the severity was, once nobody is needed.
    pub(super) fn mark(self) -> Option<&'static str> {
        match self.triage.status {
            Status::Open | Status::Acknowledged => None,
            Status::Snoozed => Some("💤"),
            Status::Resolved | Status::FalsePositive => Some("✅"),
        }
    }

    /// For notifications, which need not say that something new is open.
    pub(super) fn news(self) -> Option<&'static str> {
        (self.triage.status != Status::Open).then(|| self.word())
    }

    fn word(self) -> &'static str {
        match self.triage.status {
            Status::Open => "Open",
            Status::Acknowledged => "Acknowledged",
            Status::Resolved => "Resolved",
            Status::FalsePositive => "False positive",
            Status::Snoozed => "Snoozed",
        }
    }

    /// `*Acknowledged* · assigned to … · last: acknowledged by … at …`.
    pub(super) fn line(self) -> Value {
        let mut parts = vec![format!("*{}*", self.word())];
        parts.extend(
            self.triage
                .snoozed_until
                .map(|until| format!("until {}", date(until))),
        );
        let assignee = self.triage.assignee.as_ref();
        parts.push(match assignee {
            Some(name) => format!("assigned to {}", named(name)),
            None => "nobody assigned".to_owned(),
        });
        parts.extend(self.last.map(|line| {
            let (action, who) = (did(&line.action), named(&line.who));
            format!("{action} by {who} {}", date(line.at))
        }));
        let text = parts.join(" · ");
        json!({"type": "context", "elements": [
            {"type": "mrkdwn", "text": text, "verbatim": true},
        ]})
    }

    /// What can be done from here; a new revision makes new controls, so that no menu keeps a
    /// choice of before.
    pub(super) fn buttons(self, finding: &FindingId) -> Value {
        let target = Target {
            finding: finding.clone(),
            revision: self.triage.revision,
        };
        let button = |action: &str, label: &str| {
            let value = target.to_string();
            json!({"type": "button", "action_id": action, "text": plain(label), "value": value})
        };
        let primary = |action, label| {
            let mut button = button(action, label);
            button["style"] = "primary".into();
            button
        };
        let acknowledge = || primary(name::ACKNOWLEDGE, "Acknowledge");
        let resolve = || button(name::RESOLVE, "Resolve");
        let assign = || button(name::ASSIGN, "Assign to me");
        let nothing = || button(name::FALSE_POSITIVE, "False positive");
        let elements = match self.triage.status {
            Status::Open => vec![
                acknowledge(),
                assign(),
                snooze(&target),
                resolve(),
                nothing(),
            ],
            Status::Acknowledged => vec![assign(), snooze(&target), resolve(), nothing()],
            Status::Snoozed => vec![
                button(name::REOPEN, "Wake up"),
                acknowledge(),
                resolve(),
                nothing(),
            ],
            Status::Resolved | Status::FalsePositive => vec![button(name::REOPEN, "Reopen")],
        };
        let block = format!("dial_triage.{}", target.revision);
        json!({"type": "actions", "block_id": block, "elements": elements})
    }
}

fn snooze(target: &Target) -> Value {
    let options = SNOOZES
        .map(|(label, hours)| json!({"text": plain(label), "value": format!("{target}.{hours}")}));
    json!({
        "type": "static_select",
        "action_id": name::SNOOZE,
        "placeholder": plain("Snooze"),
        "options": options,
    })
}

/// Our words for what the history says; it is ours too, but may grow.
fn did(action: &str) -> &'static str {
    match action {
        "acknowledged" => "acknowledged",
        "resolved" => "resolved",
        "false_positive" => "called a false positive",
        "snoozed" => "snoozed",
        "assigned" => "assigned",
        "unassigned" => "unassigned",
        "commented" => "commented",
        "reopened" => "reopened",
        "woke" => "woken",
        _ => "changed",
    }
}

/// Somebody, in a code span.
fn named(name: &str) -> String {
    code(&inert_name(name, MAX_NAME), MAX_NAME)
}

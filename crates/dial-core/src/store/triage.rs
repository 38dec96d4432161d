//! Triage: where a finding stands with the team, what may be done with it, and who did it.

use super::{Audit, Status, StoreError};
use crate::FindingId;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name of a person or token, characters.
pub const MAX_NAME: usize = 200;
/// Longest comment, characters.
pub const MAX_COMMENT: usize = 2_000;
/// Longest sleep; silence must not become forgetting.
pub const MAX_SNOOZE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Most changes of one finding, so that its history stays readable at once.
pub const MAX_CHANGES: u64 = 1_000;

/// Where a finding stands: the part of it that people change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Triage {
    /// Where it stands.
    pub status: Status,
    /// Who is to look after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// End of its sleep; there exactly while it is snoozed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
    /// How often it was changed; whoever names it changes nothing unseen.
    #[serde(default)]
    pub revision: u64,
}

/// What may be done with a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Someone is on it.
    Acknowledge,
    /// It is done.
    Resolve,
    /// It was nothing.
    FalsePositive,
    /// Nobody wants to hear of it until then.
    Snooze {
        /// When it is open again; in the future, at most [`MAX_SNOOZE`] away.
        until: Timestamp,
    },
    /// Gives it to someone, or to nobody.
    Assign {
        /// The person; absent takes it away.
        #[serde(default)]
        to: Option<String>,
    },
    /// Adds words only.
    Comment {
        /// The words.
        text: String,
    },
    /// It needs someone again.
    Reopen,
    /// Its sleep is over; only the clock asks for this.
    #[serde(skip)]
    Wake,
}

/// Where a change came from; informational, for the door that says so was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// A worker's batch.
    Worker,
    /// The HTTP API.
    Api,
    /// Slack's buttons and commands.
    Slack,
    /// `dial findings`.
    Cli,
    /// The dashboard.
    Dashboard,
    /// Time itself.
    Clock,
}

/// Who changes something, and through which door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// A person's or token's name.
    pub who: String,
    /// The door.
    pub door: Door,
}

/// A change that someone asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is to be done.
    pub change: Change,
    /// Why, in the person's words.
    pub comment: Option<String>,
    /// Who asks.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// How the finding stands now.
    pub triage: Triage,
    /// What the history gained; the last line is the change, one before it may be a waking.
    pub lines: Vec<Audit>,
}

/// Why a change does not fit where the finding stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It stands there.
    #[error("finding is {0} already")]
    Already(Status),
    /// What is closed changes by reopening only.
    #[error("finding is closed ({0}); reopen it first")]
    Closed(Status),
    /// It is that person's.
    #[error("finding is assigned to {0} already")]
    Assigned(String),
    /// It is nobody's.
    #[error("finding is assigned to nobody already")]
    Unassigned,
    /// The end of a sleep is past or too far.
    #[error("snooze must end after now and within 30 days, not at {0}")]
    SnoozeEnd(Timestamp),
    /// It does not sleep, or its time has not come.
    #[error("finding has no sleep that is over")]
    Awake,
    /// A text is empty, too long or unprintable.
    #[error("{field} must hold 1 to {limit} printable characters")]
    Text {
        /// Which text.
        field: &'static str,
        /// Longest, characters.
        limit: usize,
    },
    /// The history is full.
    #[error("finding was changed {MAX_CHANGES} times, which is the most")]
    Full,
}

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such finding, or its time is over.
    #[error("finding is unknown or expired")]
    Unknown,
    /// Someone else changed it since the caller looked.
    #[error("finding was changed meanwhile: it is {} now, revision {}", .current.status, .current.revision)]
    Conflict {
        /// How it stands.
        current: Box<Triage>,
        /// The change that came first.
        last: Option<Box<Audit>>,
    },
    /// The change does not fit where the finding stands.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: Refusal,
    },
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The triage of findings: one state machine, every change in the history.
#[async_trait::async_trait]
pub trait Triaging: Send + Sync {
    /// Makes a change, with its lines of history and what sinks are to be told, in one
    /// transaction.
    ///
    /// With `expected`, only where that is the revision of the finding as it is read at
    /// `request.at`.
    async fn change(
        &self,
        id: &FindingId,
        expected: Option<u64>,
        request: &Request,
    ) -> Result<Changed, ChangeError>;

    /// Findings whose sleep is over at `now` but not yet in their history, at most `limit`.
    async fn to_wake(&self, now: Timestamp, limit: usize) -> Result<Vec<FindingId>, StoreError>;
}

impl Triage {
    /// How it stands at a time: a sleep that is over is over before anyone wrote it down.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        if self.overslept(now) {
            self.woken()
        } else {
            self
        }
    }

    fn overslept(&self, now: Timestamp) -> bool {
        let over = self.snoozed_until.is_none_or(|until| until <= now);
        self.status == Status::Snoozed && over
    }

    fn woken(self) -> Self {
        Self {
            status: Status::Open,
            snoozed_until: None,
            revision: self.revision + 1,
            ..self
        }
    }

    /// Whether work on it has ended.
    pub fn is_closed(&self) -> bool {
        matches!(self.status, Status::Resolved | Status::FalsePositive)
    }
}

/// What a request does to a finding that stands as `stored`: the one state machine.
///
/// A sleep that is over is written down first, so that each line starts where the last ended.
pub fn decide(stored: &Triage, request: &Request) -> Result<Changed, Refusal> {
    let mut lines = Vec::new();
    let mut triage = stored.clone();
    if triage.overslept(request.at) {
        let at = stored.snoozed_until.unwrap_or(request.at);
        triage = triage.woken();
        lines.push(woke(at, stored, &triage));
    }
    if request.change != Change::Wake {
        check_texts(request)?;
        let before = triage.clone();
        triage = next(before.clone(), request)?;
        lines.push(line(request, before, triage.clone()));
    } else if lines.is_empty() {
        return Err(Refusal::Awake);
    }
    if triage.revision > MAX_CHANGES {
        return Err(Refusal::Full);
    }
    Ok(Changed { triage, lines })
}

/// The state after a change of a finding that is awake or sleeps soundly.
fn next(before: Triage, request: &Request) -> Result<Triage, Refusal> {
    let revision = before.revision + 1;
    let stands = |status| {
        let awake = Triage {
            status,
            snoozed_until: None,
            revision,
            ..before.clone()
        };
        match before.status {
            same if same == status => Err(Refusal::Already(same)),
            closed if before.is_closed() && status != Status::Open => Err(Refusal::Closed(closed)),
            _ => Ok(awake),
        }
    };
    match &request.change {
        Change::Acknowledge => stands(Status::Acknowledged),
        Change::Resolve => stands(Status::Resolved),
        Change::FalsePositive => stands(Status::FalsePositive),
        Change::Reopen => stands(Status::Open),
        Change::Snooze { until } => snooze(before, *until, request.at),
        Change::Assign { to } => assign(&before, to.clone()),
        Change::Comment { .. } => Ok(Triage { revision, ..before }),
        Change::Wake => Err(Refusal::Awake),
    }
}

fn snooze(before: Triage, until: Timestamp, now: Timestamp) -> Result<Triage, Refusal> {
    if before.is_closed() {
        return Err(Refusal::Closed(before.status));
    }
    let latest = now.saturating_add(MAX_SNOOZE).unwrap_or(Timestamp::MAX);
    if until <= now || until > latest {
        return Err(Refusal::SnoozeEnd(until));
    }
    Ok(Triage {
        status: Status::Snoozed,
        snoozed_until: Some(until),
        revision: before.revision + 1,
        ..before
    })
}

fn assign(before: &Triage, to: Option<String>) -> Result<Triage, Refusal> {
    match to {
        _ if before.is_closed() => Err(Refusal::Closed(before.status)),
        Some(name) if before.assignee.as_ref() == Some(&name) => Err(Refusal::Assigned(name)),
        None if before.assignee.is_none() => Err(Refusal::Unassigned),
        assignee => Ok(Triage {
            assignee,
            revision: before.revision + 1,
            ..before.clone()
        }),
    }
}

fn check_texts(request: &Request) -> Result<(), Refusal> {
    let (name, comment) = ("name", "comment");
    let assignee = match &request.change {
        Change::Assign { to } => to.as_deref(),
        _ => None,
    };
    let text = match &request.change {
        Change::Comment { text } => Some(text.as_str()),
        _ => None,
    };
    for (field, text, limit) in [
        (name, Some(request.by.who.as_str()), MAX_NAME),
        ("assignee", assignee, MAX_NAME),
        (comment, request.comment.as_deref(), MAX_COMMENT),
        (comment, text, MAX_COMMENT),
    ] {
        let breaks = field == comment;
        if text.is_some_and(|text| !is_legible(text, limit, breaks)) {
            return Err(Refusal::Text { field, limit });
        }
    }
    Ok(())
}

fn is_legible(text: &str, limit: usize, breaks: bool) -> bool {
    let fits = |c: char| !c.is_control() || (breaks && matches!(c, '\n' | '\t'));
    !text.trim().is_empty() && text.chars().all(fits) && text.chars().count() <= limit
}

fn line(request: &Request, before: Triage, after: Triage) -> Audit {
    let comment = match &request.change {
        Change::Comment { text } => Some(text.clone()),
        _ => request.comment.clone(),
    };
    Audit {
        at: request.at,
        who: request.by.who.clone(),
        door: request.by.door.as_str().to_owned(),
        action: request.change.done().to_owned(),
        before: Some(before),
        after: Some(after),
        comment,
    }
}

fn woke(at: Timestamp, before: &Triage, after: &Triage) -> Audit {
    Audit {
        at,
        who: "dial".to_owned(),
        door: Door::Clock.as_str().to_owned(),
        action: Change::Wake.done().to_owned(),
        before: Some(before.clone()),
        after: Some(after.clone()),
        comment: None,
    }
}

impl Change {
    /// The word of the history for it.
    pub fn done(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledged",
            Self::Resolve => "resolved",
            Self::FalsePositive => "false_positive",
            Self::Snooze { .. } => "snoozed",
            Self::Assign { to: Some(_) } => "assigned",
            Self::Assign { to: None } => "unassigned",
            Self::Comment { .. } => "commented",
            Self::Reopen => "reopened",
            Self::Wake => "woke",
        }
    }
}

impl Request {
    /// What the clock asks for when a sleep is over.
    pub fn wake(at: Timestamp) -> Self {
        let by = Actor {
            who: "dial".to_owned(),
            door: Door::Clock,
        };
        Self {
            change: Change::Wake,
            comment: None,
            by,
            at,
        }
    }
}

impl Door {
    /// The word of the history for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Api => "api",
            Self::Slack => "slack",
            Self::Cli => "cli",
            Self::Dashboard => "dashboard",
            Self::Clock => "clock",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::FalsePositive => "false positive",
            Self::Snoozed => "snoozed",
        })
    }
}

#[cfg(test)]
mod tests;

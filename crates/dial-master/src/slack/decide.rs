//! What a click of a person means: the change, the dialog, or why not.

use super::payload::{Act, Target};
use super::people::Person;
use dial_core::FindingId;
use dial_core::store::token::Scope;
use dial_core::store::triage::Change;
use jiff::{SignedDuration, Timestamp};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A change of where a finding stands.
    Change(Target, Change),
    /// The dialog that asks how far it was nothing.
    Ask(Target),
    /// The dialog that shows the event.
    Open(FindingId),
    /// Another page of it.
    Turn(FindingId, usize),
    /// Nothing.
    Nothing,
}

/// Somebody asks for more than the configuration lets them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this needs the scope {needed}, and {name} has {has}; [master.slack.users] says so")]
pub(crate) struct Forbidden {
    needed: Scope,
    has: Scope,
    name: String,
}

/// Whether a person has a scope.
pub(crate) fn permit(person: &Person, needed: Scope) -> Result<(), Forbidden> {
    if person.scope >= needed {
        return Ok(());
    }
    Err(Forbidden {
        needed,
        has: person.scope,
        name: person.name.clone(),
    })
}

/// What a click means.
pub(crate) fn decide(act: Act, person: &Person, now: Timestamp) -> Result<Decision, Forbidden> {
    permit(person, needed(&act))?;
    Ok(match act {
        Act::Acknowledge(target) => Decision::Change(target, Change::Acknowledge),
        Act::Resolve(target) => Decision::Change(target, Change::Resolve),
        Act::Reopen(target) => Decision::Change(target, Change::Reopen),
        Act::Assign(target) => {
            let to = Some(person.name.clone());
            Decision::Change(target, Change::Assign { to })
        }
        Act::Snooze(target, hours) => {
            let sleep = SignedDuration::from_hours(i64::from(hours));
            let until = now.saturating_add(sleep).unwrap_or(Timestamp::MAX);
            Decision::Change(target, Change::Snooze { until })
        }
        Act::AskFalsePositive(target) => Decision::Ask(target),
        Act::Show(finding) => Decision::Open(finding),
        Act::Turn(finding, page) => Decision::Turn(finding, page),
        Act::Nothing => Decision::Nothing,
    })
}

fn needed(act: &Act) -> Scope {
    match act {
        Act::Show(_) | Act::Turn(..) | Act::Nothing => Scope::Viewer,
        Act::Acknowledge(_)
        | Act::Assign(_)
        | Act::Snooze(..)
        | Act::Resolve(_)
        | Act::Reopen(_)
        | Act::AskFalsePositive(_) => Scope::Analyst,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        "f-aaaaaaaaaaaaaaaaaaaaaaaaaa.3".parse().unwrap()
    }

    #[test]
    fn each_scope_may_do_this_and_no_more() {
        let now: Timestamp = "2026-05-01T10:00:00Z".parse().unwrap();
        let finding = || target().finding;
        let me = Change::Assign {
            to: Some("first".into()),
        };
        let until = "2026-05-01T14:00:00Z".parse().unwrap();
        let changed = |change| Decision::Change(target(), change);
        let cases = [
            (
                Act::Show(finding()),
                Scope::Viewer,
                Decision::Open(finding()),
            ),
            (
                Act::Turn(finding(), 2),
                Scope::Viewer,
                Decision::Turn(finding(), 2),
            ),
            (Act::Nothing, Scope::Viewer, Decision::Nothing),
            (
                Act::Acknowledge(target()),
                Scope::Analyst,
                changed(Change::Acknowledge),
            ),
            (Act::Assign(target()), Scope::Analyst, changed(me)),
            (
                Act::Snooze(target(), 4),
                Scope::Analyst,
                changed(Change::Snooze { until }),
            ),
            (
                Act::Resolve(target()),
                Scope::Analyst,
                changed(Change::Resolve),
            ),
            (
                Act::Reopen(target()),
                Scope::Analyst,
                changed(Change::Reopen),
            ),
            (
                Act::AskFalsePositive(target()),
                Scope::Analyst,
                Decision::Ask(target()),
            ),
        ];
        for (act, least, expected) in cases {
            for scope in [Scope::Viewer, Scope::Analyst, Scope::Admin] {
                let person = Person {
                    name: "first".into(),
                    scope,
                };
                let decided = decide(act.clone(), &person, now);
                if scope >= least {
                    assert_eq!(decided.as_ref(), Ok(&expected), "{act:?} {scope}");
                } else {
                    assert!(decided.is_err(), "{act:?} {scope}");
                }
            }
        }
    }

    #[test]
    fn clocks_at_their_end_are_no_trouble() {
        let person = Person {
            name: "first".into(),
            scope: Scope::Admin,
        };
        assert!(decide(Act::Snooze(target(), u16::MAX), &person, Timestamp::MAX).is_ok());
    }

    #[test]
    fn the_refusal_says_what_is_missing() {
        let person = Person {
            name: "guest".into(),
            scope: Scope::Viewer,
        };
        let refused = decide(Act::Resolve(target()), &person, Timestamp::MIN).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "this needs the scope analyst, and guest has viewer; [master.slack.users] says so"
        );
    }
}

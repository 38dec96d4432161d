//! What a rule's condition says about the head of a record: asked without building the rule.
//!
//! Sound by construction: judged in three values, everything that the head does not show is
//! `Unknown`, and only a rule that is certainly `False` is left out.

use super::known::{Fit, Known, Member};
use super::place::Place;
use super::truth::{Truth, all, any, negated, truth};
use std::borrow::Cow;

/// Top-level names that are derived, never read from the record.
pub(crate) const DERIVED: [&str; 11] = [
    "fact",
    "geo",
    "asn",
    "reputation",
    "account",
    "address",
    "decoy",
    "own",
    "principal",
    "region",
    "watched",
];

/// A condition, reduced to what can be judged before a record is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Depends on something that the head does not show.
    Unknown,
    /// All parts hold.
    All(Parts),
    /// At least one part holds.
    Any(Parts),
    /// No part holds.
    None(Parts),
    /// A member of the head fits a text.
    Text(Member, Fit, Cow<'static, str>),
    /// A member of the head is there, or is not.
    Exists(Member, bool),
    /// A derived field, by its path; says what holds where nothing makes it.
    Derived(Cow<'static, str>, bool),
    /// A derived field, by its path, that must be this.
    Is(Cow<'static, str>, bool),
    /// A text that must stand in a part of the record, whatever its case.
    Holds(Place, Cow<'static, str>),
}

/// Borrowed where the build wrote them, owned where a file was read.
pub(crate) type Parts = Cow<'static, [Gate]>;

impl Gate {
    /// Whether the condition may hold.
    pub(crate) fn may_hold(&self, known: &Known<'_>) -> bool {
        self.judge(known) != Truth::False
    }

    /// What is left to be asked where this much is known already: as certain as the whole is.
    pub(crate) fn rest(&self, known: &Known<'_>) -> Self {
        let rest = |parts: &Parts, settled: fn() -> Self| {
            let parts = parts.iter().map(|part| part.rest(known));
            parts.filter(|part| *part != settled()).collect::<Parts>()
        };
        match (self.judge(known), self) {
            (Truth::True, _) => Self::holds(),
            (Truth::False, _) => Self::fails(),
            (Truth::Unknown, Self::All(parts)) => Self::All(rest(parts, Self::holds)),
            (Truth::Unknown, Self::Any(parts)) => Self::Any(rest(parts, Self::fails)),
            (Truth::Unknown, Self::None(parts)) => Self::None(rest(parts, Self::fails)),
            (Truth::Unknown, leaf) => leaf.clone(),
        }
    }

    /// What of it can say no: lets in the same records, and asks no more than that takes.
    pub(crate) fn deciding(self) -> Self {
        let kept = |parts: Parts, is_wanted: fn(&Self) -> bool| {
            let parts = parts.into_owned().into_iter().filter(is_wanted);
            parts.map(Self::deciding).collect::<Parts>()
        };
        match self {
            whole if !whole.can_fail() => Self::Unknown,
            Self::All(parts) => Self::All(kept(parts, Self::can_fail)),
            Self::Any(parts) => Self::Any(kept(parts, |_| true)),
            whole => whole,
        }
    }

    /// Whether the answer may be no.
    fn can_fail(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::All(parts) => parts.iter().any(Self::can_fail),
            Self::Any(parts) => parts.iter().all(Self::can_fail),
            Self::None(parts) => parts.iter().any(Self::can_hold),
            Self::Derived(_, holds) => !holds,
            Self::Text(..) | Self::Exists(..) | Self::Is(..) | Self::Holds(..) => true,
        }
    }

    /// Whether the answer may be a certain yes.
    fn can_hold(&self) -> bool {
        match self {
            Self::Unknown | Self::Is(..) | Self::Holds(..) => false,
            Self::All(parts) => parts.iter().all(Self::can_hold),
            Self::Any(parts) => parts.iter().any(Self::can_hold),
            Self::None(parts) => parts.iter().all(Self::can_fail),
            Self::Derived(_, holds) => *holds,
            Self::Text(..) | Self::Exists(..) => true,
        }
    }

    /// All of nothing.
    fn holds() -> Self {
        Self::All(Cow::Borrowed(&[]))
    }

    /// Any of nothing.
    fn fails() -> Self {
        Self::Any(Cow::Borrowed(&[]))
    }

    fn judge(&self, known: &Known<'_>) -> Truth {
        let judge = |part: &Gate| part.judge(known);
        match self {
            Self::Unknown => Truth::Unknown,
            Self::All(parts) => all(parts.iter().map(judge)),
            Self::Any(parts) => any(parts.iter().map(judge)),
            Self::None(parts) => negated(any(parts.iter().map(judge))),
            Self::Text(Member::ErrorCode, ..) if known.succeeded => Truth::False,
            Self::Text(Member::UserAgent, ..) if known.has_plain_agent.is_some_and(|is| is()) => {
                Truth::False
            }
            Self::Text(member, fit, text) => any(known
                .texts(*member)
                .into_iter()
                .flatten()
                .map(|shown| fit.judge(shown, text)))
            .or_unknown(known.shows(*member)),
            Self::Exists(Member::ErrorCode, expected) if known.succeeded => truth(!*expected),
            Self::Exists(member, expected) => truth(*expected).or_unknown(known.shows(*member)),
            Self::Derived(path, holds) => {
                truth(*holds).or_unknown(known.lacks.is_some_and(|lacks| lacks(path)))
            }
            Self::Is(path, wanted) => {
                let is_never = || known.is_never.is_some_and(|never| never(path, *wanted));
                let is_false = known.lacks.is_some_and(|lacks| lacks(path)) || is_never();
                Truth::False.or_unknown(is_false)
            }
            Self::Holds(place, text) => {
                let is_missing = known.lacks_text.is_some_and(|lacks| lacks(*place, text));
                Truth::False.or_unknown(is_missing)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fit, Gate, Known, Member, Parts, Place};
    use proptest::prelude::*;

    fn gates() -> impl Strategy<Value = Gate> {
        let leaf = prop::sample::select(vec![
            Gate::Unknown,
            Gate::Text(Member::EventName, Fit::Exactly, "a".into()),
            Gate::Text(Member::ErrorCode, Fit::Start, "a".into()),
            Gate::Text(Member::UserAgent, Fit::Inside, "a".into()),
            Gate::Exists(Member::ErrorCode, true),
            Gate::Exists(Member::AccountId, false),
            Gate::Derived("fact.x".into(), true),
            Gate::Is("fact.y".into(), true),
            Gate::Holds(Place::Request, "aaaa".into()),
        ]);
        leaf.prop_recursive(3, 24, 3, |below| {
            let parts = prop::collection::vec(below, 1..4).prop_map(Parts::from);
            (parts, 0..3_usize).prop_map(|(parts, join)| match join {
                0 => Gate::All(parts),
                1 => Gate::Any(parts),
                _ => Gate::None(parts),
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_left_decides_as_the_whole_does(
            gate in gates(),
            (name, error) in (0..3_usize, 0..3_usize),
            [has_agent, lacks, is_never, lacks_text] in any::<[bool; 4]>(),
        ) {
            let texts = [None, Some("a"), Some("b")];
            let kind = Known {
                name: texts[name],
                error_code: texts[error],
                succeeded: error == 0,
                ..Known::default()
            };
            let (lacks, is_never) = (|_: &str| lacks, |_: &str, _| is_never);
            let lacks_text = |_: Place, _: &str| lacks_text;
            let record = Known {
                user_agent: has_agent.then_some("a"),
                lacks: Some(&lacks),
                is_never: Some(&is_never),
                lacks_text: Some(&lacks_text),
                ..kind
            };
            prop_assert_eq!(gate.rest(&kind).judge(&record), gate.judge(&record));
            prop_assert_eq!(gate.clone().deciding().may_hold(&record), gate.may_hold(&record));
        }
    }
}

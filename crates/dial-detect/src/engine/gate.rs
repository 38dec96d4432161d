//! What a rule's condition says about the head of a record: asked without building the rule.
//!
//! Sound by construction: judged in three values, everything that the head does not show is
//! `Unknown`, and only a rule that is certainly `False` is left out.

use super::place::Place;
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

/// A member that the head of a record shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Member {
    /// `eventName`, as written and without the date that some services append.
    EventName,
    /// `eventSource`.
    EventSource,
    /// `userIdentity.type`.
    IdentityType,
    /// `errorCode`.
    ErrorCode,
    /// `userAgent`.
    UserAgent,
    /// `userIdentity.accountId`.
    AccountId,
}

/// How a text must fit; `Exactly` and `Cased` are the whole text, the others ignore case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The same letters in the same case.
    Cased,
    /// The same letters.
    Exactly,
    /// Starts so.
    Start,
    /// Ends so.
    End,
    /// Has it inside.
    Inside,
}

/// What is known of a record before it is parsed; `None` is "not known", never "absent".
#[derive(Clone, Copy, Default)]
pub(crate) struct Known<'a> {
    /// `eventName`.
    pub(crate) name: Option<&'a str>,
    /// `eventName` without its date.
    pub(crate) plain_name: Option<&'a str>,
    /// `eventSource`.
    pub(crate) source: Option<&'a str>,
    /// `userIdentity.type`.
    pub(crate) identity_type: Option<&'a str>,
    /// `errorCode`.
    pub(crate) error_code: Option<&'a str>,
    /// Whether there is certainly no `errorCode`.
    pub(crate) succeeded: bool,
    /// `userAgent`.
    pub(crate) user_agent: Option<&'a str>,
    /// Whether no gate's text fits the user agent.
    pub(crate) has_plain_agent: Option<&'a dyn Fn() -> bool>,
    /// `userIdentity.accountId`.
    pub(crate) account: Option<&'a str>,
    /// Whether nothing makes a derived field of this path for this record.
    pub(crate) lacks: Option<&'a dyn Fn(&str) -> bool>,
    /// Whether a derived field of this path is certainly missing or the opposite.
    pub(crate) is_never: Option<&'a IsNever<'a>>,
    /// Whether a text certainly stands nowhere in a place.
    pub(crate) lacks_text: Option<&'a LacksText<'a>>,
}

/// Of a place, and a text.
type LacksText<'a> = dyn Fn(Place, &str) -> bool + 'a;

/// Of the path of a derived field, and what it would have to be.
type IsNever<'a> = dyn Fn(&str, bool) -> bool + 'a;

/// What is judged before a rule is built or asked: certain, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    False,
    Unknown,
    True,
}

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

impl Known<'_> {
    fn texts(&self, member: Member) -> [Option<&str>; 2] {
        match member {
            Member::EventName => [self.name, self.plain_name.filter(|_| self.is_dated())],
            Member::EventSource => [self.source, None],
            Member::IdentityType => [self.identity_type, None],
            Member::ErrorCode => [self.error_code, None],
            Member::UserAgent => [self.user_agent, None],
            Member::AccountId => [self.account, None],
        }
    }

    fn is_dated(&self) -> bool {
        self.name.map(str::len) != self.plain_name.map(str::len)
    }

    fn shows(&self, member: Member) -> bool {
        self.texts(member)[0].is_some()
    }
}

impl Fit {
    /// Case is only ignored where it is sure how: in ASCII.
    pub(crate) fn judge(self, shown: &str, wanted: &str) -> Truth {
        if self == Self::Cased {
            return truth(shown == wanted);
        }
        if !shown.is_ascii() || !wanted.is_ascii() {
            return Truth::Unknown;
        }
        let (shown, wanted) = (shown.as_bytes(), wanted.as_bytes());
        let same = |part: Option<&[u8]>| part.is_some_and(|part| part.eq_ignore_ascii_case(wanted));
        let (length, surplus) = (wanted.len(), shown.len().checked_sub(wanted.len()));
        truth(match self {
            Self::Cased | Self::Exactly => same(Some(shown)),
            Self::Start => same(shown.get(..length)),
            Self::End => same(surplus.and_then(|from| shown.get(from..))),
            Self::Inside => match wanted.first() {
                None => true,
                Some(first) => shown.iter().enumerate().any(|(at, byte)| {
                    byte.eq_ignore_ascii_case(first)
                        && same(shown.get(at..at.saturating_add(length)))
                }),
            },
        })
    }
}

impl Truth {
    pub(crate) fn or_unknown(self, is_known: bool) -> Self {
        if is_known { self } else { Self::Unknown }
    }
}

pub(crate) fn truth(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}

pub(crate) fn negated(value: Truth) -> Truth {
    match value {
        Truth::False => Truth::True,
        Truth::Unknown => Truth::Unknown,
        Truth::True => Truth::False,
    }
}

pub(crate) fn all(parts: impl Iterator<Item = Truth>) -> Truth {
    let mut result = Truth::True;
    for part in parts {
        match part {
            Truth::False => return Truth::False,
            Truth::Unknown => result = Truth::Unknown,
            Truth::True => {}
        }
    }
    result
}

pub(crate) fn any(parts: impl Iterator<Item = Truth>) -> Truth {
    negated(all(parts.map(negated)))
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

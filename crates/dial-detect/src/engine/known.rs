//! What is known of a record before it is parsed, and how a text must fit it.

use super::place::Place;
use super::truth::{Truth, truth};

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

impl Known<'_> {
    pub(super) fn texts(&self, member: Member) -> [Option<&str>; 2] {
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

    pub(super) fn shows(&self, member: Member) -> bool {
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

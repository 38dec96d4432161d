//! Remembers which rules are left for a kind of call, so that each kind is sifted once.
//!
//! A trail holds millions of records of a few hundred kinds. What the name, the source, the kind
//! of caller and the outcome decide, they decide for every record that shares them.

use super::gate::Gate;
use super::known::Known;
use super::remembered::Remembered;
use std::borrow::Cow;

/// Bytes of a kind that is remembered; real ones have a hundred.
const MAX_KIND: usize = 256;

/// Rules by kind of call.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    kinds: Remembered<Vec<Left>>,
}

/// Rules that are left for a kind of call, of which the same remains to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Left {
    /// What remains to be asked, once for all of them.
    pub(super) gate: Gate,
    /// The rules, in order.
    pub(super) rules: Vec<usize>,
}

impl Left {
    /// Rules, each with what remains to be asked of it.
    pub(super) fn of(rules: impl Iterator<Item = (usize, Gate)>) -> Vec<Self> {
        let mut left: Vec<Self> = Vec::new();
        for (rule, gate) in rules {
            match left.iter_mut().find(|known| known.gate == gate) {
                Some(known) => known.rules.push(rule),
                None => left.push(Self {
                    gate,
                    rules: vec![rule],
                }),
            }
        }
        left
    }
}

impl Sieve {
    /// The rules that are left for the kind of this record; `sift` finds them the first time.
    ///
    /// `sift` gets no more than decides the kind, so that it cannot depend on anything else.
    pub(super) fn rules(
        &self,
        known: &Known<'_>,
        sift: impl Fn(&Known<'_>) -> Vec<Left>,
    ) -> Cow<'_, [Left]> {
        let mut kind = Kind::default();
        let sift = || sift(&of_kind(known));
        if kind.spell(known).is_none() {
            return Cow::Owned(sift());
        }
        match self.kinds.of(kind.spelt(), sift) {
            Cow::Borrowed(rules) => Cow::Borrowed(rules),
            Cow::Owned(rules) => Cow::Owned(rules),
        }
    }
}

/// What all records of a kind share.
fn of_kind<'a>(known: &Known<'a>) -> Known<'a> {
    Known {
        name: known.name,
        plain_name: known.plain_name,
        source: known.source,
        identity_type: known.identity_type,
        error_code: known.error_code,
        succeeded: known.succeeded,
        ..Known::default()
    }
}

/// What all records of a kind share, in bytes; made for every record, so not on the heap.
struct Kind {
    bytes: [u8; MAX_KIND],
    length: usize,
}

impl Default for Kind {
    fn default() -> Self {
        Self {
            bytes: [0; MAX_KIND],
            length: 0,
        }
    }
}

impl Kind {
    /// Each part with its length, so that no two kinds are spelled alike; `None` where it does
    /// not fit.
    fn spell(&mut self, known: &Known<'_>) -> Option<()> {
        self.push(&[u8::from(known.succeeded)])?;
        // The plain name follows from the name.
        for part in [
            known.name,
            known.source,
            known.identity_type,
            known.error_code,
        ] {
            let length = part.map_or(u32::MAX, |part| {
                u32::try_from(part.len()).unwrap_or(u32::MAX)
            });
            self.push(&length.to_le_bytes())?;
            self.push(part.unwrap_or_default().as_bytes())?;
        }
        Some(())
    }

    fn push(&mut self, part: &[u8]) -> Option<()> {
        let end = self.length.checked_add(part.len())?;
        self.bytes.get_mut(self.length..end)?.copy_from_slice(part);
        self.length = end;
        Some(())
    }

    fn spelt(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(rule: usize) -> Vec<Left> {
        Left::of([(rule, Gate::Unknown)].into_iter())
    }

    fn call<'a>(name: &'a str, source: Option<&'a str>) -> Known<'a> {
        Known {
            name: Some(name),
            source,
            ..Known::default()
        }
    }

    #[test]
    fn each_kind_is_sifted_once_and_no_two_are_taken_for_one() {
        let kinds = [
            call("a", None),
            call("a", Some("")),
            call("a", Some("b")),
            call("ab", None),
            call("", Some("ab")),
            Known {
                succeeded: true,
                ..call("a", None)
            },
            Known {
                error_code: Some("b"),
                ..call("a", None)
            },
            Known {
                identity_type: Some("b"),
                ..call("a", None)
            },
        ];
        let sieve = Sieve::default();
        for (rule, known) in kinds.iter().enumerate() {
            assert_eq!(*sieve.rules(known, |_| only(rule)), only(rule));
        }
        for (rule, known) in kinds.iter().enumerate() {
            let again = sieve.rules(known, |_| panic!("sifted again"));
            assert_eq!(*again, only(rule));
        }
    }

    #[test]
    fn what_a_kind_does_not_say_decides_nothing() {
        let known = Known {
            user_agent: Some("x"),
            account: Some("111122223333"),
            lacks: Some(&|_| true),
            is_never: Some(&|_, _| true),
            lacks_text: Some(&|_, _| true),
            has_plain_agent: Some(&|| true),
            ..call("a", None)
        };
        Sieve::default().rules(&known, |kind| {
            assert!(kind.user_agent.is_none() && kind.account.is_none());
            assert!(kind.lacks.is_none() && kind.is_never.is_none() && kind.lacks_text.is_none());
            assert!(kind.has_plain_agent.is_none());
            Vec::new()
        });
    }

    #[test]
    fn rules_of_which_the_same_remains_are_asked_together() {
        let derived = || Gate::Derived("fact.x".into(), false);
        let rules = [(1, derived()), (2, Gate::Unknown), (5, derived())];
        let left = Left::of(rules.into_iter());
        let grouped: Vec<_> = left.iter().map(|left| left.rules.as_slice()).collect();
        assert_eq!(grouped, [&[1, 5][..], &[2]]);
    }

    #[test]
    fn strange_kinds_fill_no_memory() {
        let sieve = Sieve::default();
        let long = "a".repeat(MAX_KIND);
        sieve.rules(&call(&long, None), |_| only(1));
        assert_eq!(*sieve.rules(&call(&long, None), |_| only(2)), only(2));
    }
}

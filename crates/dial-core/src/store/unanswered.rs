//! When attempts may have reached a sink although nobody saw an answer.
//!
//! Some sinks can only be asked what they got at a time. Whoever claims a row writes down the time
//! that the claim may take, before anything leaves: a crash leaves it there. Whoever settles the
//! row strikes what is known by then.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most spans that a row keeps; beyond it the two oldest become one.
pub const MOST: usize = 16;
/// How far the clocks of a sink and of those who claim rows may disagree.
pub const SKEW: SignedDuration = SignedDuration::from_secs(15);

/// From one time to another, both included; clocks that disagree are allowed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// When attempts of a row may have got through unanswered, oldest first; at most 16.
///
/// While somebody has the row, the last one is that claim's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Unanswered(Vec<Span>);

impl Span {
    /// What the other side's clock may show between two times of ours.
    pub fn around(from: Timestamp, to: Timestamp) -> Self {
        Self {
            from: from.saturating_sub(SKEW).unwrap_or(from),
            to: to.saturating_add(SKEW).unwrap_or(to),
        }
    }

    /// The same, ended at a time.
    #[must_use]
    pub fn ended(self, at: Timestamp) -> Self {
        let to = at.saturating_add(SKEW).unwrap_or(at);
        Self {
            to: self.to.min(to),
            ..self
        }
    }

    /// The shortest span that holds both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
        }
    }
}

impl Unanswered {
    /// Adds a span as the last one.
    pub fn push(&mut self, span: Span) {
        if let (true, Some(second)) = (self.0.len() >= MOST, self.0.get(1).copied()) {
            let first = self.0.remove(0);
            self.0[0] = first.with(second);
        }
        self.0.push(span);
    }

    /// Whether nothing may have got through unseen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Those before the claim that has the row.
    pub fn earlier(&self) -> &[Span] {
        self.0.split_last().map_or(&[], |(_, earlier)| earlier)
    }

    /// That of the claim that has the row.
    pub fn own(&self) -> Option<Span> {
        self.0.last().copied()
    }
}

impl FromIterator<Span> for Unanswered {
    fn from_iter<I: IntoIterator<Item = Span>>(spans: I) -> Self {
        let mut all = Self::default();
        spans.into_iter().for_each(|span| all.push(span));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, to: i64) -> Span {
        let at = |second| Timestamp::from_second(second).unwrap();
        Span {
            from: at(from),
            to: at(to),
        }
    }

    #[test]
    fn a_full_list_widens_its_oldest_and_forgets_no_time() {
        let mut all = Unanswered::default();
        assert_eq!((all.own(), all.earlier()), (None, &[][..]));
        for n in 0..40 {
            all.push(span(n * 100, n * 100 + 45));
            assert!(all.spans().len() <= MOST);
            assert_eq!(all.own(), Some(span(n * 100, n * 100 + 45)));
            assert_eq!(all.spans()[0].from, span(0, 0).from);
        }
        assert_eq!(all.earlier().len(), MOST - 1);
        assert_eq!(all.spans()[0], span(0, 2_445));
        assert_eq!(all.spans()[1], span(2_500, 2_545));
    }

    #[test]
    fn clocks_may_disagree_at_both_ends() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let claim = Span::around(at(100), at(145));
        assert_eq!(claim, span(85, 160));
        assert_eq!(claim.ended(at(103)), span(85, 118));
        assert_eq!(claim.ended(at(900)), span(85, 160));
    }

    #[test]
    fn a_span_is_two_times_in_json() {
        let all: Unanswered = [span(0, 45)].into_iter().collect();
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(
            json,
            r#"[{"from":"1970-01-01T00:00:00Z","to":"1970-01-01T00:00:45Z"}]"#
        );
        assert_eq!(serde_json::from_str::<Unanswered>(&json).unwrap(), all);
    }
}

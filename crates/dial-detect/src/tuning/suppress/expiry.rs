//! Suppressions end: on which day they hold, and which soon will not.

use super::Suppression;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use std::collections::BTreeMap;

/// Furthest end, days from today: a review each year, with a month to spare.
pub(super) const MAX_DAYS: i32 = 400;
/// Days before the end from which on it is told.
const SOON_DAYS: i32 = 14;

/// A suppression that does not hold today, or soon will not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// Its place in the configuration, from 0.
    pub index: usize,
    /// Its id.
    pub id: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it holds.
    pub expires: Date,
    /// Days from today to that one; negative where it is over.
    pub days: i32,
}

impl Expiry {
    /// Whether it is so far away that it does not hold at all.
    pub fn is_too_far(&self) -> bool {
        self.days > MAX_DAYS
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.days < 0
    }

    /// What to do about it, in words.
    pub fn message(&self) -> String {
        let Self {
            id,
            owner,
            expires,
            days,
            ..
        } = self;
        if self.is_too_far() {
            return format!("{id}: {expires} is {days} days away, {MAX_DAYS} are allowed");
        }
        if self.is_over() {
            return format!(
                "{id} of {owner} ended on {expires} and suppresses nothing; renew or remove it"
            );
        }
        let when = match days {
            0 => "today".to_owned(),
            1 => "tomorrow".to_owned(),
            _ => format!("in {days} days"),
        };
        format!("{id} of {owner} ends on {expires}, {when}")
    }
}

impl Suppression {
    pub(crate) fn expiry(&self, index: usize, now: Timestamp) -> Option<Expiry> {
        let expires = self.expires?;
        let days = days(now, expires);
        (days <= SOON_DAYS || days > MAX_DAYS).then(|| Expiry {
            index,
            id: self.id(),
            owner: self.owner.clone(),
            expires,
            days,
        })
    }
}

/// Whether a suppression that ends then holds now.
pub(super) fn holds(expires: Date, now: Timestamp) -> bool {
    (0..=MAX_DAYS).contains(&days(now, expires))
}

fn days(now: Timestamp, expires: Date) -> i32 {
    let today = now.to_zoned(TimeZone::UTC).date();
    let span = today.until((jiff::Unit::Day, expires));
    // Dates of any two years are fewer days apart than the type holds.
    span.map_or(i32::MIN, |span| span.get_days())
}

/// A date as text, or as TOML's own date.
pub(super) fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        /// How TOML hands on its dates: a table with one text.
        Toml(BTreeMap<String, String>),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Text(text) => text,
        Written::Toml(table) => table.into_values().next().unwrap_or_default(),
    };
    let day = text.parse().map_err(|_| {
        D::Error::custom(format!(
            "`{}` is no date: 2027-01-31",
            text.chars().take(40).collect::<String>()
        ))
    })?;
    Ok(Some(day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    #[test]
    fn a_suppression_holds_to_the_end_of_its_day_and_no_further_than_allowed() {
        let cases = [
            ("2026-05-01T00:00:00Z", "2026-05-01", true),
            ("2026-05-01T23:59:59Z", "2026-05-01", true),
            ("2026-05-02T00:00:00Z", "2026-05-01", false),
            ("2026-05-01T00:00:00Z", "2027-06-05", true),
            ("2026-05-01T00:00:00Z", "2027-06-06", false),
            ("-009999-01-02T01:59:59Z", "9999-12-31", false),
            ("9999-12-30T22:00:00Z", "-009999-01-01", false),
        ];
        for (now, expires, expected) in cases {
            let (now, expires) = (now.parse().unwrap(), expires.parse().unwrap());
            assert_eq!(holds(expires, now), expected, "{now} {expires}");
        }
    }

    #[test]
    fn what_ends_is_told_in_time() {
        let now: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
        let told = |day: i32| {
            let today: Date = "2026-05-01".parse().unwrap();
            let one = Suppression {
                owner: "team-net".into(),
                expires: Some(today.saturating_add(day.days())),
                ..Suppression::default()
            };
            one.expiry(0, now).map(|expiry| expiry.message())
        };
        assert_eq!((told(15), told(400)), (None, None));
        let messages = [told(14), told(0), told(-1), told(401)];
        let messages: Vec<String> = messages.into_iter().map(Option::unwrap).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }
}

//! Points in time as people type them: a date, a time, Unix seconds, or `24h` and `7d` ago.

use jiff::{SignedDuration, Timestamp};

/// A text that is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time; use 2026-05-04, 2026-05-04T10:00:00Z, Unix seconds, or 30m, 24h, 7d")]
pub struct InvalidTime(String);

/// Reads a point in time; `30m`, `24h` and `7d` count back from `now`.
pub fn past(text: &str, now: Timestamp) -> Result<Timestamp, InvalidTime> {
    match span(text) {
        Some(ago) => now
            .checked_sub(ago)
            .map_err(|_| InvalidTime(text.to_owned())),
        None => absolute(text),
    }
}

/// Reads a point in time; `30m`, `24h` and `7d` count on from `now`.
pub fn future(text: &str, now: Timestamp) -> Result<Timestamp, InvalidTime> {
    match span(text) {
        Some(ahead) => now
            .checked_add(ahead)
            .map_err(|_| InvalidTime(text.to_owned())),
        None => absolute(text),
    }
}

fn absolute(text: &str) -> Result<Timestamp, InvalidTime> {
    let invalid = || InvalidTime(text.chars().take(48).collect());
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).map_err(|_| invalid());
    }
    let whole_day = format!("{text}T00:00:00Z");
    text.parse()
        .or_else(|_| whole_day.parse())
        .map_err(|_| invalid())
}

fn span(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
    i64::from(number)
        .checked_mul(seconds)
        .map(SignedDuration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_type_them() {
        let now: Timestamp = "2026-05-04T10:00:00Z".parse().unwrap();
        let cases = [
            ("2026-05-01", Some("2026-05-01T00:00:00Z")),
            ("2026-05-01T08:00:00+02:00", Some("2026-05-01T06:00:00Z")),
            ("1777800000", Some("2026-05-03T09:20:00Z")),
            ("30m", Some("2026-05-04T09:30:00Z")),
            ("7d", Some("2026-04-27T10:00:00Z")),
            ("yesterday", None),
            ("-5d", None),
            ("", None),
            ("99999999999w", None),
            ("9223372036854775807", None),
            ("é", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|time| time.parse().unwrap());
            assert_eq!(past(text, now).ok(), expected, "{text}");
        }
        let ahead = future("1d", now).unwrap();
        assert_eq!(ahead.to_string(), "2026-05-05T10:00:00Z");
    }
}

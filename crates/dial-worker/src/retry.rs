//! When to try again: exponential back-off with jitter, `Retry-After` honoured, never past the deadline.

use jiff::Timestamp;
use std::time::Duration;

/// Bounds of the retries of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Most attempts, the first one included.
    pub attempts: u32,
    /// Wait after the first attempt, before jitter; doubles from there.
    pub base: Duration,
    /// Longest wait of our own choosing; `Retry-After` may ask for more.
    pub cap: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 6,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(5),
        }
    }
}

impl Policy {
    /// The wait before the next attempt; `None` when there is none, or no time left for it.
    ///
    /// `made` counts the attempts so far; `left` is the time until the deadline; `jitter` is
    /// uniform in 0..1 and spreads the wait over its upper half, so that workers do not march in step.
    pub fn wait(
        &self,
        made: u32,
        retry_after: Option<Duration>,
        left: Duration,
        jitter: f64,
    ) -> Option<Duration> {
        if made >= self.attempts {
            return None;
        }
        let doublings = made.saturating_sub(1).min(16);
        let backoff = self.base.saturating_mul(1 << doublings).min(self.cap);
        let spread = backoff.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        let wait = spread.max(retry_after.unwrap_or_default());
        (wait < left).then_some(wait)
    }
}

/// Reads a `Retry-After` value: seconds, or an HTTP date; `None` for anything else.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let seconds = date.timestamp().as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        attempts: 4,
        base: Duration::from_millis(100),
        cap: Duration::from_millis(300),
    };

    #[test]
    fn waits_double_stay_below_the_cap_and_end() {
        let ms = Duration::from_millis;
        let long = Duration::from_mins(1);
        let cases = [
            ("first, no jitter", 1, None, long, 0.0, Some(ms(50))),
            ("first, full jitter", 1, None, long, 1.0, Some(ms(100))),
            ("doubles", 2, None, long, 1.0, Some(ms(200))),
            ("capped", 3, None, long, 1.0, Some(ms(300))),
            ("attempts used up", 4, None, long, 0.0, None),
            (
                "the other side asks for more",
                1,
                Some(ms(5000)),
                long,
                0.0,
                Some(ms(5000)),
            ),
            (
                "the other side asks for less",
                1,
                Some(ms(0)),
                long,
                1.0,
                Some(ms(100)),
            ),
            ("past the deadline", 1, Some(long), long, 0.0, None),
            ("no time left", 1, None, ms(10), 0.0, None),
            ("jitter out of range", 1, None, long, 7.0, Some(ms(100))),
            ("never made", 0, None, long, 1.0, Some(ms(100))),
        ];
        for (name, made, asked, left, jitter, expected) in cases {
            assert_eq!(POLICY.wait(made, asked, left, jitter), expected, "{name}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-05-01T10:00:00Z".parse().unwrap();
        let cases = [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("Fri, 01 May 2026 10:00:30 GMT", Some(30)),
            ("Fri, 01 May 2026 09:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("99999999999999999999", None),
            ("soon", None),
        ];
        for (text, seconds) in cases {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(retry_after(text, now), expected, "{text}");
        }
    }
}

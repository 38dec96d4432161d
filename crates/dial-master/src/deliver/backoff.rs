//! How long to wait before the next attempt.

use rand::{Rng, RngExt};
use std::time::Duration;

/// Wait after the first failure.
const FIRST: Duration = Duration::from_secs(5);
/// Longest wait, also where the other side asks for more.
pub(super) const LONGEST: Duration = Duration::from_hours(1);

/// Doubles with every attempt up to [`LONGEST`]; half of it is random, so that rows that failed
/// together do not come back together. Never shorter than what the other side asked for.
pub(super) fn delay(attempts: u32, asked: Option<Duration>, rng: &mut impl Rng) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let full = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let waited = full.mul_f64(rng.random_range(0.5..=1.0));
    waited.max(asked.unwrap_or_default()).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn waits_grow_stay_within_the_cap_and_honour_what_was_asked() {
        let cases = [
            (0, None, 2_500, 5_000),
            (1, None, 2_500, 5_000),
            (2, None, 5_000, 10_000),
            (5, None, 40_000, 80_000),
            (100, None, 1_800_000, 3_600_000),
            (u32::MAX, None, 1_800_000, 3_600_000),
            (1, Some(30), 30_000, 30_000),
            (1, Some(u64::MAX), 3_600_000, 3_600_000),
        ];
        let mut rng = StdRng::seed_from_u64(7);
        for (attempts, asked, least, most) in cases {
            for _ in 0..50 {
                let asked = asked.map(Duration::from_secs);
                let wait = delay(attempts, asked, &mut rng).as_millis();
                assert!((least..=most).contains(&wait), "{attempts}: {wait}");
            }
        }
    }
}

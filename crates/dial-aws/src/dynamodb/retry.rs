//! Patience with a busy table: jittered back-off up to a deadline.

use super::StoreError;
use std::time::Duration;
use tokio::time::Instant;

/// First pause; each further one may be twice as long.
const FIRST: Duration = Duration::from_millis(25);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(1);

/// Repeats what the table was too busy for, until it answers or the deadline is near.
///
/// Only [`StoreError::Throttled`] is repeated: nothing was written then. Past the deadline nothing
/// is tried at all, so that the last of a batch cannot outlive the request.
pub(crate) async fn patiently<T, F>(
    deadline: Instant,
    mut attempt: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    if Instant::now() >= deadline {
        let reason = "no time was left to try".to_owned();
        return Err(StoreError::Throttled(reason));
    }
    let mut tries = 0;
    loop {
        let result = attempt().await;
        let wait = pause(tries, rand::random());
        let busy = matches!(result, Err(StoreError::Throttled(_)));
        if !busy || Instant::now() + wait >= deadline {
            return result;
        }
        tokio::time::sleep(wait).await;
        tries += 1;
    }
}

/// Half of the exponential pause, plus a random part of the other half (`dice` of 255).
fn pause(tries: u32, dice: u8) -> Duration {
    let whole = FIRST.saturating_mul(1 << tries.min(10)).min(LONGEST);
    whole / 2 + whole / 2 * u32::from(dice) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let cases = [
            (0, 0, 12_500),
            (0, 255, 25_000),
            (1, 255, 50_000),
            (5, 0, 400_000),
            (6, 0, 500_000),
            (u32::MAX, 255, 1_000_000),
        ];
        for (tries, dice, micros) in cases {
            let expected = Duration::from_micros(micros);
            assert_eq!(pause(tries, dice), expected, "{tries} {dice}");
        }
    }

    fn busy() -> StoreError {
        StoreError::Throttled("busy".to_owned())
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_table_is_asked_again() {
        let mut answers = [Err(busy()), Err(busy()), Err(busy()), Ok("done")].into_iter();
        let next = || std::future::ready(answers.next().unwrap());
        assert_eq!(patiently(soon(), next).await, Ok("done"));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_at_the_deadline() {
        let deadline = soon();
        let next = || std::future::ready(Err::<(), _>(busy()));
        assert_eq!(patiently(deadline, next).await, Err(busy()));
        assert!(Instant::now() < deadline);
        tokio::time::advance(Duration::from_secs(5)).await;
        let never = || -> std::future::Ready<Result<(), StoreError>> { panic!("tried too late") };
        let late = patiently(deadline, never).await;
        assert!(matches!(late, Err(StoreError::Throttled(_))), "{late:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn other_errors_are_final() {
        let gone = || StoreError::Unavailable("gone".to_owned());
        let mut answers = [Err(gone()), Ok(())].into_iter();
        let next = || std::future::ready(answers.next().unwrap());
        assert_eq!(patiently(soon(), next).await, Err(gone()));
    }
}

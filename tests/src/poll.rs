//! Waits for something to become true, with a deadline instead of a guess.

use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(15);
/// After this the test fails.
const LIMIT: Duration = Duration::from_mins(1);

/// Looks until `look` finds something; fails the test with `what` after a minute.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl FnMut() -> F) -> T {
    until_within(what, LIMIT, look).await
}

/// The same with another limit, for what takes its time by design.
pub async fn until_within<T, F: Future<Output = Option<T>>>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

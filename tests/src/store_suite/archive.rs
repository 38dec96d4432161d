//! What the archive needs: who expires when, shard by shard.

use super::samples::{accept, acceptance, at, finding};
use dial_core::FindingId;
use dial_core::store::{Store, shard};
use std::sync::Arc;

pub(super) async fn expiring(store: Arc<dyn Store>) {
    assert_eq!(store.next_expiry(at(0)).await, Ok(None));
    let mut all = Vec::new();
    for n in 0..40 {
        let mut new = acceptance(finding(n, |_| {}));
        new.expires_at = at(1_000 + i64::from(n));
        all.push((new.expires_at, new.finding.id.clone()));
        accept(&*store, new).await;
    }
    for (from, expected) in [
        (0, Some(1_000)),
        (1_000, Some(1_000)),
        (1_001, Some(1_001)),
        (1_040, None),
    ] {
        let next = store.next_expiry(at(from)).await;
        assert_eq!(next, Ok(expected.map(at)), "from {from}");
    }
    for (from, to) in [
        (0, 1_000),
        (0, 1_001),
        (1_005, 1_030),
        (1_039, 2_000),
        (1_040, 2_000),
    ] {
        for of in 0..8 {
            let inside = all
                .iter()
                .filter(|(time, id)| at(from) <= *time && *time < at(to) && shard(id) == of);
            let mut expected: Vec<FindingId> = inside.map(|(_, id)| id.clone()).collect();
            expected.sort();
            let found = store.expiring(of, at(from), at(to)).await;
            assert_eq!(found, Ok(expected), "{from} to {to}, shard {of}");
        }
    }
}

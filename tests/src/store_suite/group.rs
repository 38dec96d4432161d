//! Groups and digests: one first, the rest repeats; all of a digest or nothing.

use super::samples::{accepted, at, row};
use dial_core::FindingId;
use dial_core::store::group::{Before, Join, Joined};
use dial_core::store::triage::{Actor, Change, Door, Request};
use dial_core::store::{Delivery, DeliveryState, Settlement, Store};
use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use std::sync::Arc;

/// The first of a group, and nothing was told before.
const FIRST: Joined = Joined::First(None);
const SLACK: &str = "slack";
/// Of a group, milliseconds.
const WINDOW: i64 = 60_000;

/// Accepts event number `n` and claims its row.
async fn claimed(store: &dyn Store, n: u32) -> Delivery {
    let id = accepted(store, n).await;
    claim(store, &id, i64::from(n)).await
}

async fn claim(store: &dyn Store, id: &FindingId, now: i64) -> Delivery {
    let row = store.claim(id, SLACK, at(now), at(now + 500_000)).await;
    row.expect("answers").expect("is due")
}

fn wish(row: &Delivery, now: i64) -> Join {
    Join {
        finding: row.finding.clone(),
        sink: SLACK.into(),
        attempt: row.attempts,
        key: "k".into(),
        window: SignedDuration::from_millis(WINDOW),
        repeat: SignedDuration::from_millis(10 * WINDOW),
        shows: true,
        now: at(now),
    }
}

async fn join(store: &dyn Store, wish: &Join) -> Joined {
    store.join(wish).await.expect("answers")
}

async fn sent(store: &dyn Store, row: &Delivery, now: i64) {
    let settlement = Settlement::Sent {
        receipt: Some(json!({"ts": "1.5"})),
        wanted: row.wanted,
        at: at(now),
    };
    let id = &row.finding;
    let settled = store.settle(id, SLACK, row.attempts, settlement).await;
    assert_eq!(settled, Ok(true));
}

pub(super) async fn repeats(store: Arc<dyn Store>) {
    let store = &*store;
    let (a, b) = (claimed(store, 1).await, claimed(store, 2).await);
    assert_eq!(join(store, &wish(&a, 10)).await, FIRST);
    assert_eq!(join(store, &wish(&a, 11)).await, FIRST, "again");
    let repeat = Joined::Repeat(a.finding.clone());
    assert_eq!(join(store, &wish(&b, 20)).await, repeat);
    assert_eq!(join(store, &wish(&b, 21)).await, repeat, "again");
    let first = row(store, &a.finding, SLACK).await;
    assert_eq!((first.repeats, first.repeated_at), (1, Some(at(20))));
    assert_eq!((first.wanted, first.state), (1, DeliveryState::Sending));
    assert_eq!(first.group.as_ref(), Some(&a.finding));
    let second = row(store, &b.finding, SLACK).await;
    assert_eq!(second.group, Some(a.finding.clone()));
    assert_eq!((second.repeats, second.wanted), (0, 0));

    sent(store, &a, 30).await;
    let behind = row(store, &a.finding, SLACK).await;
    assert_eq!(
        behind.state,
        DeliveryState::Pending,
        "it shows no count yet"
    );
    let a = claim(store, &a.finding, 30).await;
    sent(store, &a, 31).await;
    let shown = row(store, &a.finding, SLACK).await;
    assert_eq!((shown.state, shown.shown), (DeliveryState::Sent, 1));

    let c = claimed(store, 3).await;
    assert_eq!(join(store, &wish(&c, 40)).await, repeat);
    let woken = row(store, &a.finding, SLACK).await;
    assert_eq!((woken.state, woken.wanted), (DeliveryState::Pending, 2));
    assert_eq!((woken.repeats, woken.due_at), (2, at(40)));
    let due = store.due(SLACK, at(40), 10).await.expect("answers");
    assert!(due.iter().any(|row| row.finding == a.finding));
    let other = row(store, &a.finding, "thehive").await;
    assert_eq!((other.repeats, other.group), (0, None), "another sink");
}

pub(super) async fn silent(store: Arc<dyn Store>) {
    let store = &*store;
    let (a, b) = (claimed(store, 1).await, claimed(store, 2).await);
    join(store, &wish(&a, 10)).await;
    sent(store, &a, 11).await;
    let wish = Join {
        shows: false,
        ..wish(&b, 20)
    };
    assert_eq!(join(store, &wish).await, Joined::Repeat(a.finding.clone()));
    let first = row(store, &a.finding, SLACK).await;
    assert_eq!((first.state, first.wanted), (DeliveryState::Sent, 0));
    assert_eq!(first.repeats, 1, "counted all the same");
}

pub(super) async fn ends(store: Arc<dyn Store>) {
    let store = &*store;
    let rows = [1, 2, 3, 4, 5].map(|n| claimed(store, n));
    let [a, b, c, fourth, fifth] = rows;
    let (a, b, c) = (a.await, b.await, c.await);
    join(store, &wish(&a, 10)).await;
    let late = join(store, &wish(&b, 11 + WINDOW)).await;
    let before = |findings| {
        Some(Before {
            findings,
            since: at(10),
        })
    };
    assert_eq!(late, Joined::First(before(1)), "the window is over");
    let again = join(store, &wish(&b, 12 + WINDOW)).await;
    assert_eq!(again, late, "it stays so");
    let repeat = join(store, &wish(&c, 12 + WINDOW)).await;
    assert_eq!(repeat, Joined::Repeat(b.finding.clone()));
    sent(store, &b, 13 + WINDOW).await;

    let request = Request {
        change: Change::Resolve,
        comment: None,
        by: Actor {
            who: "analyst".into(),
            door: Door::Api,
        },
        at: at(14 + WINDOW),
    };
    let resolved = store.change(&b.finding, None, &request).await;
    assert!(resolved.is_ok(), "{resolved:?}");
    let (fourth, fifth) = (fourth.await, fifth.await);
    let anew = join(store, &wish(&fourth, 15 + WINDOW)).await;
    assert_eq!(anew, FIRST, "what was resolved is told again");
    let error = "404".to_owned();
    let failed = Settlement::Failed { error };
    let settled = store
        .settle(&fourth.finding, SLACK, fourth.attempts, failed)
        .await;
    assert_eq!(settled, Ok(true));
    let anew = join(store, &wish(&fifth, 16 + WINDOW)).await;
    assert_eq!(anew, FIRST, "nobody was told of the first one");
}

pub(super) async fn lost(store: Arc<dyn Store>) {
    let store = &*store;
    let a = claimed(store, 1).await;
    let mut other = wish(&a, 10);
    other.attempt = 2;
    assert_eq!(join(store, &other).await, Joined::Lost);
    other.sink = "unknown".into();
    assert_eq!(join(store, &other).await, Joined::Lost);
    sent(store, &a, 20).await;
    assert_eq!(join(store, &wish(&a, 30)).await, Joined::Lost, "settled");
}

pub(super) async fn race(store: Arc<dyn Store>) {
    let mut rows = Vec::new();
    for n in 1..=6 {
        rows.push(claimed(&*store, n).await);
    }
    let joins = rows.iter().map(|row| {
        let (store, wish) = (Arc::clone(&store), wish(row, 100));
        tokio::spawn(async move { join(&*store, &wish).await })
    });
    let joined: Vec<Joined> = join_all(joins)
        .await
        .into_iter()
        .map(|joined| joined.expect("no task panics"))
        .collect();
    let firsts: Vec<&Delivery> = rows
        .iter()
        .zip(&joined)
        .filter_map(|(row, joined)| (*joined == FIRST).then_some(row))
        .collect();
    assert_eq!(firsts.len(), 1, "{joined:?}");
    let first = row(&*store, &firsts[0].finding, SLACK).await;
    assert_eq!((first.repeats, first.wanted), (5, 5));
    let repeat = Joined::Repeat(first.finding.clone());
    assert_eq!(joined.iter().filter(|one| **one == repeat).count(), 5);
}

pub(super) async fn digest(store: Arc<dyn Store>) {
    let store = &*store;
    let mut rows = Vec::new();
    for n in 1..=4 {
        rows.push(claimed(store, n).await);
    }
    let carrier = (&rows[0].finding, rows[0].attempts);
    let member = |n: usize| (rows[n].finding.clone(), rows[n].attempts);
    let (two, three) = (json!({"count": 2}), json!({"count": 4, "s": "“é”"}));
    let gathered = store.gather(SLACK, carrier, &two, &[member(1)]).await;
    assert_eq!(gathered, Ok(true));
    let mut stolen = member(3);
    stolen.1 += 1;
    let refused = store
        .gather(SLACK, carrier, &three, &[member(2), stolen])
        .await;
    assert_eq!(refused, Ok(false));
    let first = row(store, &rows[0].finding, SLACK).await;
    assert_eq!(first.digest.as_ref(), Some(&two), "all or nothing");
    let third = row(store, &rows[2].finding, SLACK).await;
    assert_eq!(third.state, DeliveryState::Sending);

    let gathered = store
        .gather(SLACK, carrier, &three, &[member(2), member(3)])
        .await;
    assert_eq!(gathered, Ok(true));
    for n in 1..=3 {
        let told = row(store, &rows[n].finding, SLACK).await;
        assert_eq!(told.state, DeliveryState::Suppressed);
        let by = format!("digest {}", rows[0].finding);
        assert_eq!(told.suppressed_by, Some(by));
        assert_eq!(told.digest, None);
    }
    assert_eq!(
        store.due(SLACK, at(1_000_000), 10).await.map(|d| d.len()),
        Ok(1)
    );
    let again = claim(store, &rows[0].finding, 900_000).await;
    assert_eq!(
        again.digest,
        Some(three),
        "whoever takes over knows what to tell"
    );
    let stale = store.gather(SLACK, carrier, &two, &[]).await;
    assert_eq!(stale, Ok(false), "the lease was lost");
}

//! The outbox: due, claimed, settled, by one deliverer at a time.

use super::samples::{accept, acceptance, accepted, at, finding, row};
use dial_core::FindingId;
use dial_core::store::outbox::{Backlog, Place};
use dial_core::store::triage::{Actor, Change, Door, Request};
use dial_core::store::unanswered::{MOST, Span, Unanswered};
use dial_core::store::{Delivery, DeliveryState, Settlement, Store};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::sync::Arc;

const SLACK: &str = "slack";

async fn due_at(store: &dyn Store, sink: &str, now: Timestamp) -> Vec<FindingId> {
    let rows = store.due(sink, now, 100).await.expect("answers");
    assert!(rows.iter().all(|row| row.sink == sink));
    rows.into_iter().map(|row| row.finding).collect()
}

fn only(id: &FindingId) -> Vec<FindingId> {
    vec![id.clone()]
}

/// Claims at a time, for ten seconds.
async fn claim(store: &dyn Store, id: &FindingId, now: Timestamp) -> Option<Delivery> {
    let lease = now + SignedDuration::from_secs(10);
    store.claim(id, SLACK, now, lease).await.expect("answers")
}

async fn settle(store: &dyn Store, id: &FindingId, attempt: u32, how: Settlement) -> bool {
    let settled = store.settle(id, SLACK, attempt, how).await;
    settled.expect("answers")
}

fn delivered() -> Settlement {
    Settlement::Sent {
        receipt: Some(json!({"ts": "1.5", "channel": "C1"})),
        wanted: 0,
        at: at(1_500),
    }
}

fn later(milliseconds: i64) -> Settlement {
    Settlement::Retry {
        at: at(milliseconds),
        error: "429 too many".into(),
        unanswered: Unanswered::default(),
    }
}

fn given_up() -> Settlement {
    Settlement::Failed {
        error: "404 channel_not_found".into(),
    }
}

pub(super) async fn due(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    // Accepted in another order than they are due.
    for n in [3, 1, 2] {
        let mut one = acceptance(finding(n, |_| {}));
        one.received_at = at(i64::from(n) * 1_000);
        if n == 2 {
            one.sinks = vec!["thehive".into()];
        }
        ids.push((n, one.finding.id.clone()));
        accept(&*store, one).await;
    }
    ids.sort();
    let id = |n: usize| ids[n - 1].1.clone();
    assert_eq!(due_at(&*store, SLACK, at(999)).await, []);
    assert_eq!(due_at(&*store, SLACK, at(1_000)).await, [id(1)]);
    assert_eq!(due_at(&*store, SLACK, at(9_000)).await, [id(1), id(3)]);
    let all = [id(1), id(2), id(3)];
    assert_eq!(due_at(&*store, "thehive", at(9_000)).await, all);
    assert_eq!(due_at(&*store, "unknown", at(9_000)).await, []);
    let first = store.due("thehive", at(9_000), 2).await.expect("answers");
    let first: Vec<FindingId> = first.into_iter().map(|row| row.finding).collect();
    assert_eq!(first, [id(1), id(2)], "longest due first");
}

pub(super) async fn lease(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    assert_eq!(claim(&*store, &id, at(-1)).await, None, "not due yet");
    let claimed = claim(&*store, &id, at(0)).await.expect("is due");
    assert_eq!(claimed, row(&*store, &id, SLACK).await);
    assert_eq!(
        (claimed.state, claimed.attempts),
        (DeliveryState::Sending, 1)
    );
    assert_eq!(claimed.due_at, at(10_000));
    assert_eq!(due_at(&*store, SLACK, at(9_999)).await, []);
    assert_eq!(claim(&*store, &id, at(9_999)).await, None, "someone has it");
    assert_eq!(due_at(&*store, SLACK, at(10_000)).await, only(&id));
    let again = claim(&*store, &id, at(10_000)).await.expect("lease ended");
    assert_eq!((again.state, again.attempts), (DeliveryState::Sending, 2));
    assert_eq!(again.due_at, at(20_000));
    let other = row(&*store, &id, "thehive").await;
    assert_eq!((other.state, other.attempts), (DeliveryState::Pending, 0));
    let unknown = FindingId::parse("f-zzzzzzzzzzzzzzzzzzzzzzzzzz").expect("is well-formed");
    assert_eq!(claim(&*store, &unknown, at(0)).await, None);
    let no_sink = store.claim(&id, "unknown", at(0), at(1)).await;
    assert_eq!(no_sink, Ok(None));
}

pub(super) async fn race(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    for (round, time) in [(1, at(0)), (2, at(10_000)), (3, at(20_000))] {
        let tries = (0..8).map(|_| {
            let (store, id) = (Arc::clone(&store), id.clone());
            tokio::spawn(async move { claim(&*store, &id, time).await })
        });
        let won: Vec<Delivery> = join_all(tries)
            .await
            .into_iter()
            .filter_map(|claimed| claimed.expect("no task panics"))
            .collect();
        assert_eq!(won.len(), 1, "round {round}");
        assert_eq!(won[0].attempts, round);
    }
}

async fn assert_sent(store: &dyn Store, id: &FindingId, attempts: u32) {
    let row = row(store, id, SLACK).await;
    assert_eq!((row.state, row.attempts), (DeliveryState::Sent, attempts));
    assert_eq!(row.receipt, Some(json!({"ts": "1.5", "channel": "C1"})));
    assert_eq!(row.last_error, None);
    assert_eq!(due_at(store, SLACK, at(1_000_000)).await, []);
    assert_eq!(claim(store, id, at(1_000_000)).await, None);
}

pub(super) async fn sent(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    assert!(
        !settle(&*store, &id, 0, delivered()).await,
        "nobody claimed it"
    );
    claim(&*store, &id, at(0)).await.expect("is due");
    assert!(settle(&*store, &id, 1, delivered()).await);
    assert_sent(&*store, &id, 1).await;
    assert!(
        !settle(&*store, &id, 1, given_up()).await,
        "it ended before"
    );
    assert_sent(&*store, &id, 1).await;
    let other = row(&*store, &id, "thehive").await;
    assert_eq!((other.state, other.receipt), (DeliveryState::Pending, None));
}

pub(super) async fn retry(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    claim(&*store, &id, at(0)).await.expect("is due");
    assert!(settle(&*store, &id, 1, later(3_000)).await);
    let waiting = row(&*store, &id, SLACK).await;
    assert_eq!(
        (waiting.state, waiting.attempts),
        (DeliveryState::Pending, 1)
    );
    assert_eq!(waiting.due_at, at(3_000));
    assert_eq!(waiting.last_error.as_deref(), Some("429 too many"));
    assert_eq!(due_at(&*store, SLACK, at(2_999)).await, []);
    assert_eq!(claim(&*store, &id, at(2_999)).await, None);
    assert_eq!(due_at(&*store, SLACK, at(3_000)).await, only(&id));
    let claimed = claim(&*store, &id, at(3_000)).await.expect("is due");
    assert_eq!(claimed.attempts, 2);
    assert!(settle(&*store, &id, 2, delivered()).await);
    assert_sent(&*store, &id, 2).await;
}

pub(super) async fn failed(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    claim(&*store, &id, at(0)).await.expect("is due");
    assert!(settle(&*store, &id, 1, given_up()).await);
    let row = row(&*store, &id, SLACK).await;
    assert_eq!((row.state, row.attempts), (DeliveryState::Failed, 1));
    assert_eq!(row.last_error.as_deref(), Some("404 channel_not_found"));
    assert_eq!(due_at(&*store, SLACK, at(1_000_000)).await, []);
    assert_eq!(claim(&*store, &id, at(1_000_000)).await, None);
    assert_eq!(due_at(&*store, "thehive", at(0)).await, [id]);
}

pub(super) async fn stolen(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    claim(&*store, &id, at(0)).await.expect("is due");
    claim(&*store, &id, at(10_000)).await.expect("lease ended");
    for how in [delivered(), later(5_000), given_up()] {
        assert!(!settle(&*store, &id, 1, how).await, "the second has it");
        let row = row(&*store, &id, SLACK).await;
        assert_eq!((row.state, row.attempts), (DeliveryState::Sending, 2));
        assert_eq!((row.due_at, row.last_error), (at(20_000), None));
    }
    // A lease that ended but was not taken over is still its holder's.
    assert!(settle(&*store, &id, 2, delivered()).await);
    assert_sent(&*store, &id, 2).await;
    let unknown = FindingId::parse("f-zzzzzzzzzzzzzzzzzzzzzzzzzz").expect("is well-formed");
    assert!(!settle(&*store, &unknown, 1, delivered()).await);
}

pub(super) async fn expired(store: Arc<dyn Store>) {
    let mut short = acceptance(finding(1, |_| {}));
    short.expires_at = at(100_000);
    let id = short.finding.id.clone();
    accept(&*store, short).await;
    assert_eq!(due_at(&*store, SLACK, at(99_000)).await, only(&id));
    assert_eq!(due_at(&*store, SLACK, at(100_000)).await, []);
    assert_eq!(claim(&*store, &id, at(100_000)).await, None);
    assert!(claim(&*store, &id, at(99_000)).await.is_some());
}

pub(super) async fn suppressed(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    claim(&*store, &id, at(0)).await.expect("is due");
    let by = || Settlement::Suppressed {
        by: "silence s-1".into(),
    };
    assert!(settle(&*store, &id, 1, by()).await);
    let row = row(&*store, &id, SLACK).await;
    assert_eq!(row.state, DeliveryState::Suppressed);
    assert_eq!(row.suppressed_by.as_deref(), Some("silence s-1"));
    assert_eq!((row.sent_at, row.last_error), (None, None));
    assert_eq!(due_at(&*store, SLACK, at(1_000_000)).await, []);
    assert_eq!(claim(&*store, &id, at(1_000_000)).await, None);
    assert!(!settle(&*store, &id, 1, by()).await, "it ended before");
}

pub(super) async fn retried(store: Arc<dyn Store>) {
    let ids = [accepted(&*store, 1).await, accepted(&*store, 2).await];
    for (n, id) in (1..).zip(&ids) {
        claim(&*store, id, at(n)).await.expect("is due");
        assert!(!store.retry(id, SLACK, at(n)).await.expect("answers"));
        assert!(settle(&*store, id, 1, given_up()).await);
    }
    let backlog = |which| store.backlog(SLACK, which, None, at(20_000), 10);
    let failed = backlog(Backlog::Failed).await.expect("answers");
    let found: Vec<&FindingId> = failed.iter().map(|row| &row.finding).collect();
    assert_eq!(found, ids.iter().collect::<Vec<_>>(), "longest first");
    assert_eq!(failed[0], row(&*store, &ids[0], SLACK).await);
    assert_eq!(backlog(Backlog::Waiting).await, Ok(vec![]));
    let none = store
        .backlog("thehive", Backlog::Failed, None, at(20_000), 10)
        .await;
    assert_eq!(none, Ok(vec![]));
    let one = store
        .backlog(SLACK, Backlog::Failed, None, at(20_000), 1)
        .await;
    assert_eq!(one.expect("answers").len(), 1);
    for (n, expected) in [(0, &ids[..]), (1, &ids[1..])] {
        let from = Some(Place::of(&failed[n]));
        let rows = store.backlog(SLACK, Backlog::Failed, from.as_ref(), at(20_000), 10);
        let rows = rows.await.expect("answers");
        let found: Vec<&FindingId> = rows.iter().map(|row| &row.finding).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "from there on");
    }

    assert!(
        store
            .retry(&ids[1], SLACK, at(30_000))
            .await
            .expect("answers")
    );
    assert!(
        !store
            .retry(&ids[1], SLACK, at(30_000))
            .await
            .expect("answers")
    );
    let waiting = row(&*store, &ids[1], SLACK).await;
    assert_eq!(
        (waiting.state, waiting.attempt()),
        (DeliveryState::Pending, 0)
    );
    assert_eq!((waiting.due_at, waiting.since), (at(30_000), at(30_000)));
    assert_eq!(waiting.received_at, at(0));
    assert_eq!(backlog(Backlog::Waiting).await, Ok(vec![waiting]));
    assert_eq!(backlog(Backlog::Failed).await.expect("answers").len(), 1);
    let claimed = claim(&*store, &ids[1], at(30_000)).await.expect("is due");
    assert_eq!((claimed.attempts, claimed.attempt()), (2, 1));
    assert!(settle(&*store, &ids[1], 2, delivered()).await);
    let unknown = FindingId::parse("f-zzzzzzzzzzzzzzzzzzzzzzzzzz").expect("is well-formed");
    for (id, sink) in [(&unknown, SLACK), (&ids[0], "unknown")] {
        assert!(!store.retry(id, sink, at(0)).await.expect("answers"));
    }
    let expired = at(24 * 3_600 * 1_000);
    assert!(!store.retry(&ids[0], SLACK, expired).await.expect("answers"));
}

/// When claims that lasted for ten seconds may have got through.
fn spans(claims: &[i64]) -> Vec<Span> {
    let span = |claim: &i64| Span::around(at(*claim), at(claim + 10_000));
    claims.iter().map(span).collect()
}

pub(super) async fn unanswered(store: Arc<dyn Store>) {
    let id = accepted(&*store, 1).await;
    assert_eq!(row(&*store, &id, SLACK).await.unanswered.spans(), []);
    for (claims, now) in [(&[0][..], 0), (&[0, 10_000], 10_000)] {
        let claimed = claim(&*store, &id, at(now)).await.expect("is due");
        assert_eq!(
            claimed.unanswered.spans(),
            spans(claims),
            "a crash leaves it"
        );
        assert_eq!(claimed, row(&*store, &id, SLACK).await);
    }
    let left = Settlement::Retry {
        at: at(15_000),
        error: "no answer within 15 s".into(),
        unanswered: spans(&[10_000]).into_iter().collect(),
    };
    assert!(settle(&*store, &id, 2, left).await);
    let waiting = row(&*store, &id, SLACK).await;
    assert_eq!(waiting.unanswered.spans(), spans(&[10_000]));
    claim(&*store, &id, at(20_000)).await.expect("is due");
    assert!(settle(&*store, &id, 3, given_up()).await);
    let retried = store.retry(&id, SLACK, at(30_000)).await;
    assert_eq!(retried, Ok(true));
    let claimed = claim(&*store, &id, at(30_000)).await.expect("is due");
    let all = spans(&[10_000, 20_000, 30_000]);
    assert_eq!(claimed.unanswered.spans(), all, "an errand does not end it");
    for n in 0..40 {
        let now = 40_000 + n * 10_000;
        let claimed = claim(&*store, &id, at(now)).await.expect("lease ended");
        assert!(claimed.unanswered.spans().len() <= MOST, "{n}");
        assert_eq!(claimed.unanswered.own(), spans(&[now]).pop());
        assert_eq!(claimed.unanswered.spans()[0].from, all[0].from);
    }
    let attempts = row(&*store, &id, SLACK).await.attempts;
    assert_eq!(attempts, 44, "each claim counts once");
    assert!(settle(&*store, &id, attempts, delivered()).await);
    let sent = row(&*store, &id, SLACK).await;
    assert_eq!(sent.unanswered, Unanswered::default(), "it has an answer");
}

/// Rows by state, the same before and after counters are added up, by whoever does so.
async fn assert_counts(
    store: &Arc<dyn Store>,
    when: &str,
    expected: &[(&str, DeliveryState, u64)],
) {
    let sinks = [SLACK, "thehive"].map(str::to_owned);
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    for folds in [0, 1, 4] {
        let folding = (0..folds).map(|_| store.fold());
        for folded in join_all(folding).await {
            folded.expect("folds");
        }
        let counts = store.counts(&sinks, at(20_000)).await.expect("answers");
        let mut counts: Vec<_> = counts
            .iter()
            .filter(|count| count.rows > 0)
            .map(|count| (count.sink.as_str(), count.state, count.rows))
            .collect();
        counts.sort_unstable();
        assert_eq!(counts, expected, "{when}, {folds} folds later");
    }
}

pub(super) async fn counted(store: Arc<dyn Store>) {
    use DeliveryState::{Failed, Pending, Sending, Sent, Suppressed};
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(accepted(&*store, n).await);
    }
    assert_counts(
        &store,
        "new",
        &[(SLACK, Pending, 7), ("thehive", Pending, 7)],
    )
    .await;
    for id in &ids[..6] {
        claim(&*store, id, at(0)).await.expect("is due");
    }
    assert!(settle(&*store, &ids[0], 1, delivered()).await);
    assert!(settle(&*store, &ids[1], 1, given_up()).await);
    assert!(settle(&*store, &ids[2], 1, later(9_000)).await);
    let by = "route".to_owned();
    assert!(settle(&*store, &ids[3], 1, Settlement::Suppressed { by }).await);
    let (digest, members) = (json!({}), [(ids[5].clone(), 1)]);
    let gathered = store.gather(SLACK, (&ids[4], 1), &digest, &members);
    assert_eq!(gathered.await, Ok(true));
    let settled = [
        (SLACK, Pending, 2),
        (SLACK, Sending, 1),
        (SLACK, Sent, 1),
        (SLACK, Failed, 1),
        (SLACK, Suppressed, 2),
        ("thehive", Pending, 7),
    ];
    assert_counts(&store, "settled", &settled).await;
    wake(&*store, &ids[0], Change::Acknowledge).await;
    let mut woken = settled;
    (woken[0].2, woken[2].2) = (3, 0);
    let present: Vec<_> = woken.into_iter().filter(|(.., rows)| *rows > 0).collect();
    assert_counts(&store, "woken", &present).await;
    let claimed = claim(&*store, &ids[0], at(9_500)).await.expect("is due");
    // Once more while it is told: the row is behind, and due again.
    wake(&*store, &ids[0], Change::Resolve).await;
    for (attempt, wanted) in [(claimed.attempts, 1), (claimed.attempts + 1, 2)] {
        let told = Settlement::Sent {
            receipt: None,
            wanted,
            at: at(9_600),
        };
        assert!(settle(&*store, &ids[0], attempt, told).await);
        if wanted == 1 {
            assert_counts(&store, "behind", &present).await;
            claim(&*store, &ids[0], at(9_700)).await.expect("is due");
        }
    }
    assert_counts(&store, "told anew", &settled).await;
    let sinks = [SLACK, "thehive"].map(str::to_owned);
    let one = store.counts(&sinks[1..], at(20_000)).await;
    let one = one.expect("answers");
    assert!(one.iter().all(|count| count.sink == "thehive"), "{one:?}");

    let known = store.known_sinks(&sinks).await;
    assert_eq!(known, Ok(sinks.to_vec()));
    let later = store.known_sinks(&["new".to_owned()]).await;
    let all = ["new", SLACK, "thehive"].map(str::to_owned);
    assert_eq!(
        later,
        Ok(all.to_vec()),
        "what left the configuration has rows"
    );
}

/// Changes a finding, so that what was sent is told anew.
async fn wake(store: &dyn Store, id: &FindingId, change: Change) {
    let request = Request {
        change,
        comment: None,
        by: Actor {
            who: "analyst".into(),
            door: Door::Api,
        },
        at: at(9_400),
    };
    store.change(id, None, &request).await.expect("fits");
}

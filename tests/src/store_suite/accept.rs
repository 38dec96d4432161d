//! Accepting: once, whole, in order, and gone when expired.

use super::samples::{accept, accept_all, acceptance, accepted, at, finding, list_by, now};
use dial_core::FindingId;
use dial_core::record::Record;
use dial_core::store::triage::Triage;
use dial_core::store::{Acceptance, Audit, DeliveryState, Outcome, Query, Store, Stored};
use futures::future::join_all;
use jiff::SignedDuration;
use std::sync::Arc;

pub(super) async fn once(store: Arc<dyn Store>) {
    let first = acceptance(finding(1, |_| {}));
    let mut second = first.clone();
    second.finding.title = "Another title for the same id".into();
    second.received_at = at(5_000);
    second.sinks = vec!["another".into()];
    assert_eq!(accept(&*store, first.clone()).await, Outcome::New);
    assert_eq!(accept(&*store, first.clone()).await, Outcome::Duplicate);
    assert_eq!(accept(&*store, second).await, Outcome::Duplicate);
    let stored = store.finding(&first.finding.id, now()).await;
    let expected = Stored {
        finding: first.finding.clone(),
        triage: Triage::default(),
        received_at: first.received_at,
        expires_at: first.expires_at,
    };
    assert_eq!(stored, Ok(Some(expected)), "the first stays");
    let rows = store.deliveries(&first.finding.id).await.expect("answers");
    assert_eq!(rows.len(), 2, "a duplicate adds no row");
    let history = store.audit(&first.finding.id).await.expect("answers");
    assert_eq!(history.len(), 1, "a duplicate adds no history");
    assert_eq!(list_by(&*store, &Query::default(), 10).await.len(), 1);
}

pub(super) async fn in_order(store: Arc<dyn Store>) {
    let one = |n| acceptance(finding(n, |_| {}));
    let outcomes = accept_all(&*store, vec![one(1), one(2), one(1), one(3)]).await;
    let new = Outcome::New;
    let dup = Outcome::Duplicate;
    assert_eq!(outcomes, [new, new, dup, new]);
    let outcomes = accept_all(&*store, vec![one(4), one(3), one(5), one(1), one(5)]).await;
    assert_eq!(outcomes, [new, dup, new, dup, dup]);
    assert_eq!(accept_all(&*store, Vec::new()).await, []);
    let hundred: Vec<Acceptance> = (0..100).map(one).collect();
    let outcomes = accept_all(&*store, hundred).await;
    let known = |n: &usize| (1..=5).contains(n);
    for (n, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(outcome, if known(&n) { dup } else { new }, "{n}");
    }
}

pub(super) async fn concurrent(store: Arc<dyn Store>) {
    let same = acceptance(finding(1, |_| {}));
    let tries = (0..8).map(|_| {
        let (store, same) = (Arc::clone(&store), same.clone());
        tokio::spawn(async move { store.accept(vec![same.clone(), same]).await })
    });
    let mut new = 0;
    for outcomes in join_all(tries).await {
        for outcome in outcomes.expect("no task panics") {
            // A conflict may be answered as throttled, never as new twice.
            new += usize::from(outcome == Ok(Outcome::New));
        }
    }
    assert_eq!(new, 1);
    assert_eq!(accept(&*store, same.clone()).await, Outcome::Duplicate);
    let rows = store.deliveries(&same.finding.id).await.expect("answers");
    assert_eq!(rows.len(), 2);
}

pub(super) async fn together(store: Arc<dyn Store>) {
    let names: Vec<String> = (0..20).map(|n| format!("sink-{n:02}")).collect();
    let mut one = acceptance(finding(1, |_| {}));
    one.sinks = names.iter().rev().cloned().collect();
    let mut quiet = acceptance(finding(2, |_| {}));
    quiet.sinks.clear();
    accept_all(&*store, vec![one.clone(), quiet.clone()]).await;
    let rows = store.deliveries(&one.finding.id).await.expect("answers");
    let found: Vec<&String> = rows.iter().map(|row| &row.sink).collect();
    assert_eq!(found, names.iter().collect::<Vec<_>>(), "by sink name");
    for row in &rows {
        assert_eq!(row.finding, one.finding.id);
        assert_eq!((row.state, row.attempts), (DeliveryState::Pending, 0));
        assert_eq!(
            (row.due_at, row.received_at),
            (one.received_at, one.received_at)
        );
        assert_eq!((&row.last_error, &row.receipt), (&None, &None));
    }
    let none = store.deliveries(&quiet.finding.id).await;
    assert_eq!(none, Ok(Vec::new()));
    for id in [&one.finding.id, &quiet.finding.id] {
        let expected = Audit {
            at: at(0),
            who: "111122223333/eu-west-1".into(),
            door: "worker".into(),
            action: "accepted".into(),
            before: None,
            after: None,
            comment: None,
        };
        assert_eq!(store.audit(id).await, Ok(vec![expected]));
    }
}

pub(super) async fn large(store: Arc<dyn Store>) {
    // Spaces, key order, an exact number and escapes: the record is kept as text.
    let filler = "ü".repeat(140_000);
    let text =
        format!("{{ \"b\": 1.10, \"a\": \"\\u0007{filler}\",  \"n\": 12345678901234567890123 }}");
    let record: Record = serde_json::from_str(&text).expect("is JSON");
    let one = acceptance(finding(1, |f| f.record = Some(record)));
    assert_eq!(accept(&*store, one.clone()).await, Outcome::New);
    let stored = store
        .finding(&one.finding.id, now())
        .await
        .expect("answers");
    let stored = stored.expect("is there").finding;
    assert_eq!(
        stored.record.as_ref().map(Record::as_str),
        Some(text.as_str())
    );
    assert_eq!(stored, one.finding);
    let lines = list_by(&*store, &Query::default(), 10).await;
    assert_eq!(lines.len(), 1);
}

pub(super) async fn unknown(store: Arc<dyn Store>) {
    accepted(&*store, 1).await;
    let id = FindingId::parse("f-zzzzzzzzzzzzzzzzzzzzzzzzzz").expect("is well-formed");
    assert_eq!(store.finding(&id, now()).await, Ok(None));
    assert_eq!(store.audit(&id).await, Ok(Vec::new()));
    assert_eq!(store.deliveries(&id).await, Ok(Vec::new()));
}

pub(super) async fn expired(store: Arc<dyn Store>) {
    let mut short = acceptance(finding(1, |_| {}));
    short.expires_at = at(0) + SignedDuration::from_secs(100);
    let id = short.finding.id.clone();
    accept_all(&*store, vec![short, acceptance(finding(2, |_| {}))]).await;
    for (seconds, shown) in [(99, true), (100, false), (101, false)] {
        let then = at(0) + SignedDuration::from_secs(seconds);
        let found = store.finding(&id, then).await.expect("answers");
        assert_eq!(found.is_some(), shown, "{seconds} s");
        let page = store.list(&Query::default(), None, 10, then).await;
        let page = page.expect("answers");
        assert_eq!(page.items.len(), 1 + usize::from(shown), "{seconds} s");
    }
}

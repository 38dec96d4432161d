//! Tokens and workers, and the documents that they are kept in.

use super::samples::at;
use dial_core::WorkerId;
use dial_core::store::document::Put;
use dial_core::store::fleet::{Fleet, KEPT as WORKER_KEPT};
use dial_core::store::session::{Proof, Session, Sessions};
use dial_core::store::token::{KEPT as TOKEN_KEPT, Revoked, Scope, Token, Tokens};
use dial_core::store::{Store, StoreError};
use dial_core::wire::{Counters, Heartbeat, WorkerInfo};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

fn put(id: &str, before: Option<&str>, after: &str) -> Put {
    Put {
        kind: "TST",
        id: id.to_owned(),
        before: before.map(str::to_owned),
        after: after.to_owned(),
        forgotten_at: at(1_000_000),
        now: at(0),
    }
}

/// A document is replaced only where the one before is still there.
pub(super) async fn replaced(store: Arc<dyn Store>) {
    let steps = [
        (put("b", Some("0"), "1"), false),
        (put("b", None, "1"), true),
        (put("b", None, "2"), false),
        (put("b", Some("0"), "2"), false),
        (put("b", Some("1"), "ü \u{0} 2"), true),
        (put("a", None, "3"), true),
    ];
    for (put, done) in steps {
        assert_eq!(store.put_document(&put).await, Ok(done), "{put:?}");
    }
    let one = store.document("TST", "b").await;
    assert_eq!(one, Ok(Some("ü \u{0} 2".to_owned())));
    assert_eq!(store.document("TST", "c").await, Ok(None));
    assert_eq!(store.document("OTH", "b").await, Ok(None));
    let all = store.documents("TST").await;
    assert_eq!(all, Ok(vec!["3".to_owned(), "ü \u{0} 2".to_owned()]));
    assert_eq!(store.documents("OTH").await, Ok(Vec::new()));
}

fn token(n: u32) -> Token {
    Token {
        id: format!("t-{n:026}"),
        name: format!("token {n}"),
        scope: Scope::Analyst,
        hint: "dial_abcdef".into(),
        created_at: at(i64::from(n)),
        created_by: "admin".into(),
        expires_at: at(3_600_000),
        last_used: None,
        revoked_at: None,
        revoked_by: None,
    }
}

/// Tokens are added once, listed, used, revoked once, and forgotten in the end.
fn session(n: u8) -> Session {
    Session {
        id: format!("t-{n}"),
        name: "soc".into(),
        scope: Scope::Analyst,
        proof: Proof::Token { id: "t-9".into() },
        created_at: at(0),
        expires_at: at(1_000),
        ended_at: None,
    }
}

pub(super) async fn sessions(store: Arc<dyn Store>) {
    let (one, two) = (session(1), session(2));
    assert_eq!(store.add_session(&one).await, Ok(true));
    assert_eq!(store.add_session(&two).await, Ok(true));
    let stolen = Session {
        scope: Scope::Admin,
        ..one.clone()
    };
    assert_eq!(store.add_session(&stolen).await, Ok(false));
    assert_eq!(store.session(&one.id).await, Ok(Some(one.clone())));
    assert_eq!(store.session("t-unknown").await, Ok(None));

    assert_eq!(store.end_session(&one.id, at(5)).await, Ok(()));
    assert_eq!(store.end_session(&one.id, at(6)).await, Ok(()));
    assert_eq!(store.end_session("t-unknown", at(6)).await, Ok(()));
    let ended = store.session(&one.id).await.expect("answers");
    assert_eq!(ended.expect("is there").ended_at, Some(at(5)));
    assert_eq!(store.session(&two.id).await, Ok(Some(two)));
}

pub(super) async fn tokens(store: Arc<dyn Store>) {
    let (one, two) = (token(1), token(2));
    assert_eq!(store.add_token(&one).await, Ok(true));
    assert_eq!(store.add_token(&two).await, Ok(true));
    let other = Token {
        name: "another".into(),
        ..one.clone()
    };
    assert_eq!(store.add_token(&other).await, Ok(false));
    assert_eq!(store.token(&one.id).await, Ok(Some(one.clone())));
    assert_eq!(store.token("t-unknown").await, Ok(None));
    assert_eq!(
        store.tokens(at(5)).await,
        Ok(vec![two.clone(), one.clone()])
    );

    let used = |minutes: i64| at(minutes * 60_000);
    for (minutes, last) in [(1, 1), (2, 1), (60, 1), (61, 61)] {
        assert_eq!(store.use_token(&one.id, used(minutes)).await, Ok(()));
        let kept = store
            .token(&one.id)
            .await
            .expect("answers")
            .expect("is there");
        assert_eq!(kept.last_used, Some(used(last)), "after {minutes} min");
    }
    assert_eq!(store.use_token("t-unknown", used(1)).await, Ok(()));
    assert_eq!(store.token("t-unknown").await, Ok(None));

    let revoked = store.revoke_token(&one.id, "admin", at(7)).await;
    let Ok(Revoked::Now(revoked)) = revoked else {
        panic!("{revoked:?}");
    };
    assert!(!revoked.is_in_force(at(8)) && two.is_in_force(at(8)));
    let again = store.revoke_token(&one.id, "other", at(9)).await;
    assert_eq!(again, Ok(Revoked::Before(revoked.clone())));
    let none = store.revoke_token("t-unknown", "admin", at(9)).await;
    assert_eq!(none, Ok(Revoked::Unknown));
    // A use that comes late does not open it again.
    assert_eq!(store.use_token(&one.id, used(200)).await, Ok(()));
    let kept = store
        .token(&one.id)
        .await
        .expect("answers")
        .expect("is there");
    assert_eq!(kept.revoked_by.as_deref(), Some("admin"));
    let end = one.expires_at + TOKEN_KEPT;
    assert_eq!(store.tokens(end).await, Ok(Vec::new()));
}

fn worker() -> WorkerId {
    "111122223333/eu-west-1".parse().expect("is a worker")
}

fn heartbeat(rules: &str, events: u64, sent_at: Timestamp) -> Heartbeat {
    Heartbeat {
        worker: WorkerInfo {
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            version: "0.1.0".into(),
            rules: rules.into(),
        },
        patterns: Some("0b1f6d1f4b0c9c55".into()),
        sent_at,
        counters: Counters {
            invocations: 1,
            events,
            ..Counters::default()
        },
    }
}

/// Workers are known from their first heartbeat, and what they did adds up.
pub(super) async fn workers(store: Arc<dyn Store>) {
    let id = worker();
    assert_eq!(store.workers(at(0)).await, Ok(Vec::new()));
    let first = store
        .beat(&id, &heartbeat("a", 3, at(2_000)), None, at(0))
        .await;
    assert_eq!(first, Ok(None));
    let next = heartbeat("a", 4, at(60_000));
    let second = store.beat(&id, &next, Some(1), at(60_000)).await;
    let before = second.expect("answers").expect("is known");
    assert_eq!((before.last_at, before.clock_ahead), (at(0), 2));
    store
        .beat(&id, &heartbeat("b", 5, at(120_000)), Some(2), at(120_000))
        .await
        .expect("answers");
    let members = store.workers(at(120_000)).await.expect("answers");
    let [member] = members.as_slice() else {
        panic!("{members:?}");
    };
    assert_eq!((member.first_at, member.last_at), (at(0), at(120_000)));
    assert_eq!(
        (member.rules(), member.rules_since),
        (Some("b"), at(120_000))
    );
    assert_eq!((member.totals.invocations, member.totals.events), (3, 12));
    assert_eq!(member.root_key, Some(2), "that of the last heartbeat");
    // One that is known already is not expected anew.
    store
        .expect_worker(&id, at(130_000))
        .await
        .expect("answers");
    assert_eq!(store.workers(at(130_000)).await, Ok(members.clone()));
    let other: WorkerId = "111122223333/us-east-1".parse().expect("is a worker");
    store
        .expect_worker(&other, at(130_000))
        .await
        .expect("answers");
    let both = store.workers(at(130_000)).await.expect("answers");
    assert_eq!(both.len(), 2);
    assert_eq!((both[1].rules(), both[1].last_at), (None, at(130_000)));
    let later = at(120_000) + WORKER_KEPT;
    assert_eq!(store.workers(later).await.expect("answers").len(), 1);
    let returned = store
        .beat(&id, &heartbeat("b", 1, later), None, later)
        .await;
    assert_eq!(returned, Ok(None), "forgotten and new again");
}

/// Of heartbeats at the same time none is lost, unless the worker is told to come again.
pub(super) async fn beats(store: Arc<dyn Store>) {
    let id = worker();
    let racers = (0..6).map(|n| {
        let (store, id) = (Arc::clone(&store), id.clone());
        tokio::spawn(async move {
            let sent = at(0) + SignedDuration::from_millis(n);
            store.beat(&id, &heartbeat("a", 1, sent), None, at(n)).await
        })
    });
    let mut counted = 0;
    for beat in join_all(racers).await {
        match beat.expect("no task panics") {
            Ok(_) => counted += 1,
            Err(StoreError::Throttled(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let members = store.workers(at(1_000)).await.expect("answers");
    assert_eq!(members[0].totals.events, counted);
    assert!(counted > 0);
}

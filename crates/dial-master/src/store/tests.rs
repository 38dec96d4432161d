//! What only this store can get wrong: savepoints, group commit, purging, the file itself.

use super::*;
use dial_core::Finding;
use dial_core::store::DeliveryState;
use dial_core::store::document::{Documents as _, Put};
use dial_core::store::outbox::Outbox as _;
use dial_core::store::stats::Statistics as _;
use dial_core::store::triage::{Actor, Change, Door};
use serde_json::json;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_777_629_600 + seconds).unwrap()
}

fn acceptance(n: u32, sinks: &[&str]) -> Acceptance {
    let mut finding: Finding = serde_json::from_value(json!({
        "id": "f-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "rule": {"id": "r", "name": "r", "title": "r", "version": "1"},
        "severity": "low", "title": "t", "explanation": "e",
        "account": {"id": "111122223333"}, "region": "eu-west-1",
        "time": at(0), "detected_at": at(0),
        "event": {"id": n.to_string(), "source": "s", "name": "n", "kind": "AwsApiCall"},
        "principal": {}, "source": {}, "resources": [],
        "worker": {"account": "111122223333", "region": "eu-west-1", "version": "0", "rules": "0"},
    }))
    .unwrap();
    finding.id = finding.expected_id();
    Acceptance {
        finding,
        sinks: sinks.iter().map(ToString::to_string).collect(),
        received_at: at(0),
        expires_at: at(3_600),
        sender: "111122223333/eu-west-1".into(),
    }
}

fn open() -> (tempfile::TempDir, PathBuf, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("below").join("dial.db");
    let store = Sqlite::open(&path).unwrap();
    (folder, path, store)
}

#[tokio::test]
async fn what_fails_half_way_leaves_nothing_and_its_neighbours_stay() {
    let (_folder, path, store) = open();
    let breaker = "CREATE TRIGGER break BEFORE INSERT ON outbox WHEN NEW.sink = 'broken'
         BEGIN SELECT RAISE(ABORT, 'broken'); END";
    Connection::open(&path)
        .unwrap()
        .execute_batch(breaker)
        .unwrap();
    let batch = vec![
        acceptance(1, &["slack"]),
        acceptance(2, &["slack", "broken"]),
        acceptance(3, &["slack"]),
    ];
    let ids: Vec<FindingId> = batch.iter().map(|a| a.finding.id.clone()).collect();
    let outcomes = store.accept(batch).await;
    assert_eq!(outcomes[0], Ok(Outcome::New));
    assert!(matches!(outcomes[1], Err(StoreError::Unavailable(_))));
    assert_eq!(outcomes[2], Ok(Outcome::New));
    let there = |n: usize| store.finding(&ids[n], at(0));
    assert!(there(0).await.unwrap().is_some());
    assert_eq!(there(1).await, Ok(None));
    assert_eq!(store.audit(&ids[1]).await, Ok(Vec::new()));
    assert_eq!(store.deliveries(&ids[1]).await, Ok(Vec::new()));
    assert!(there(2).await.unwrap().is_some());
    let counted = store.cells("D#", "D#~").await.unwrap();
    assert_eq!(counted["D#2026-05-01#severity#low"], 2);
    let rows = store.counts(&["slack".into()], at(0)).await.unwrap();
    assert_eq!(rows.iter().map(|count| count.rows).sum::<u64>(), 2);
    Connection::open(&path)
        .unwrap()
        .execute_batch("DROP TRIGGER break")
        .unwrap();
    let again = store
        .accept(vec![acceptance(2, &["slack", "broken"])])
        .await;
    assert_eq!(again, [Ok(Outcome::New)], "it can be sent again");
}

#[tokio::test]
async fn what_cannot_be_taken_back_lets_nothing_of_its_group_stay() {
    let (_folder, path, store) = open();
    let breaker = "CREATE TRIGGER break BEFORE INSERT ON outbox WHEN NEW.sink = 'broken'
         BEGIN SELECT RAISE(ABORT, 'broken'); END;
         CREATE TRIGGER hold BEFORE DELETE ON findings BEGIN SELECT RAISE(ABORT, 'held'); END";
    let beside = Connection::open(&path).unwrap();
    beside.execute_batch(breaker).unwrap();
    let batch = vec![
        acceptance(1, &["slack"]),
        acceptance(2, &["slack", "broken"]),
        acceptance(3, &["slack"]),
    ];
    let outcomes = store.accept(batch.clone()).await;
    let refused = |outcome: &_| matches!(outcome, Err(StoreError::Unavailable(_)));
    assert!(outcomes.iter().all(refused), "{outcomes:?}");
    for one in &batch {
        assert_eq!(store.finding(&one.finding.id, at(0)).await, Ok(None));
    }
    assert!(store.cells("D#", "D#~").await.unwrap().is_empty());
    beside
        .execute_batch("DROP TRIGGER break; DROP TRIGGER hold")
        .unwrap();
    let again = store.accept(batch).await;
    assert!(again.iter().all(|outcome| *outcome == Ok(Outcome::New)));
}

#[tokio::test]
async fn the_first_line_of_a_history_from_before_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dial.db");
    let mut before = Connection::open(&path).unwrap();
    let migrations = Migrations::from_slice(MIGRATIONS);
    migrations.to_version(&mut before, 10).unwrap();
    let (old, new) = (acceptance(1, &[]), acceptance(2, &[]));
    let rows = "INSERT INTO findings (id, sort_key, account, region, severity, status, rule_name,
         rule_id, principal, resource, received_at, expires_at, summary, finding)
         VALUES (?1, '', '', '', '', 'open', '', '', '', '', ?2, ?3, '{}', '{}')";
    let id = old.finding.id.as_str();
    let times = (at(0).as_microsecond(), at(60).as_microsecond());
    before.execute(rows, (id, times.0, times.1)).unwrap();
    let line = "INSERT INTO audit (finding, n, at, who, door, action)
         VALUES (?1, 0, ?2, '111122223333/eu-west-1', 'worker', 'accepted')";
    before.execute(line, (id, times.0)).unwrap();
    drop(before);
    let store = Sqlite::open(&path).unwrap();
    assert_eq!(store.accept(vec![new.clone()]).await, [Ok(Outcome::New)]);
    let history = store.audit(&old.finding.id).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].who, "111122223333/eu-west-1");
    assert_eq!(store.audit(&new.finding.id).await, Ok(history));
}

#[tokio::test]
async fn what_is_answered_is_there_after_opening_again() {
    let (_folder, path, store) = open();
    let waiting = (0..40).map(|n| store.accept(vec![acceptance(n, &["slack"])]));
    for outcomes in futures::future::join_all(waiting).await {
        assert_eq!(outcomes, [Ok(Outcome::New)]);
    }
    // A second connection sees what was answered, before the first one closes anything.
    let beside = Sqlite::open(&path).unwrap();
    let due = beside.due("slack", at(0), 100).await.unwrap();
    assert_eq!(due.len(), 40);
    drop(store);
    let again = Sqlite::open(&path).unwrap();
    let due = again.due("slack", at(0), 100).await.unwrap();
    assert_eq!(due.len(), 40);
    assert!(due.iter().all(|row| row.state == DeliveryState::Pending));
}

#[tokio::test]
async fn the_expired_are_removed_with_all_that_is_theirs() {
    let (_folder, path, store) = open();
    let first = acceptance(1, &["slack"]);
    store.accept(vec![first.clone()]).await;
    store
        .change(&first.finding.id, None, &noted())
        .await
        .unwrap();
    let mut later = acceptance(2, &["slack"]);
    later.received_at = at(3_600);
    later.expires_at = at(7_200);
    store.accept(vec![later]).await;
    let connection = Connection::open(&path).unwrap();
    for (table, left) in [("findings", 1), ("audit", 0), ("outbox", 1)] {
        let count = format!("SELECT count(*) FROM {table}");
        let rows: i64 = connection.query_row(&count, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, left, "{table}");
    }
}

/// Somebody says something.
fn noted() -> Request {
    let by = Actor {
        who: "analyst".into(),
        door: Door::Api,
    };
    let text = "seen".into();
    Request {
        change: Change::Comment { text },
        comment: None,
        by,
        at: at(0),
    }
}

#[test]
fn the_file_is_its_owners_and_one_of_another_kind_is_refused() {
    let (folder, path, store) = open();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&path.with_extension("db-wal")), 0o600);
    }
    drop(store);
    assert!(
        !path.with_extension("db-wal").exists(),
        "closing folds the log in"
    );
    let other = folder.path().join("other.db");
    std::fs::write(
        &other,
        "this is a text, long enough to be no header of SQLite",
    )
    .unwrap();
    let refused = Sqlite::open(&other).err().unwrap().to_string();
    assert!(refused.contains("other.db"), "{refused}");
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(
        Sqlite::open(&path),
        Err(OpenError::Migration { .. })
    ));
}

#[test]
fn migrations_are_valid() {
    assert!(Migrations::from_slice(MIGRATIONS).validate().is_ok());
}

/// Lets the file have so many pages more than it has now; `None` = as many as it wants.
async fn room(store: &Sqlite, pages: Option<i64>) {
    let set = move |tx: &mut shared::Shared<'_>| {
        let used: i64 = tx.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let most = pages.map_or(1 << 30, |pages| used + pages);
        tx.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))
    };
    store.writer.run(set).await.unwrap().unwrap();
}

/// Something small to write, which needs no room of its own.
fn small() -> Put {
    Put {
        kind: "TRY",
        id: "one".into(),
        before: None,
        after: "{}".into(),
        forgotten_at: at(3_600),
        now: at(0),
    }
}

#[tokio::test]
async fn a_full_disk_takes_nothing_half_and_says_so_and_ends_when_there_is_room() {
    let (_folder, _path, store) = open();
    let batch: Vec<Acceptance> = (0..200).map(|n| acceptance(n, &["slack"])).collect();
    room(&store, Some(3)).await;
    // All of it shares one transaction: the writer waits until everything is queued.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, holds) = std::sync::mpsc::channel::<()>();
    let hold = store
        .writer
        .run(move |_| begun.send(()).is_ok() && wait.recv().is_ok());
    let mut hold = std::pin::pin!(hold);
    assert!(futures::poll!(hold.as_mut()).is_pending());
    holds.recv().unwrap();
    let (one, put) = (batch.clone(), small());
    let mut accept = std::pin::pin!(store.accept(one));
    assert!(futures::poll!(accept.as_mut()).is_pending());
    let mut behind = std::pin::pin!(store.put_document(&put));
    assert!(futures::poll!(behind.as_mut()).is_pending());
    go.send(()).unwrap();
    assert_eq!(hold.await, Ok(true));
    let refused = |outcome: &_| matches!(outcome, Err(StoreError::Unavailable(_)));
    assert!(accept.await.iter().all(refused));
    assert!(
        behind.await.is_err(),
        "the transaction that it shared is gone"
    );
    for one in &batch {
        assert_eq!(store.finding(&one.finding.id, at(0)).await, Ok(None));
    }
    assert_eq!(store.document("TRY", "one").await, Ok(None));
    assert!(store.writer.is_failing());
    room(&store, None).await;
    store.ready().await.unwrap();
    assert!(!store.writer.is_failing());
    let outcomes = store.accept(batch.clone()).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Ok(Outcome::New)));
    for one in &batch {
        assert_eq!(store.deliveries(&one.finding.id).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_full_disk_stays_not_ready_until_the_largest_request_finds_room() {
    let (_folder, _path, store) = open();
    let batch: Vec<Acceptance> = (0..200).map(|n| acceptance(n, &["slack"])).collect();
    room(&store, Some(3)).await;
    let refused = |outcome: &_| matches!(outcome, Err(StoreError::Unavailable(_)));
    assert!(store.accept(batch.clone()).await.iter().all(refused));
    let not_ready = async || assert!(store.ready().await.is_err() && store.writer.is_failing());
    not_ready().await;
    for n in 0..3 {
        // The first is written; the others find it there and write nothing.
        assert_eq!(store.put_document(&small()).await, Ok(n == 0));
        not_ready().await;
    }
    room(&store, Some(100)).await;
    let one = store.accept(vec![acceptance(201, &["slack"])]).await;
    assert_eq!(one, [Ok(Outcome::New)], "one finding fits, and is taken");
    not_ready().await;
    room(&store, None).await;
    assert_eq!(store.ready().await, Ok(()));
    let outcomes = store.accept(batch).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Ok(Outcome::New)));
    let left = store.document("ROOM", "").await;
    assert_eq!(left, Ok(None), "what was tried is not kept");
}

#[tokio::test]
async fn a_defect_in_one_look_or_one_write_ends_no_other() {
    let (_folder, _path, store) = open();
    for _ in 0..=READERS {
        let broken = store.read(|_| -> Result<(), StoreError> { panic!("a defect") });
        assert!(matches!(broken.await, Err(StoreError::Unavailable(_))));
    }
    let broken = store.writer.run(|_| panic!("a defect")).await;
    assert!(matches!(broken, Err(StoreError::Unavailable(_))));
    let taken = store.accept(vec![acceptance(1, &["slack"])]).await;
    assert_eq!(taken, [Ok(Outcome::New)]);
    let due = store.due("slack", at(0), 10).await.unwrap();
    assert_eq!(due.len(), 1);
}

//! What only this store can get wrong: savepoints, group commit, purging, the file itself.

use super::*;
use dial_core::Finding;
use dial_core::store::DeliveryState;
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
    store.accept(vec![acceptance(1, &["slack"])]).await;
    let mut later = acceptance(2, &["slack"]);
    later.received_at = at(3_600);
    later.expires_at = at(7_200);
    store.accept(vec![later]).await;
    let connection = Connection::open(&path).unwrap();
    for table in ["findings", "audit", "outbox"] {
        let count = format!("SELECT count(*) FROM {table}");
        let rows: i64 = connection.query_row(&count, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1, "{table}");
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

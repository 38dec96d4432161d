//! The bucket on S3, against an emulator that checks signatures and checksums; and the archive in it.
#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use dial_aws::{
    Clients, DynamoStore, Emulators, Location, S3Bucket, create_bucket, open_bucket, read_object,
};
use dial_core::ports::Bucket;
use dial_core::store::{Acceptance, Store};
use dial_core::{Finding, FindingId};
use dial_master::api::FindingDetail;
use dial_master::archive::Archive;
use dial_tests::emulators::Emulated;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::Arc;

/// Clients and the name of a new bucket; `None` without an emulator.
async fn bucket(name: &str) -> Option<Clients> {
    let Ok(url) = std::env::var("DIAL_TEST_S3") else {
        eprintln!("skipped: DIAL_TEST_S3 is not set");
        return None;
    };
    let clients = Clients::emulated(Emulators {
        s3: Some(url),
        ..Emulators::default()
    });
    create_bucket(&clients, name).await.unwrap();
    Some(clients)
}

#[tokio::test]
async fn objects_come_back_as_they_were_put() {
    let Some(clients) = bucket("round-trip").await else {
        return;
    };
    let bucket = S3Bucket::new(clients.clone(), "round-trip", "letters");
    let keys = ["plain", "a/b c/ü+&=.json", "2026/05/01/x"];
    for (n, key) in keys.iter().enumerate() {
        let body = vec![b'a'; n * 100_000];
        bucket.put(key, body.clone()).await.unwrap();
        assert_eq!(bucket.get(key, body.len()).await.unwrap(), Some(body));
    }
    bucket.put("plain", b"second".to_vec()).await.unwrap();
    assert_eq!(bucket.get("plain", 100).await.unwrap().unwrap(), b"second");
    assert_eq!(bucket.get("missing", 100).await.unwrap(), None);
    let outside = S3Bucket::new(clients, "round-trip", "");
    let whole = outside.get("letters/plain", 100).await.unwrap();
    assert_eq!(whole.unwrap(), b"second");
}

#[tokio::test]
async fn what_is_larger_than_the_limit_is_refused() {
    let Some(clients) = bucket("limits").await else {
        return;
    };
    let bucket = S3Bucket::new(clients, "limits", "");
    bucket.put("big", vec![1; 3_000_000]).await.unwrap();
    assert!(bucket.get("big", 3_000_000).await.unwrap().is_some());
    let error = bucket.get("big", 2_999_999).await.unwrap_err();
    assert!(!error.transient, "{error}");
    assert!(
        error.to_string().contains("larger than 2999999 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn lists_are_whole_sorted_and_relative() {
    let Some(clients) = bucket("lists").await else {
        return;
    };
    let bucket = S3Bucket::new(clients.clone(), "lists", "dead");
    let keys: Vec<_> = (0..30).map(|n| format!("k/{n:04}")).collect();
    for key in keys.iter().rev() {
        bucket.put(key, b"x".to_vec()).await.unwrap();
    }
    bucket.put("other/1", b"x".to_vec()).await.unwrap();
    let beside = S3Bucket::new(clients, "lists", "deadly");
    beside.put("k/9999", b"x".to_vec()).await.unwrap();
    assert_eq!(bucket.list("k/").await.unwrap(), keys);
    assert_eq!(bucket.list("").await.unwrap().len(), 31);
    assert_eq!(bucket.list("none").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn locations_open_the_same_objects() {
    let Some(clients) = bucket("locations").await else {
        return;
    };
    let bucket = open_bucket("s3://locations/config/", &clients).unwrap();
    bucket.put("dial.toml", b"[worker]".to_vec()).await.unwrap();
    let location: Location = "s3://locations/config/dial.toml".parse().unwrap();
    let read = read_object(&location, 100, &clients).await.unwrap();
    assert_eq!(read.unwrap(), b"[worker]");
}

#[tokio::test]
async fn failures_name_place_and_remedy() {
    let Some(clients) = bucket("failures").await else {
        return;
    };
    let absent = S3Bucket::new(clients, "no-such-bucket", "");
    let error = absent.list("k").await.unwrap_err();
    assert!(!error.transient);
    assert!(
        error.to_string().contains("s3://no-such-bucket/k"),
        "{error}"
    );
    // Port 9 of loopback: nobody listens.
    let nowhere = Clients::emulated(Emulators {
        s3: Some("http://127.0.0.1:9".to_owned()),
        ..Emulators::default()
    });
    let error = S3Bucket::new(nowhere, "b-1", "")
        .get("k", 1)
        .await
        .unwrap_err();
    assert!(error.transient, "{error}");
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A finding for each number, forgotten at that time.
fn acceptance(number: u32, expires_at: Timestamp) -> Acceptance {
    let time = at("2026-05-01T10:00:00Z");
    let mut finding: Finding = serde_json::from_value(serde_json::json!({
        "id": "f-aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "rule": {"id": "r", "name": "r", "title": "r", "version": "1"},
        "severity": "low", "title": "t", "explanation": "e",
        "account": {"id": "111122223333"}, "region": "eu-west-1",
        "time": time, "detected_at": time,
        "event": {"id": number.to_string(), "source": "s", "name": "n", "kind": "AwsApiCall"},
        "principal": {}, "source": {}, "resources": [],
        "worker": {"account": "111122223333", "region": "eu-west-1", "version": "0", "rules": "0"},
    }))
    .unwrap();
    finding.id = finding.expected_id();
    Acceptance {
        finding,
        sinks: vec!["slack".into()],
        received_at: time,
        expires_at,
        sender: "111122223333/eu-west-1".into(),
    }
}

/// As the master deployed in AWS has it: what DynamoDB forgets lies in S3 by then, each once, with
/// its history and deliveries.
#[tokio::test]
async fn findings_of_dynamodb_reach_s3_before_they_are_forgotten() {
    let Some(emulated) = Emulated::find() else {
        return;
    };
    emulated.table("archived").await;
    let bucket = Arc::new(emulated.bucket("archived").await);
    let store = Arc::new(DynamoStore::new(emulated.clients.clone(), "archived"));
    let (soon, later) = (at("2027-06-05T10:30:00Z"), at("2027-06-20T00:00:00Z"));
    let batch: Vec<Acceptance> = (0..40)
        .map(|n| acceptance(n, if n < 30 { soon } else { later }))
        .collect();
    let ids: BTreeSet<FindingId> = batch[..30].iter().map(|a| a.finding.id.clone()).collect();
    for outcome in store.accept(batch).await {
        outcome.unwrap();
    }
    let week = SignedDuration::from_hours(7 * 24);
    let archive = Archive::new(store.clone(), bucket.clone(), week);
    for (now, expected) in [
        ("2027-05-29T10:59:59Z", 0),
        ("2027-05-29T11:00:00Z", 30),
        ("2027-05-29T12:00:00Z", 0),
    ] {
        let done = archive.run(at(now), None).await.unwrap();
        assert_eq!(done.findings, expected, "{now}");
    }
    let mut found = BTreeSet::new();
    for key in bucket.list("archive").await.unwrap() {
        assert!(key.starts_with("archive/2027/06/05/10-"), "{key}");
        let body = bucket.get(&key, 1 << 20).await.unwrap().unwrap();
        let mut text = String::new();
        let mut lines = flate2::read::GzDecoder::new(&body[..]);
        lines.read_to_string(&mut text).unwrap();
        for line in text.lines() {
            let line: FindingDetail = serde_json::from_str(line).unwrap();
            assert_eq!((line.audit.len(), line.deliveries.len()), (1, 1));
            assert!(found.insert(line.finding.id.clone()), "twice: {line:?}");
        }
    }
    assert_eq!(found, ids);
    let gone = store.finding(ids.first().unwrap(), soon).await.unwrap();
    assert!(gone.is_none(), "the store has forgotten it");
}

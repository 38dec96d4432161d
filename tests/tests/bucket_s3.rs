//! The bucket on S3, against an emulator that checks signatures and checksums.
#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use dial_aws::{Clients, Emulators, Location, S3Bucket, create_bucket, open_bucket, read_object};
use dial_core::ports::Bucket;

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

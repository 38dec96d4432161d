//! `s3://` places, against the emulator that `cargo xtask emulators` starts.

use crate::place::{PUBLIC_BUCKET, Place, SHARED_BUCKET, record, told, trail};
use dial_aws::{Clients, Emulators, S3Bucket, create_bucket};
use dial_core::dead_letter::{DeadLetter, Stage};
use dial_core::ports::Bucket;
use dial_core::wire::WorkerInfo;

const BUCKET: &str = "cli";

/// Fills a new bucket; `None` without an emulator.
fn filled(objects: &[(&str, Vec<u8>)]) -> Option<String> {
    let Ok(url) = std::env::var("DIAL_TEST_S3") else {
        eprintln!("skipped: DIAL_TEST_S3 is not set");
        return None;
    };
    let clients = Clients::emulated(Emulators {
        s3: Some(url.clone()),
        ..Emulators::default()
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        create_bucket(&clients, BUCKET).await.unwrap();
        let bucket = S3Bucket::new(clients, BUCKET, "");
        for (key, body) in objects {
            bucket.put(key, body.clone()).await.unwrap();
        }
    });
    Some(url)
}

fn run(url: &str, arguments: &[&str]) -> (i32, String, String) {
    let place = Place::new();
    let mut command = place.dial(arguments);
    command
        .env("AWS_ENDPOINT_URL_S3", url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "testtest")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    told(&command.output().unwrap())
}

#[test]
fn objects_are_scanned_replayed_and_read_as_configuration() {
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-central-1".into(),
        version: "0.1.0".into(),
        rules: "abc".into(),
    };
    let at = "2026-05-04T10:00:00Z".parse().unwrap();
    let letter = DeadLetter::new(
        Stage::Judge,
        "a reason",
        worker,
        at,
        PUBLIC_BUCKET.as_bytes(),
    );
    let low = "[worker.detect]\nseverity = [{ rule = \"s3_bucket_policy_public\", severity = \"low\" }]\n";
    let good = trail(&[record(SHARED_BUCKET), record(PUBLIC_BUCKET)]);
    let letter_key = format!("letters/{}", letter.key());
    let objects = [
        ("logs/a.json.gz", good.clone()),
        ("logs/b.json.gz", good[..good.len() / 2].to_vec()),
        ("logs/c.txt", b"no trail".to_vec()),
        ("config/dial.toml", low.into()),
        (letter_key.as_str(), letter.to_json()),
    ];
    let Some(url) = filled(&objects) else { return };

    let (code, out, err) = run(&url, &["scan", "s3://cli/logs/a.json.gz"]);
    assert_eq!((code, out.lines().count()), (3, 2), "{err}");
    let (code, out, err) = run(&url, &["scan", "s3://cli/logs"]);
    assert_eq!((code, out.lines().count()), (1, 2), "{err}");
    assert!(
        err.contains("error: s3://cli/logs/b.json.gz: gzip data"),
        "{err}"
    );
    assert!(err.contains("1 other file skipped"), "{err}");
    let (code, _, err) = run(&url, &["scan", "s3://cli/nothing"]);
    assert!(
        code == 1 && err.contains("s3://cli/nothing: no object there"),
        "{err}"
    );
    let config = [
        "scan",
        "s3://cli/logs/a.json.gz",
        "--config",
        "s3://cli/config/dial.toml",
    ];
    let (_, out, err) = run(&url, &config);
    assert!(out.contains("\nLOW "), "{out}{err}");
    let (code, _, err) = run(&url, &["replay", "s3://cli/letters", "--dry-run"]);
    assert!(
        code == 0 && err.contains("1 letter, 1 finding, 0 not taken up"),
        "{err}"
    );
}

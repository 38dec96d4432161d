//! `s3://` places, against the emulator that `cargo xtask emulators` starts.

use crate::place::{PUBLIC_BUCKET, Place, SHARED_BUCKET, gzip, record, told, trail};
use crate::wire::Wire;
use dial_aws::{Clients, Emulators, S3Bucket, create_bucket};
use dial_core::dead_letter::{DeadLetter, Stage};
use dial_core::ports::Bucket;
use dial_core::wire::WorkerInfo;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Fills a new bucket; `None` without an emulator.
fn filled(name: &str, objects: &[(&str, Vec<u8>)]) -> Option<String> {
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
        create_bucket(&clients, name).await.unwrap();
        let bucket = S3Bucket::new(clients, name, "");
        for (key, body) in objects {
            bucket.put(key, body.clone()).await.unwrap();
        }
    });
    Some(url)
}

/// What makes the SDK use the emulator.
fn environment(url: &str) -> [(&'static str, &str); 5] {
    [
        ("AWS_ENDPOINT_URL_S3", url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "testtest"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

fn run(url: &str, arguments: &[&str]) -> (i32, String, String) {
    run_in(&Place::new(), url, arguments)
}

fn run_in(place: &Place, url: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut command = place.dial(arguments);
    command.envs(environment(url));
    told(&command.output().unwrap())
}

/// An event of its own, that one rule matches.
fn event(id: &str, account: &str, region: &str, time: &str) -> Value {
    let mut event = record(PUBLIC_BUCKET);
    event["eventID"] = json!(id);
    event["recipientAccountId"] = json!(account);
    event["awsRegion"] = json!(region);
    event["eventTime"] = json!(time);
    event
}

/// The names of the files that were asked for.
fn names(requests: &[String]) -> Vec<&str> {
    let name = |request: &'_ String| request.split(['?']).next().unwrap_or_default().len();
    let paths = requests.iter().map(|request| &request[..name(request)]);
    paths.filter_map(|path| path.rsplit('/').next()).collect()
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
    let Some(url) = filled("cli", &objects) else {
        return;
    };

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

#[test]
fn only_what_may_hold_an_event_is_listed_and_fetched() {
    let file = |account: &str, region: &str, date: &str, name: &str| {
        let key = format!("t/AWSLogs/o-abc/{account}/CloudTrail/{region}/{date}/{name}.json.gz");
        let time = format!("{}T10:00:00Z", date.replace('/', "-"));
        (key, trail(&[event(name, account, region, &time)]))
    };
    let (own, other) = ("111122223333", "444455556666");
    let digest = format!("t/AWSLogs/o-abc/{own}/CloudTrail-Digest/eu-west-1/2026/05/04/d.json.gz");
    let files = [
        file(own, "eu-west-1", "2025/12/31", "old"),
        file(own, "eu-west-1", "2026/05/03", "before"),
        file(own, "eu-west-1", "2026/05/04", "wanted-1"),
        file(own, "eu-west-1", "2026/05/05", "wanted-2"),
        file(own, "eu-west-1", "2026/05/06", "late"),
        file(own, "eu-west-1", "2026/05/07", "after"),
        file(own, "us-east-1", "2026/05/04", "region"),
        file(other, "eu-west-1", "2026/05/04", "account"),
        (digest, trail(&[])),
        ("t/readme.json.txt".to_owned(), b"none".to_vec()),
    ];
    let objects: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(k, b)| (k.as_str(), b.clone())).collect();
    let Some(url) = filled("pruned", &objects) else {
        return;
    };

    let filters = [
        "--account",
        own,
        "--region",
        "eu-west-1",
        "--since",
        "2026-05-04",
        "--until",
        "2026-05-06",
    ];
    for place in [
        "s3://pruned",
        "s3://pruned/t/AWSLogs/",
        "s3://pruned/t/AWSLogs/o-abc/111122223333/CloudTrail/eu-west-1/",
    ] {
        let wire = Wire::to(&url, None);
        let arguments = [&["scan", place, "--format", "jsonl"], filters.as_slice()].concat();
        let (code, out, err) = run(wire.url(), &arguments);
        assert_eq!((code, out.lines().count()), (3, 2), "{place}: {err}");
        let (requests, lists) = (wire.objects(), wire.lists());
        // A file of the day after may hold what was delivered late; its own events are not wanted.
        let fetched: BTreeSet<&str> = names(&requests).into_iter().collect();
        let expected = ["late.json.gz", "wanted-1.json.gz", "wanted-2.json.gz"];
        assert_eq!(fetched, BTreeSet::from(expected), "{place}");
        assert_eq!(requests.len(), 3, "{place}: each once");
        assert!(
            lists
                .iter()
                .all(|list| !list.contains(other) && !list.contains("us-east-1")),
            "{lists:?}"
        );
        assert!(lists.iter().all(|list| !list.contains("2025")), "{lists:?}");
    }
    // Without a filter one flat list finds everything, as it always did.
    let wire = Wire::to(&url, None);
    let (code, out, err) = run(wire.url(), &["scan", "s3://pruned/t", "--format", "jsonl"]);
    assert_eq!(
        (code, out.lines().count(), wire.lists().len()),
        (3, 8, 1),
        "{err}"
    );
    assert!(
        err.contains("1 digest skipped, 1 other file skipped"),
        "{err}"
    );
}

#[test]
fn a_scan_that_was_killed_goes_on_where_it_was() {
    const FILES: usize = 90;
    let key =
        |n: usize| format!("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/04/{n:03}.json.gz");
    let keys: Vec<String> = (0..FILES).map(key).collect();
    let body = |n: usize| {
        trail(&[event(
            &format!("event-{n}"),
            "111122223333",
            "eu-west-1",
            "2026-05-04T10:00:00Z",
        )])
    };
    let objects: Vec<(&str, Vec<u8>)> = keys
        .iter()
        .enumerate()
        .map(|(n, key)| (key.as_str(), body(n)))
        .collect();
    let Some(url) = filled("resumed", &objects) else {
        return;
    };

    let place = Place::new();
    let arguments = [
        "scan",
        "s3://resumed",
        "--checkpoint",
        "done",
        "--format",
        "jsonl",
    ];
    let wire = Wire::to(&url, Some(60));
    let mut child = Command::new(env!("CARGO_BIN_EXE_dial"))
        .args(arguments)
        .env_clear()
        .envs(environment(wire.url()))
        .current_dir(place.path())
        .stdout(File::create(place.path().join("first")).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let noted = || {
        std::fs::read_to_string(place.path().join("done"))
            .unwrap_or_default()
            .lines()
            .count()
    };
    let limit = Instant::now() + Duration::from_mins(1);
    while noted() < 20 {
        assert!(Instant::now() < limit, "nothing is noted");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The first line is the heading.
    let done = noted() - 1;
    assert!((19..FILES).contains(&done), "{done}");

    let wire = Wire::to(&url, None);
    let (code, second, err) = run_in(&place, wire.url(), &arguments);
    assert_eq!(code, 3, "{err}");
    assert_eq!(
        wire.objects().len(),
        FILES - done,
        "what is noted is not fetched again"
    );
    let first = std::fs::read_to_string(place.path().join("first")).unwrap();
    // What was printed but not noted is printed again, what was noted was printed; half a line at
    // the kill is no finding.
    let lines = first.lines().chain(second.lines());
    let found = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let found: BTreeSet<String> = found.map(|f| f["event"]["id"].to_string()).collect();
    assert_eq!(found.len(), FILES);
    let wire = Wire::to(&url, None);
    let (code, out, _) = run_in(&place, wire.url(), &arguments);
    assert_eq!((code, out.as_str(), wire.objects().len()), (0, "", 0));
}

#[test]
fn a_large_object_is_fetched_in_parts() {
    const EVENTS: usize = 4_000;
    let mut text = String::new();
    for n in 0..EVENTS {
        let mut event = event(
            &format!("event-{n}"),
            "111122223333",
            "eu-west-1",
            "2026-05-04T10:00:00Z",
        );
        // Hard to compress, so that the object is large in fact.
        let noise: Vec<u64> = (0..160_u64)
            .map(|m| (n as u64 * 160 + m).wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .collect();
        event["additionalEventData"] = json!({ "noise": noise });
        if n % 100 != 0 {
            event["eventName"] = json!("ListBuckets");
        }
        text.push_str(&event.to_string());
        text.push('\n');
    }
    let plain = text.into_bytes();
    let packed = gzip(&plain);
    assert!(packed.len() > 5 << 20, "{}", packed.len());
    let parts = |bytes: &[u8]| bytes.len().div_ceil(4 << 20);
    let expected = parts(&plain) + parts(&packed);
    let objects = [("a.jsonl", plain), ("b.jsonl.gz", packed)];
    let Some(url) = filled("large", &objects) else {
        return;
    };
    let wire = Wire::to(&url, None);
    let (code, out, err) = run(
        wire.url(),
        &["scan", "s3://large", "--format", "jsonl", "--threads", "1"],
    );
    assert_eq!((code, out.lines().count()), (3, 2 * EVENTS / 100), "{err}");
    assert!(err.starts_with("8,000 events in 2 files"), "{err}");
    assert_eq!(wire.objects().len(), expected);
}

//! `dial scan`: formats, order, exit codes, and input that is broken or hostile.

use crate::place::{PUBLIC_BUCKET, Place, SHARED_BUCKET, day, gzip, record, told, trail};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

const STOPPED_TRAIL: &str = include_str!("../../src/demo/incident/17-trail-stopped.json");

/// A folder with a trail file, lines of records, lines of envelopes, one event, and other files.
fn fixtures() -> Place {
    let place = Place::new();
    let (public, shared) = (record(PUBLIC_BUCKET), record(SHARED_BUCKET));
    let stopped = record(STOPPED_TRAIL);
    place.write(
        "logs/2026/05/04/a.json.gz",
        trail(&[shared.clone(), public]),
    );
    place.write("logs/2026/05/05/b.jsonl", format!("{shared}\n{stopped}\n"));
    place.write("logs/2026/05/06/c.json", SHARED_BUCKET);
    place.write("logs/CloudTrail-Digest/d.json.gz", trail(&[]));
    place.write("logs/readme.txt", "not a trail");
    place
}

#[test]
fn the_table() {
    let (code, out, err) = fixtures().run(&["scan", "logs"]);
    assert_eq!(code, 3);
    insta::assert_snapshot!("table", out);
    insta::assert_snapshot!(err, @"5 events in 3 files: 2 findings (1 critical, 1 high), 0 errors, 1 digest skipped, 1 other file skipped");
}

#[test]
fn json_lines() {
    let (code, out, _) = fixtures().run(&["scan", "logs", "--format", "jsonl"]);
    assert_eq!(code, 3);
    let findings: Vec<Value> = out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(findings.len(), 2);
    insta::assert_json_snapshot!("jsonl", findings[0], {
        ".detected_at" => "[time]",
        ".rule.version" => "[version]",
        ".worker" => "[worker]",
    });
}

#[test]
fn open_cybersecurity_schema() {
    let (code, out, _) = fixtures().run(&["scan", "logs", "--format", "ocsf"]);
    assert_eq!(code, 3);
    let events: Vec<Value> = out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(events.len(), 2);
    insta::assert_json_snapshot!("ocsf", events[0], {
        ".metadata.processed_time" => "[time]",
        ".metadata.product.version" => "[version]",
        ".finding_info.created_time" => "[time]",
        ".finding_info.analytic.version" => "[version]",
        ".unmapped.worker" => "[worker]",
    });
}

#[test]
fn comma_separated() {
    let (code, out, _) = fixtures().run(&["scan", "logs", "--format", "csv"]);
    assert_eq!(code, 3);
    insta::assert_snapshot!("csv", out);
}

#[test]
fn exit_codes() {
    let place = fixtures();
    place.write("cut.json", "{\"Records\":[");
    place.write("empty/x.txt", "");
    let cases: [(&str, &[&str], i32); 8] = [
        ("findings", &["logs"], 3),
        ("near miss", &["logs/2026/05/06"], 0),
        (
            "all below the least severity",
            &["logs/2026/05/04", "--min-severity", "critical"],
            0,
        ),
        ("nothing to read", &["empty"], 0),
        ("broken", &["cut.json"], 1),
        ("broken beside findings", &["logs", "cut.json"], 1),
        ("missing", &["nowhere"], 1),
        ("no such rules", &["logs", "--rules", "nowhere"], 1),
    ];
    for (name, arguments, expected) in cases {
        let (code, _, err) = place.run(&[&["scan"], arguments].concat());
        assert_eq!(code, expected, "{name}: {err}");
    }
}

#[test]
fn what_is_broken_is_named_and_the_rest_is_read() {
    let good = trail(&[record(PUBLIC_BUCKET)]);
    let half = &good[..good.len() / 2];
    let mut flipped = good.clone();
    flipped[40] ^= 0xff;
    let mut deep = record(PUBLIC_BUCKET);
    deep["requestParameters"]["x"] = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let brackets = "[".repeat(100_000);
    let line = record(PUBLIC_BUCKET).to_string();
    let bomb = gzip(format!("{{\"Records\":[{}]}}", " ".repeat(40_000_000)).as_bytes());
    let cases: [(&str, Vec<u8>, &str); 12] = [
        (
            "truncated.json.gz",
            half.to_vec(),
            "gzip data is corrupt or truncated",
        ),
        (
            "flipped.json.gz",
            flipped,
            "gzip data is corrupt or truncated",
        ),
        (
            "garbage.json.gz",
            b"\x1f\x8bgarbage, not deflate".to_vec(),
            "gzip data is corrupt",
        ),
        ("bomb.json.gz", bomb, "inflates to more than"),
        (
            "brackets.json",
            format!("{{\"Records\":[{brackets}").into(),
            "JSON",
        ),
        (
            "deep.jsonl",
            deep.to_string().into(),
            "nested deeper than 64",
        ),
        ("text.json", b"hello".to_vec(), "holds no records"),
        ("empty.json", Vec::new(), "holds no records"),
        (
            "types.json",
            b"{\"Records\":5}".to_vec(),
            "holds no records",
        ),
        (
            "bytes.jsonl",
            b"{\"eventName\":\"\xff\"}".to_vec(),
            "not UTF-8",
        ),
        (
            "cut.json",
            format!("{{\"Records\":[{line}").into(),
            "ends in the middle",
        ),
        (
            "mixed.jsonl",
            format!("{{\"no\":1}}\n{line}\n").into(),
            "bad record",
        ),
    ];
    for (name, bytes, expected) in cases {
        let place = Place::new();
        place.write("scan/a-good.json.gz", &good);
        place.write(&format!("scan/{name}"), bytes);
        place.write("scan/z-good.json.gz", &good);
        let (code, out, err) = place.run(&["scan", "scan", "--format", "jsonl"]);
        assert_eq!(code, 1, "{name}: {err}");
        assert!(
            err.contains(&format!("error: scan/{name}: ")),
            "{name}: {err}"
        );
        assert!(err.contains(expected), "{name}: {err}");
        assert!(
            out.lines().count() >= 2,
            "{name}: both good files are read\n{out}"
        );
        assert!(!err.contains("panicked"), "{name}: {err}");
    }
}

#[test]
fn a_record_that_is_broken_or_cut_is_named_by_its_number() {
    let mut cut = record(STOPPED_TRAIL);
    cut["eventID"] = json!("cut");
    cut["requestParameters"] = json!({"omitted": true, "originalSize": 204_800});
    let near_miss = record(SHARED_BUCKET);
    let mut uninteresting = near_miss.clone();
    uninteresting["eventName"] = json!("ListBuckets");
    let mut nobody = record(PUBLIC_BUCKET);
    nobody["recipientAccountId"] = json!("12345");
    let lines = [
        &near_miss,
        &uninteresting,
        &json!({"no": "event"}),
        &nobody,
        &cut,
        &json!([1]),
    ];
    let mut bytes: Vec<u8> = Vec::new();
    for line in lines {
        bytes.extend(line.to_string().as_bytes());
        bytes.push(b'\n');
    }
    bytes.extend(b"{\"eventName\":\"\xff\"}\n");
    let place = Place::new();
    place.write("a.jsonl", bytes);
    let (code, out, err) = place.run(&["scan", "a.jsonl", "--format", "jsonl"]);
    assert_eq!((code, out.lines().count()), (1, 1), "{out}{err}");
    insta::assert_snapshot!(err);
}

#[test]
fn a_gap_alone_leaves_the_exit_code() {
    let mut cut = record(SHARED_BUCKET);
    cut["requestParameters"] = json!({"omitted": true});
    let place = Place::new();
    place.write("a.jsonl", cut.to_string());
    let (code, _, err) = place.run(&["scan", "a.jsonl", "--min-severity", "critical"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.ends_with("0 findings, 0 errors, 1 gap\n"), "{err}");
}

#[test]
fn events_are_chosen_by_account_region_and_time() {
    let place = Place::new();
    let event = |account: &str, region: &str, time: &str| {
        let mut record = record(PUBLIC_BUCKET);
        record["recipientAccountId"] = json!(account);
        record["awsRegion"] = json!(region);
        record["eventTime"] = json!(time);
        record
    };
    let events = [
        event("111122223333", "eu-west-1", "2026-05-03T23:59:59Z"),
        event("111122223333", "us-east-1", "2026-05-04T00:00:00Z"),
        event("444455556666", "eu-west-1", "2026-05-05T12:00:00Z"),
    ];
    place.write("a.json.gz", trail(&events));
    let cases: [(&[&str], usize); 8] = [
        (&[], 3),
        (&["--account", "111122223333"], 2),
        (&["--account", "111122223333,444455556666"], 3),
        (&["--region", "us-east-1"], 1),
        (&["--since", "2026-05-04"], 2),
        (&["--until", "2026-05-04"], 1),
        (
            &["--since", "2026-05-04", "--until", "2026-05-05T12:00:00Z"],
            1,
        ),
        (&["--account", "444455556666", "--region", "us-east-1"], 0),
    ];
    for (arguments, expected) in cases {
        let all = [&["scan", "a.json.gz", "--format", "jsonl"], arguments].concat();
        let (_, out, err) = place.run(&all);
        assert_eq!(out.lines().count(), expected, "{arguments:?}: {err}");
    }
}

#[test]
fn a_checkpoint_leaves_out_what_was_read() {
    let place = fixtures();
    let scan = ["scan", "logs", "--checkpoint", "c", "--format", "jsonl"];
    let (code, out, _) = place.run(&scan);
    assert_eq!((code, out.lines().count()), (3, 2));
    let (code, out, err) = place.run(&scan);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    let told = err.starts_with("0 events in 0 files") && err.ends_with("3 files done before\n");
    assert!(told, "{err}");
    // What is new, has changed, or could not be read is read; the rest is not.
    place.write("logs/2026/05/06/c.json", PUBLIC_BUCKET);
    place.write("logs/2026/05/07/new.json", PUBLIC_BUCKET);
    place.write("logs/2026/05/08/cut.json", "{\"Records\":[");
    let (code, out, err) = place.run(&scan);
    assert_eq!((code, out.lines().count()), (1, 2), "{err}");
    let (code, out, err) = place.run(&scan);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains("cut.json: JSON ends in the middle"), "{err}");
}

#[test]
fn a_checkpoint_of_another_scan_is_refused() {
    let place = fixtures();
    place.run(&["scan", "logs", "--checkpoint", "c"]);
    let scan = |arguments: &[&str]| {
        let all = [&["scan", "logs", "--checkpoint", "c"], arguments].concat();
        place.run(&all)
    };
    let (code, _, err) = scan(&["--since", "2026-01-01"]);
    assert!(code == 1 && err.contains("since=2026-01-01"), "{err}");
    place.write("d", "");
    let until = ["scan", "logs", "--checkpoint", "d", "--until", "1d"];
    assert_eq!(place.run(&until).0, 3);
    let (code, _, err) = place.run(&until);
    assert!(
        code == 1 && err.contains("this is `"),
        "an end that moved: {err}"
    );
    place.write("c", "{\"dial_checkpoint\": true}\n");
    let (code, _, err) = scan(&[]);
    assert!(
        code == 1 && err.contains("checkpoint c: line 1 is damaged"),
        "{err}"
    );
}

#[test]
fn many_problems_of_one_file_are_counted_not_listed() {
    let place = Place::new();
    place.write("a.jsonl", "{\"no\":1}\n".repeat(200));
    let (code, _, err) = place.run(&["scan", "a.jsonl"]);
    assert_eq!(code, 1);
    assert!(err.lines().count() < 30, "{err}");
    assert!(err.contains("more problems"), "{err}");
}

#[test]
fn the_order_does_not_depend_on_threads() {
    let place = Place::new();
    for n in 0..120 {
        let mut record = record(PUBLIC_BUCKET);
        record["eventID"] = json!(format!("event-{n}"));
        // Files of very different size, so that later ones end first.
        let records = vec![record; if n % 10 == 0 { 60 } else { 1 }];
        place.write(&format!("logs/{n:03}.json.gz"), trail(&records));
    }
    let scan = |threads: &str| {
        let (code, out, err) =
            place.run(&["scan", "logs", "--threads", threads, "--format", "csv"]);
        assert_eq!(code, 3, "{err}");
        out
    };
    let one = scan("1");
    assert_eq!(one.lines().count(), 1 + 12 * 60 + 108);
    assert_eq!(one, scan("4"));
}

#[test]
fn standard_input_is_read() {
    let place = Place::new();
    let lines = format!("{}\n{}\n", record(PUBLIC_BUCKET), record(SHARED_BUCKET));
    for input in [
        lines.clone().into_bytes(),
        gzip(lines.as_bytes()),
        PUBLIC_BUCKET.into(),
    ] {
        let output = place
            .dial(&["scan", "-"])
            .write_stdin(input)
            .output()
            .unwrap();
        let (code, out, err) = told(&output);
        assert_eq!((code, out.lines().count()), (3, 2), "{err}");
    }
}

#[test]
fn what_a_pipe_brings_is_told_while_it_is_open() {
    let place = Place::new();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_dial"))
        .args(["scan", "-", "--format", "jsonl"])
        .current_dir(place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut events = child.stdin.take().unwrap();
    let mut findings = BufReader::new(child.stdout.take().unwrap()).lines();
    for id in ["first", "second"] {
        let mut event = record(PUBLIC_BUCKET);
        event["eventID"] = id.into();
        writeln!(events, "{event}").unwrap();
        // Nothing more comes until this one is told.
        let finding: Value = serde_json::from_str(&findings.next().unwrap().unwrap()).unwrap();
        assert_eq!(finding["event"]["id"], id);
    }
    drop(events);
    assert!(findings.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    place.write(
        "a.jsonl",
        format!("{}\n", record(PUBLIC_BUCKET)).repeat(5_000),
    );
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_dial"))
        .args(["scan", "a.jsonl", "--format", "jsonl"])
        .current_dir(place.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let (code, _, err) = told(&child.wait_with_output().unwrap());
    assert_eq!((code, err.as_str()), (3, ""));
}

/// A call whose every free text tries to steer what shows it.
fn hostile(text: &str) -> Value {
    let mut record = record(PUBLIC_BUCKET);
    record["userAgent"] = json!(text);
    record["userIdentity"]["arn"] = json!(text);
    record["userIdentity"]["userName"] = json!(text);
    record["sourceIPAddress"] = json!(text);
    record
}

#[test]
fn no_text_of_an_event_steers_the_terminal() {
    let texts = [
        "\u{1b}[2J\u{1b}[1;31mCRITICAL",
        "\u{1b}]0;title\u{7}",
        "\u{9b}2J",
        "a\r\nHIGH      forged row",
        "\u{202e}gpj.exe\u{2066}",
        "\u{8}\u{8}\u{8}\u{7f}",
        "\u{1b}P+q\u{1b}\\",
    ];
    let place = Place::new();
    for text in texts {
        place.write("a.jsonl", hostile(text).to_string());
        for format in ["table", "jsonl", "csv"] {
            let (code, out, err) = place.run(&["scan", "a.jsonl", "--format", format]);
            assert_eq!(code, 3, "{err}");
            let active = |c: char| {
                (c.is_control() && c != '\n' && !(format == "csv" && c == '\r'))
                    || ('\u{202a}'..='\u{202e}').contains(&c)
                    || ('\u{2066}'..='\u{2069}').contains(&c)
            };
            assert!(!out.contains(active), "{format} {text:?}: {out:?}");
            if format != "csv" {
                let rows = if format == "table" { 2 } else { 1 };
                assert_eq!(out.lines().count(), rows, "{format} {text:?}: {out:?}");
            }
        }
    }
}

#[test]
fn no_text_of_an_event_is_a_formula() {
    let place = Place::new();
    for start in ["=", "+", "-", "@", "\t=", "\r="] {
        let text = format!("{start}HYPERLINK(\"http://x.example\",\"a\")");
        place.write("a.jsonl", hostile(&text).to_string());
        let (_, out, _) = place.run(&["scan", "a.jsonl", "--format", "csv"]);
        let mut reader = csv::Reader::from_reader(out.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 1);
        let active = |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        assert!(!rows[0].iter().any(active), "{start:?}: {:?}", rows[0]);
        assert!(
            rows[0].iter().any(|cell| cell.starts_with('\'')),
            "{:?}",
            rows[0]
        );
    }
}

#[test]
fn what_is_suppressed_is_counted_and_shown_on_request() {
    let place = Place::new();
    place.write("a.json", PUBLIC_BUCKET);
    let until = day(30);
    let suppression = format!(
        "[[worker.detect.suppressions]]\nrule = \"s3_bucket_policy_public\"\nresource = \"shop-*\"\nowner = \"team-web\"\nreason = \"behind the CDN\"\nexpires = \"{until}\"\n"
    );
    place.write("dial.toml", suppression);
    let (code, out, err) = place.run(&["scan", "a.json"]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(err.contains("0 findings, 1 suppressed, 0 errors"), "{err}");
    let (code, out, err) = place.run(&["scan", "a.json", "--suppressed"]);
    assert_eq!(code, 3, "{err}");
    let shown = format!("{out}{err}").replace(&until, "<until>   ");
    insta::assert_snapshot!("suppressed", shown);
    let (_, out, _) = place.run(&["scan", "a.json", "--suppressed", "--format", "jsonl"]);
    let finding: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(finding["suppressed"]["owner"], "team-web");
    place.write("dial.toml", "");
    let (code, out, err) = place.run(&["scan", "a.json", "--suppressed"]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(err.contains("0 suppressed findings, 1 told"), "{err}");
}

#[test]
fn rules_and_settings_of_the_operator_are_used() {
    let place = Place::new();
    place.write("a.json", PUBLIC_BUCKET);
    let settings = "[worker.detect]\nseverity = [{ rule = \"s3_bucket_policy_public\", severity = \"low\" }]\n";
    place.write("dial.toml", settings);
    let (_, out, err) = place.run(&["scan", "a.json"]);
    assert!(out.contains("\nLOW "), "{out}{err}");
    let output = place
        .dial(&["scan", "a.json"])
        .env("DIAL__WORKER__DETECT__KNOWN_ACCOUNTS", "[\"1\"]")
        .output()
        .unwrap();
    let (code, _, err) = told(&output);
    assert_eq!(code, 1);
    assert!(err.contains("worker.detect.known_accounts.0"), "{err}");
    place.write("other.toml", "[worker.detect]\nknown_acounts = []\n");
    let (code, _, err) = place.run(&["scan", "a.json", "--config", "other.toml"]);
    assert_eq!(code, 1);
    assert!(
        err.contains("other.toml:2") && err.contains("did you mean `known_accounts`"),
        "{err}"
    );
}

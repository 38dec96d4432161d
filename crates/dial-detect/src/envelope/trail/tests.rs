mod follow;

use super::*;
use crate::event::Event;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/envelopes");
    std::fs::read(folder.join(name)).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn record(n: usize) -> Value {
    json!({
        "eventName": format!("Event{n}"), "eventSource": "iam.amazonaws.com",
        "awsRegion": "us-east-1", "eventTime": "2026-05-01T10:00:00Z", "eventID": format!("{n}"),
        "recipientAccountId": "111122223333", "requestParameters": {"n": [n, {"text": "]}\"{["}]},
    })
}

fn records(n: usize) -> Vec<Value> {
    (0..n).map(record).collect()
}

/// What came out: ids of events, messages of malformed ones in brackets, and how it ended.
fn seen_with(
    bytes: &[u8],
    limits: &Limits,
    want: impl Fn(&Head<'_>) -> bool,
) -> (Vec<String>, Result<Counts, String>) {
    let mut seen = Vec::new();
    let result = scan(bytes, limits, want, |item: Item| {
        seen.push(match item {
            Ok(event) => event.id,
            Err(malformed) => format!("[{malformed}]"),
        });
    });
    (seen, result.map_err(|e| e.to_string()))
}

fn seen(bytes: &[u8]) -> (Vec<String>, Result<Counts, String>) {
    seen_with(bytes, &Limits::default(), |_| true)
}

fn ids(n: usize) -> Vec<String> {
    (0..n).map(|n| n.to_string()).collect()
}

#[test]
fn every_form_of_a_file_gives_the_same_records() {
    let list = Value::from(records(3));
    let pretty = serde_json::to_string_pretty(&json!({"Records": list})).unwrap();
    let lines: Vec<String> = records(3).iter().map(Value::to_string).collect();
    let envelope = |n| {
        json!({"detail-type": "AWS API Call via CloudTrail", "source": "aws.iam", "detail": record(n)}).to_string()
    };
    let forms = [
        ("delivery", json!({"Records": list}).to_string()),
        ("indented", pretty),
        (
            "byte order mark",
            format!("\u{feff}{}", json!({"Records": list})),
        ),
        (
            "other members",
            format!(r#"{{"a": {{"Records": [1]}}, "Records" : {list}, "z": [[1, "]"]]}}"#),
        ),
        ("escaped key", format!(r#"{{"\u0052ecords": {list}}}"#)),
        ("list", list.to_string()),
        ("lines", lines.join("\n")),
        (
            "lines of Windows",
            format!("{}\r\n", lines.join("\r\n\r\n")),
        ),
        ("not even lines", lines.concat()),
        (
            "envelopes",
            format!("{}\n{}\n{}\n", envelope(0), envelope(1), envelope(2)),
        ),
        (
            "lists on lines",
            format!("[{}]\n[{},{}]", record(0), record(1), record(2)),
        ),
        (
            "two deliveries",
            format!(
                "{}{}",
                json!({"Records": [record(0)]}),
                json!({"Records": [record(1), record(2)]})
            ),
        ),
    ];
    for (name, text) in forms {
        for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
            let (found, end) = seen(&bytes);
            assert_eq!(found, ids(3), "{name}");
            let counts = end.unwrap();
            assert_eq!(
                (counts.records, counts.wanted, counts.malformed),
                (3, 3, 0),
                "{name}"
            );
            assert_eq!(counts.bytes, bytes.len() as u64, "{name}");
            assert_eq!(counts.inflated, text.len() as u64, "{name}");
        }
    }
}

#[test]
fn only_what_is_wanted_is_built() {
    let text = json!({"Records": records(5)}).to_string();
    let want = |head: &Head<'_>| head.event_name.as_deref() == Some("Event3");
    let (found, end) = seen_with(text.as_bytes(), &Limits::default(), want);
    assert_eq!(found, ["3"]);
    let counts = end.unwrap();
    assert_eq!((counts.records, counts.wanted), (5, 1));
}

#[test]
fn a_scanned_event_is_the_event_that_read_gives() {
    let mut events: Vec<Item> = Vec::new();
    for name in ["trail.json", "trail.json.gz"] {
        events.clear();
        scan(
            fixture(name).as_slice(),
            &Limits::default(),
            |_| true,
            |item| events.push(item),
        )
        .unwrap();
        let good: Vec<Event> = events.iter().filter_map(|item| item.clone().ok()).collect();
        let Ok(crate::envelope::Input::Events(read)) =
            crate::envelope::read(&fixture("trail.json"))
        else {
            panic!("fixture is a list of events");
        };
        let read: Vec<Event> = read.into_iter().filter_map(Result::ok).collect();
        let heads = |events: &[Event]| {
            events
                .iter()
                .map(|e| (e.record.clone(), e.account.clone(), e.time))
                .collect::<Vec<_>>()
        };
        assert_eq!(heads(&good), heads(&read), "{name}");
    }
}

#[test]
fn one_bad_record_never_hides_its_neighbours() {
    let list = |middle: &str| format!(r#"{{"Records":[{},{middle},{}]}}"#, record(0), record(1));
    let lines = |middle: &str| format!("{}\n{middle}\n{}\n", record(0), record(1));
    let shape = "[shape is none of EventBridge, SQS, SNS, S3 notice, CloudTrail]";
    let cases = [
        ("no record", list("{}"), shape),
        ("a number", list("3"), shape),
        ("null", list("null"), shape),
        (
            "broken inside",
            list(r#"{"a": [1,, "]"]}"#),
            "[not readable as JSON: expected value at line 1 column 10]",
        ),
        (
            "control character",
            list("{\"a\": \"\n\"}"),
            "[not readable as JSON: control character (\\u0000-\\u001F) found while parsing a string at line 1 column 7]",
        ),
        (
            "deep",
            list(
                &record(7)
                    .to_string()
                    .replace("\"7\"", &("[".repeat(64) + &"]".repeat(64))),
            ),
            "[nested deeper than 64 levels]",
        ),
        (
            "twice",
            list(r#"{"eventName":"A","eventName":"B"}"#),
            "[`eventName` stands there twice]",
        ),
        (
            "line cut off",
            lines(r#"{"eventName": "A", "x": {"y": "#),
            "[not readable as JSON: EOF while parsing an object at line 3 column 0]",
        ),
        (
            "line cut off in a string",
            lines(r#"{"eventName": "A"#),
            "[not readable as JSON: control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0]",
        ),
        ("a line of text", lines("starting up"), shape),
        ("no shape", lines("{\"level\":\"info\"}"), shape),
    ];
    for (name, text, expected) in cases {
        let (found, end) = seen(text.as_bytes());
        assert_eq!(found, ["0", expected, "1"], "{name}");
        let counts = end.unwrap();
        assert_eq!((counts.records, counts.malformed), (3, 1), "{name}");
    }
    let (found, end) = seen(format!("starting up\n{}\n", record(0)).as_bytes());
    assert_eq!((&*found[0], &*found[1], end.is_ok()), (shape, "0", true));
    let mut bytes = list(&record(7).to_string().replace("text", "t@xt")).into_bytes();
    let at = bytes.iter().position(|b| *b == b'@').unwrap();
    bytes[at] = 0xff;
    assert!(seen(&bytes).0[1].starts_with("[not UTF-8 at byte "));
    bytes[at] = b'e';
    assert_eq!(seen(&bytes).0[1], "7");
}

#[test]
fn a_lone_surrogate_does_not_hide_an_event() {
    for place in ["\"eventName\":\"Event1", "\"text\":\""] {
        let text = json!({"Records": records(3)}).to_string();
        let text = text.replace(place, &format!("{place}\\ud83d"));
        assert_eq!(seen(text.as_bytes()).0, ids(3), "{place}");
    }
    assert_eq!(seen(&fixture("lines.jsonl")).0.len(), 6);
}

#[test]
fn a_file_that_ends_too_early_says_so_after_its_records() {
    let text = json!({"Records": records(3)}).to_string();
    let cut = text.len() - 20;
    let (found, end) = seen(&text.as_bytes()[..cut]);
    assert_eq!(found[..2], ids(2)[..]);
    assert!(
        found[2].starts_with("[not readable as JSON: EOF"),
        "{found:?}"
    );
    assert_eq!(
        end.unwrap_err(),
        "JSON ends in the middle (after 3 records)"
    );
    for cut in [text.len() - 1, text.len() - 2] {
        let (found, end) = seen(&text.as_bytes()[..cut]);
        assert_eq!((found, end.is_err()), (ids(3), true));
    }
}

#[test]
fn what_is_no_trail_is_an_error() {
    let cases: [(&str, &[u8], &str); 7] = [
        ("nothing", b"", "holds no records (after 0 records)"),
        ("blank", b" \n\n", "holds no records (after 0 records)"),
        ("text", b"hello", "holds no records (after 0 records)"),
        (
            "binary",
            b"\x7fELF\x02\x01\x01\0{",
            "holds no records (after 0 records)",
        ),
        (
            "magic only",
            b"\x1f\x8b",
            "gzip data is corrupt or truncated: ",
        ),
        (
            "broken around",
            b"{\"Records\":[],,\"a\" 3 x}",
            "JSON is broken around",
        ),
        ("only the start", b"{\"Records\"", "JSON ends in the middle"),
    ];
    for (name, bytes, expected) in cases {
        let (found, end) = seen(bytes);
        let error = end.unwrap_err();
        assert!(
            found.is_empty() && error.starts_with(expected),
            "{name}: {error}"
        );
    }
    assert_eq!(seen(b"{\"Records\":[]}").1.unwrap().records, 0);
}

#[test]
fn damaged_gzip_is_an_error_after_what_could_be_read() {
    let text = json!({"Records": records(2_000)}).to_string();
    let packed = gzip(text.as_bytes());
    for cut in [packed.len() / 2, packed.len() - 1, packed.len() - 8] {
        let (found, end) = seen(&packed[..cut]);
        assert!(found.len() > 500, "{cut}: {}", found.len());
        assert!(
            end.unwrap_err()
                .starts_with("gzip data is corrupt or truncated"),
            "{cut}"
        );
    }
    let mut damaged = packed.clone();
    let crc = damaged.len() - 6;
    damaged[crc] ^= 1;
    assert!(
        seen(&damaged)
            .1
            .unwrap_err()
            .starts_with("gzip data is corrupt")
    );
}

#[test]
fn all_members_of_a_gzip_file_are_read() {
    let part = |n| gzip(format!("{}\n", record(n)).as_bytes());
    let (found, end) = seen(&[part(0), part(1), part(2)].concat());
    assert_eq!((found, end.unwrap().records), (ids(3), 3));
    let (found, _) = seen(&[part(0), part(0), part(0)].concat());
    assert_eq!(found, ["0", "0", "0"]);
}

#[test]
fn bombs_and_floods_stop_at_their_caps() {
    let blanks = vec![b' '; 20 << 20];
    let bomb = gzip(&[b"{\"Records\":[".as_slice(), &blanks, b"]}"].concat());
    let limits = Limits::default();
    assert_eq!(
        seen_with(&bomb, &limits, |_| true).1.unwrap_err(),
        "inflates to more than 200 times its size (after 0 records)"
    );
    let small = Limits {
        inflated: 1_000,
        ..Limits::default()
    };
    let text = json!({"Records": records(100)}).to_string();
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let (_, end) = seen_with(&bytes, &small, |_| true);
        assert!(
            end.unwrap_err()
                .starts_with("inflated data is larger than 1000 bytes")
        );
    }
    let few = Limits {
        records: 7,
        ..Limits::default()
    };
    let (found, end) = seen_with(text.as_bytes(), &few, |_| true);
    assert_eq!(
        (found, end.unwrap_err()),
        (ids(7), "more than 7 records (after 7 records)".into())
    );
    let broken = "{\"a\" 1}\n".repeat(5_000);
    assert!(
        seen(broken.as_bytes())
            .1
            .unwrap_err()
            .starts_with("JSON is broken")
    );
}

#[test]
fn files_larger_than_the_memory_for_them_stream() {
    let padded = |n| {
        let mut record = record(n);
        record["padding"] = json!("x".repeat(30_000));
        record
    };
    let list: Vec<Value> = (0..300).map(padded).collect();
    let lines: String = list
        .iter()
        .fold(String::new(), |text, record| text + &format!("{record}\n"));
    assert!(lines.len() > 8 << 20);
    let ratio = Limits {
        ratio: 2_000,
        ..Limits::default()
    };
    for text in [lines, json!({"Records": list}).to_string()] {
        for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
            let (found, end) = seen_with(&bytes, &ratio, |_| true);
            assert_eq!(found, ids(300));
            assert_eq!(end.unwrap().inflated, text.len() as u64);
        }
    }
}

#[test]
fn an_oversized_record_is_passed_over_in_a_stream() {
    let large = record(1)
        .to_string()
        .replace("]}\\\"{[", &"]}\\\"{[".repeat(900_000));
    assert!(large.len() > 5 << 20);
    for text in [
        format!("{}\n{large}\n{}\n", record(0), record(2)),
        format!("{{\"Records\":[{},{large},{}]}}", record(0), record(2)),
    ] {
        let (found, end) = seen(text.as_bytes());
        assert_eq!(found.len(), 3);
        assert_eq!((&*found[0], &*found[2]), ("0", "2"));
        assert!(found[1].contains("bytes are too many"), "{}", found[1]);
        assert_eq!(end.unwrap().malformed, 1);
    }
}

#[test]
fn a_source_that_fails_is_named() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk is gone"))
        }
    }
    let limits = Limits::default();
    let error = scan(Fails, &limits, |_| true, |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not be read: disk is gone (after 0 records)"
    );
}

/// Feeds a walker piece by piece, as a stream would.
fn walked(bytes: &[u8], piece: usize) -> (Vec<String>, bool) {
    let mut seen = Vec::new();
    let want = |_: &Head<'_>| true;
    let mut each = |item: Item| {
        seen.push(match item {
            Ok(event) => event.id,
            Err(malformed) => format!("[{}]", malformed.bytes.len()),
        });
    };
    let mut walker = Walker::new(1_000, &want, &mut each);
    let (mut at, mut end, mut result) = (0, 0, Ok(()));
    while result.is_ok() && (at < bytes.len() || end < bytes.len()) {
        let is_last = end + piece >= bytes.len();
        end = (end + piece).min(bytes.len());
        result = walker
            .feed(&bytes[at..end], is_last)
            .map(|taken| at += taken);
        if is_last {
            break;
        }
    }
    let is_whole = result.is_ok() && walker.finish().is_ok();
    (seen, is_whole)
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = seen(&bytes);
        let _ = seen(&gzip(&bytes));
    }

    #[test]
    fn any_brackets_give_an_answer(text in "[\\[\\]{},:\"\\\\a1 \n]{0,80}") {
        let _ = seen(text.as_bytes());
        let _ = seen(format!("{{\"Records\":[{text}").as_bytes());
    }

    #[test]
    fn pieces_give_what_the_whole_gives(piece in 1_usize..700, form in 0_u8..3, count in 0_usize..6) {
        let text = match form {
            0 => json!({"Records": records(count)}).to_string(),
            1 => Value::from(records(count)).to_string(),
            _ => records(count).iter().fold(String::new(), |text, record| text + &format!("{record}\n")),
        };
        let whole = walked(text.as_bytes(), text.len().max(1));
        prop_assert_eq!(&whole.0, &ids(count));
        prop_assert_eq!(walked(text.as_bytes(), piece), whole);
    }

    #[test]
    fn damage_hides_no_other_line(at in 0_usize..4_000, byte: u8, piece in 1_usize..900) {
        let lines: Vec<String> = records(6).iter().map(Value::to_string).collect();
        let mut bytes = lines.join("\n").into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let hit = bytes[..at].split(|b| *b == b'\n').count() - 1;
        let found = walked(&bytes, bytes.len()).0;
        for n in (0..6).filter(|n| *n != hit && *n != hit + 1) {
            prop_assert!(found.contains(&n.to_string()), "{} is missing in {:?}", n, found);
        }
        let _ = walked(&bytes, piece);
    }
}

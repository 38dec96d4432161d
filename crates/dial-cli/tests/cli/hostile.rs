//! Hostile text on its way to a terminal: whatever a master or a trail says, no escape sequence,
//! control, bidirectional mark or line break of it gets through.
//!
//! The master is one that lies in every text of every answer.

use crate::place::{PUBLIC_BUCKET, Place, record, told, trail};
use dial_master::message::text::is_active;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Stands wherever text of others stands.
const TEXT: &str = "¤";
const AT: &str = "2026-05-04T02:19:33Z";
const ID: &str = "f-aaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The strings of the corpus, and some that only a terminal fears.
fn strings() -> Vec<String> {
    let corpus = include_str!("../../../../tests/injection/strings.json");
    let groups: BTreeMap<String, Vec<String>> = serde_json::from_str(corpus).unwrap();
    let more = [
        "\u{9b}2J",
        "\u{90}q\u{9c}",
        "a\u{8}\u{8}b",
        "\u{1b}[1A\u{1b}[2Kforged",
        "ok\nCRITICAL  forged",
        "\u{2028}forged\u{2029}",
        "\u{1b}[38;2;1;2;3m",
    ];
    let strings = groups.into_values().flatten();
    let all: Vec<String> = strings.chain(more.map(str::to_owned)).collect();
    assert!(all.len() >= 300, "{}", all.len());
    all
}

/// Puts the next string wherever one stands; the keys of a map stay different.
fn fill(value: &mut Value, next: &mut dyn FnMut() -> String) {
    match value {
        Value::String(text) if text == TEXT => *text = next(),
        Value::Array(list) => list.iter_mut().for_each(|one| fill(one, next)),
        Value::Object(map) => {
            if map.remove(TEXT).is_some() {
                map.insert(next(), 1.into());
            }
            map.values_mut().for_each(|one| fill(one, next));
        }
        _ => {}
    }
}

/// One row for each string, every text of it that string.
fn rows(row: &Value, strings: &[String]) -> Value {
    let filled = strings.iter().map(|text| {
        let mut row = row.clone();
        fill(&mut row, &mut || text.clone());
        row
    });
    filled.collect()
}

fn summary() -> Value {
    json!({
        "id": ID, "severity": "critical", "title": TEXT, "status": "open", "assignee": TEXT,
        "rule": {"id": TEXT, "name": TEXT, "title": TEXT, "version": TEXT},
        "account": {"id": TEXT, "name": TEXT}, "region": TEXT, "service": TEXT,
        "attack": [TEXT], "time": AT, "detected_at": AT, "principal": TEXT, "resource": TEXT,
        "source_ip": TEXT,
    })
}

fn delivery() -> Value {
    json!({
        "finding": ID, "sink": TEXT, "state": "failed", "attempts": 3, "due_at": AT,
        "received_at": AT, "since": AT, "last_error": TEXT, "suppressed_by": TEXT,
    })
}

fn triage(status: &str) -> Value {
    json!({"status": status, "assignee": TEXT, "revision": 2})
}

fn detail() -> Value {
    let resource = json!({"type": TEXT, "arn": TEXT, "name": TEXT});
    json!({
        "finding": {
            "id": ID, "severity": "critical", "title": TEXT, "explanation": TEXT,
            "rule": {"id": TEXT, "name": TEXT, "title": TEXT, "version": TEXT},
            "severity_changes": [{"from": "low", "to": "high", "reason": TEXT}],
            "matched": [{"selection": TEXT, "field": TEXT, "value": TEXT}],
            "account": {"id": TEXT, "name": TEXT}, "region": TEXT, "time": AT, "detected_at": AT,
            "event": {"id": TEXT, "source": TEXT, "name": TEXT, "kind": TEXT, "error_code": TEXT},
            "principal": {
                "type": TEXT, "arn": TEXT, "name": TEXT, "account": TEXT, "access_key_id": TEXT,
                "session_issuer": TEXT,
            },
            "source": {
                "ip": TEXT, "user_agent": TEXT, "geo": {"country": TEXT, "city": TEXT},
                "asn": {"number": 1, "org": TEXT}, "reputation": [{"list": TEXT, "category": TEXT}],
            },
            "resources": [resource.clone(), resource], "facts": {"a": {"b": TEXT}, "c": [TEXT]},
            "attack": [TEXT, TEXT], "references": [TEXT], "incomplete": [TEXT],
            "record": {"userAgent": TEXT},
            "worker": {"account": TEXT, "region": TEXT, "version": TEXT, "rules": TEXT},
        },
        "status": "acknowledged", "assignee": TEXT, "revision": 2, "received_at": AT,
        "expires_at": AT, "deliveries": [delivery()],
        "audit": [{
            "at": AT, "who": TEXT, "door": TEXT, "action": TEXT, "comment": TEXT,
            "before": triage("open"), "after": triage("acknowledged"),
        }],
    })
}

fn worker() -> Value {
    json!({
        "worker": TEXT, "first_at": AT, "last_at": AT, "rules_since": AT, "clock_ahead": 0,
        "totals": {"events": 1}, "silent_seconds": 1, "health": "ok",
        "heartbeat": {
            "worker": {"account": TEXT, "region": TEXT, "version": TEXT, "rules": TEXT},
            "sent_at": AT, "patterns": TEXT,
        },
    })
}

fn silence() -> Value {
    json!({
        "id": TEXT, "matchers": [TEXT, TEXT], "owner": TEXT, "reason": TEXT, "created_by": TEXT,
        "created_at": AT, "ends_at": AT, "ended_by": TEXT,
    })
}

fn token() -> Value {
    json!({
        "id": TEXT, "name": TEXT, "scope": "admin", "hint": TEXT, "created_at": AT,
        "created_by": TEXT, "expires_at": AT, "revoked_at": AT, "revoked_by": TEXT,
    })
}

fn fate() -> Value {
    json!({
        "sink": TEXT, "told": true, "why": TEXT, "terms": TEXT, "group": [[TEXT, TEXT]],
        "delivery": TEXT,
    })
}

fn stats() -> Value {
    json!({
        "from": "2026-05-01", "to": "2026-05-02", "findings": 1, "suppressed": 0,
        "by_severity": {TEXT: 1}, "by_status": {TEXT: 1}, "by_account": {TEXT: 1},
        "by_rule": {TEXT: 1}, "by_service": {TEXT: 1}, "by_region": {TEXT: 1},
        "oldest_open": summary(), "time_to_detect": {"of": 0},
        "time_to_acknowledge": {"of": 0}, "by": "day", "over": "rule", "largest": [TEXT],
        "series": [{"at": AT, "findings": 1, "by_severity": {}, "by_name": {TEXT: 1}}],
    })
}

fn preview() -> Value {
    json!({
        "since": AT, "looked_at": 9, "fit": 1, "by_rule": {TEXT: 1}, "examples": [summary()],
        "refusal": TEXT,
    })
}

/// What a master says to every path when each of its texts is one of these.
struct Lies {
    answers: BTreeMap<&'static str, String>,
}

impl Lies {
    fn of(strings: &[String]) -> Self {
        let mut turn = strings.iter().cycle();
        let mut once = |mut value: Value| {
            fill(&mut value, &mut || turn.next().unwrap().clone());
            value
        };
        let look = json!({"route": TEXT, "depth": 1, "misfit": TEXT, "sinks": [TEXT]});
        let answers = [
            (
                "/v1/findings?",
                json!({"findings": rows(&summary(), strings)}),
            ),
            ("/v1/findings/", once(detail())),
            (
                "/v1/deliveries",
                json!({"deliveries": rows(&delivery(), strings), "more": false}),
            ),
            (
                "/v1/workers",
                json!({"workers": rows(&worker(), strings), "silent_after_seconds": 1}),
            ),
            (
                "/v1/silences?",
                json!({"silences": rows(&silence(), strings)}),
            ),
            ("/v1/silences/preview", once(preview())),
            ("/v1/tokens", json!({"tokens": rows(&token(), strings)})),
            (
                "/v1/routes/",
                json!({
                    "finding": ID, "complete": true, "looks": rows(&look, strings),
                    "sinks": rows(&fate(), strings),
                }),
            ),
            ("/v1/stats", once(stats())),
        ];
        let answers = answers.map(|(path, answer)| (path, answer.to_string()));
        Self {
            answers: answers.into(),
        }
    }

    /// Serves them on loopback until the process ends; the address.
    fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lies = Arc::new(self);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let lies = Arc::clone(&lies);
                std::thread::spawn(move || lies.answer(client));
            }
        });
        url
    }

    fn answer(&self, mut client: TcpStream) {
        let mut reader = BufReader::new(client.try_clone().unwrap());
        let (mut head, mut length) = (String::new(), 0);
        reader.read_line(&mut head).unwrap();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let path = if path.contains('?') {
            path.to_owned()
        } else {
            format!("{path}?")
        };
        let found = self
            .answers
            .iter()
            .rev()
            .find(|(start, _)| path.starts_with(**start));
        let (status, body) = match found {
            Some((_, body)) => ("200 OK", body.as_str()),
            None => ("404 Not Found", "{}"),
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        // Whoever has heard enough hangs up.
        let _ = client.write_all(head.as_bytes());
    }
}

/// Every command that prints what a master says.
const COMMANDS: [&[&str]; 16] = [
    &["findings", "list", "--all"],
    &["findings", "list", "--all", "--suppressed"],
    &["findings", "list", "--all", "--format", "jsonl"],
    &["findings", "list", "--all", "--format", "csv"],
    &["findings", "show", ID],
    &["findings", "show", ID, "--format", "json"],
    &["deliveries", "list", "--all"],
    &["deliveries", "list", "--all", "--format", "json"],
    &["workers"],
    &["workers", "--format", "json"],
    &["silences", "list"],
    &["silences", "preview", "rule=x"],
    &["tokens", "list"],
    &["routes", "test", ID],
    &["stats"],
    &["stats", "--format", "json"],
];

/// What `dial` says with colours on, to standard output and to standard error.
fn says(place: &Place, url: &str, command: &[&str]) -> (i32, String, String) {
    let words = [&["--color", "always"], command].concat();
    let mut dial = place.dial(&words);
    dial.env("DIAL_URL", url)
        .env("DIAL_TOKEN", "token-of-the-tests-0123456789");
    told(&dial.output().unwrap())
}

/// Our own styles: bold, dim, colours, and their end.
fn styles(text: &str) -> BTreeSet<&str> {
    let starts = text.match_indices("\u{1b}[").map(|(at, _)| &text[at..]);
    let whole = starts.filter_map(|rest| Some(&rest[..=rest.find('m')?]));
    whole.collect()
}

/// The first active character that is neither a line break nor part of one of these styles; a
/// sheet's cells, which stand in quotation marks, keep theirs.
fn alive(text: &str, sheet: bool, styles: &BTreeSet<&str>) -> Option<String> {
    let mut plain = text.to_owned();
    for style in styles {
        plain = plain.replace(style, "");
    }
    let at = plain.find(|c: char| is_active(c) && c != '\n' && !(sheet && "\r\t".contains(c)))?;
    Some(
        plain[at..]
            .chars()
            .take(40)
            .collect::<String>()
            .escape_debug()
            .to_string(),
    )
}

#[test]
fn nothing_that_a_master_says_steers_the_terminal() {
    let place = Place::new();
    let strings = strings();
    let plain: Vec<String> = (0..strings.len()).map(|n| format!("plain-{n}")).collect();
    let honest = Lies::of(&plain).serve();
    // Answers that hold each text once are asked for until every string had its turn.
    let turns: Vec<String> = (0..8)
        .map(|turn| {
            let mut turned = strings.clone();
            turned.rotate_left(turn * strings.len() / 8);
            Lies::of(&turned).serve()
        })
        .collect();
    for command in COMMANDS {
        let (code, expected, err) = says(&place, &honest, command);
        assert!([0, 3].contains(&code), "{command:?}: {err}");
        let styles: BTreeSet<&str> = styles(&expected).union(&styles(&err)).copied().collect();
        assert!(expected.contains("plain-"), "{command:?}: {expected}");
        let sheet = command.contains(&"csv");
        let single = expected.matches("plain-").count() < strings.len();
        for url in turns.iter().take(if single { 8 } else { 1 }) {
            let (again, out, err) = says(&place, url, command);
            assert_eq!(again, code, "{command:?}: {err}");
            for text in [&out, &err] {
                assert_eq!(alive(text, sheet, &styles), None, "{command:?}");
            }
            // A finding's page is wrapped; everything else has a line where it had one.
            if command.get(1) != Some(&"show") && !sheet {
                let lines = expected.lines().count();
                assert_eq!(out.lines().count(), lines, "{command:?}: a line was forged");
            }
        }
    }
}

/// A section starts with our word or goes on below it.
#[test]
fn no_value_of_a_finding_poses_as_a_section_of_its_own() {
    let place = Place::new();
    let (_, honest, _) = says(
        &place,
        &Lies::of(&["plain".to_owned()]).serve(),
        COMMANDS[4],
    );
    let label = |line: &str| line.chars().take(11).collect::<String>();
    let shown = |out: &str| {
        let text = anstream::adapter::strip_str(out).to_string();
        let lines = text.lines().skip(3).map(label);
        lines.collect::<BTreeSet<String>>()
    };
    let labels = shown(&honest);
    assert!(labels.len() > 10, "{labels:?}");
    for texts in strings().chunks(20) {
        let forge = |text: &String| format!("{text}\nHistory    all is well\r\nDelivery   sent");
        let forged: Vec<String> = texts.iter().map(forge).collect();
        let (_, out, _) = says(&place, &Lies::of(&forged).serve(), COMMANDS[4]);
        let foreign: Vec<String> = shown(&out).difference(&labels).cloned().collect();
        assert!(foreign.is_empty(), "{texts:?}: {foreign:?}");
    }
}

#[test]
fn nothing_in_a_trail_steers_the_terminal_of_a_scan() {
    let place = Place::new();
    let strings = strings();
    let events = strings.iter().enumerate().map(|(number, text)| {
        let mut event = record(PUBLIC_BUCKET);
        event["eventID"] = format!("{number} {text}").into();
        for place in [
            "/userAgent",
            "/sourceIPAddress",
            "/userIdentity/arn",
            "/userIdentity/principalId",
            "/userIdentity/userName",
            "/requestParameters/bucketName",
        ] {
            if let Some(value) = event.pointer_mut(place) {
                *value = text.as_str().into();
            }
        }
        // A region that cannot be one makes the record a problem, which is told too.
        if number.is_multiple_of(4) {
            event["awsRegion"] = text.as_str().into();
        }
        event
    });
    place.write("trail.json.gz", trail(&events.collect::<Vec<_>>()));
    let plain = place.run(&["--color", "always", "scan", "trail.json.gz"]).1;
    let ours: BTreeSet<&str> = [
        "\u{1b}[0m",
        "\u{1b}[1m",
        "\u{1b}[2m",
        "\u{1b}[31m",
        "\u{1b}[1m\u{1b}[31m",
    ]
    .into_iter()
    .chain(["\u{1b}[33m", "\u{1b}[34m", "\u{1b}[36m", "\u{1b}[32m"])
    .collect();
    let rows = plain.lines().count();
    assert!(rows > strings.len() / 2, "{plain}");
    for format in ["table", "jsonl", "csv", "ocsf"] {
        let words = [
            "--color",
            "always",
            "scan",
            "trail.json.gz",
            "--format",
            format,
        ];
        let (code, out, err) = place.run(&words);
        assert_eq!(code, 1, "the problems are told: {err}");
        assert!(err.contains("is no region"), "{err}");
        // Below its heading a table has a line for each finding, as JSON Lines have.
        if format != "csv" {
            let lines = out.lines().count() + usize::from(format != "table");
            assert_eq!(lines, rows, "{format}: a line was forged");
        }
        for text in [&out, &err] {
            assert_eq!(alive(text, format == "csv", &ours), None, "{format}");
        }
    }
}

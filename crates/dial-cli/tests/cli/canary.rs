//! `dial canary` against `dial serve` and a sink: what arrives, what is refused, and what is missing.

use crate::master::serving;
use crate::place::{Place, told};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

const TOKEN: &str = "token-of-the-tests-0123456789";
const KEY: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const ACCOUNT: &str = "111122223333";

/// A sink that answers everything with one status, and keeps what came.
struct Sink {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    fn answering(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let text = request(&mut stream);
                kept.lock().unwrap().push(text);
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { port, seen }
    }
}

/// Head and body, as long as the head says.
fn request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let length = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let head = head.to_lowercase();
            let length = head.split("content-length: ").nth(1).unwrap_or("0");
            let length = length.lines().next().unwrap_or("0").trim();
            body.len() >= length.parse().unwrap_or(0)
        });
        if whole || length == 0 {
            return text;
        }
    }
}

struct Master {
    place: Place,
    process: Child,
    url: String,
}

impl Master {
    fn with(sink: &Sink) -> Self {
        let place = Place::new();
        place.write("root.key", KEY);
        place.write(
            "secret",
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        );
        place.write(
            "dial.toml",
            format!(
                "[master]\nlisten = \"127.0.0.1:0\"\nstore = \"sqlite:dial.db\"\nbucket = \"bucket\"\n\
                 root_keys = {{ 1 = \"file:root.key\" }}\ndangerous_allow_private_sinks = true\n\n\
                 [[master.tokens]]\nname = \"tests\"\nsecret = \"env:DIAL_TEST_TOKEN\"\nscope = \"analyst\"\n\n\
                 [master.sinks.hook]\ntype = \"webhook\"\nurl = \"http://127.0.0.1:{}/in\"\nsecret = \"file:secret\"\n",
                sink.port
            ),
        );
        let mut process = Command::new(env!("CARGO_BIN_EXE_dial"))
            .arg("serve")
            .current_dir(place.path())
            .env("DIAL_TEST_TOKEN", TOKEN)
            .env_remove("DIAL_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let url = serving(&mut process);
        Self {
            place,
            process,
            url,
        }
    }

    fn canary(&self, more: &[&str]) -> (i32, String, String) {
        let mut arguments = vec!["canary", "--account", ACCOUNT, "--send", &self.url];
        arguments.extend(["--root-key-file", "root.key"]);
        arguments.extend(more);
        let mut command = self.place.dial(&arguments);
        command.env("DIAL_URL", &self.url).env("DIAL_TOKEN", TOKEN);
        told(&command.output().unwrap())
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_canary_is_stored_told_and_resolved() {
    let sink = Sink::answering("200 OK");
    let master = Master::with(&sink);
    let (code, out, err) = master.canary(&["--timeout", "60s", "--resolve", "--json"]);
    assert_eq!(code, 0, "{out}{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let name = report["name"].as_str().unwrap();
    assert_eq!(report["good"], true);
    assert_eq!(report["resolved"], true);
    assert_eq!(report["sinks"][0]["sink"], "hook");
    assert_eq!(report["sinks"][0]["state"], "sent");
    assert!(report["stored_seconds"].as_f64().unwrap() >= 0.0);
    assert!(report["told_seconds"].as_f64() >= report["stored_seconds"].as_f64());
    assert!(
        report["leaves_out"]
            .as_str()
            .unwrap()
            .contains("CloudTrail")
    );
    let seen = sink.seen.lock().unwrap();
    assert!(
        seen.iter().any(|body| body.contains(name)),
        "the alert shows {name}"
    );
    drop(seen);

    let id = report["finding"].as_str().unwrap();
    let mut show = master
        .place
        .dial(&["findings", "show", id, "--format", "json"]);
    show.env("DIAL_URL", &master.url).env("DIAL_TOKEN", TOKEN);
    let (_, shown, _) = told(&show.output().unwrap());
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["status"], "resolved");
    assert_eq!(shown["finding"]["rule"]["name"], "own_event_rule_changed");

    // As `--call` finds it, which does not know the id.
    let rule = ["--rule", "own_event_rule_changed", "--format", "jsonl"];
    let mut list = master
        .place
        .dial(&[&["findings", "list"], &rule[..]].concat());
    list.env("DIAL_URL", &master.url).env("DIAL_TOKEN", TOKEN);
    let (_, listed, _) = told(&list.output().unwrap());
    let line: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert!(line["resource"].as_str().unwrap().ends_with(name), "{line}");
}

#[test]
fn a_sink_that_refuses_is_named() {
    let sink = Sink::answering("403 Forbidden");
    let master = Master::with(&sink);
    let (code, out, err) = master.canary(&["--timeout", "60s"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("hook") && out.contains("failed"), "{out}");
    assert!(err.contains("sink hook refused it"), "{err}");
}

#[test]
fn what_stands_in_the_way_is_said() {
    let sink = Sink::answering("200 OK");
    let master = Master::with(&sink);
    let place = &master.place;
    place.write(
        "other.key",
        "whsec_CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=",
    );
    place.write("own.toml", "[worker.detect.own]\nprefix = \"acme-\"\n");
    let cases: [(&[&str], &str); 4] = [
        (
            &[
                "--root-key-file",
                "other.key",
                "--send",
                &master.url,
                "--account",
                ACCOUNT,
            ],
            "did not take it",
        ),
        (
            &[
                "--root-key-file",
                "root.key",
                "--send",
                &master.url,
                "--account",
                ACCOUNT,
                "--config",
                "own.toml",
            ],
            "own.prefix",
        ),
        (&["--config", "own.toml"], "--send"),
        (
            &[
                "--root-key-file",
                "root.key",
                "--send",
                "http://127.0.0.1:9",
                "--account",
                ACCOUNT,
            ],
            "did not take it",
        ),
    ];
    for (arguments, expected) in cases {
        let mut all = vec!["canary"];
        all.extend(arguments);
        let mut command = place.dial(&all);
        command
            .env("DIAL_URL", &master.url)
            .env("DIAL_TOKEN", TOKEN);
        let (code, out, err) = told(&command.output().unwrap());
        assert_eq!(code, 1, "{arguments:?}: {out}{err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
    }
}

#[test]
fn a_call_whose_event_never_comes_says_where_to_look() {
    let Ok(aws) = std::env::var("DIAL_TEST_AWS") else {
        eprintln!("skipped: DIAL_TEST_AWS is not set");
        return;
    };
    let sink = Sink::answering("200 OK");
    let master = Master::with(&sink);
    let mut command = master
        .place
        .dial(&["canary", "--call", "--timeout", "1s", "--json"]);
    command
        .env("DIAL_URL", &master.url)
        .env("DIAL_TOKEN", TOKEN)
        .env("AWS_ENDPOINT_URL", &aws)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "testtest")
        .env("AWS_REGION", "us-east-1");
    let (code, out, err) = told(&command.output().unwrap());
    assert_eq!(code, 1, "{out}{err}");
    assert!(!out.is_empty(), "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["finding"], Value::Null);
    assert!(
        report["problems"][0]
            .as_str()
            .unwrap()
            .contains("dial doctor"),
        "{out}"
    );
}

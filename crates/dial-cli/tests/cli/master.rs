//! Commands that talk to a master, against `dial serve` as a process of its own.

use crate::place::{PUBLIC_BUCKET, Place, SHARED_BUCKET, day, record, told};
use dial_core::dead_letter::{DeadLetter, Stage};
use dial_core::wire::{Batch, WorkerInfo};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const TOKEN: &str = "token-of-the-tests-0123456789";
const KEY: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
pub(crate) const CONFIG: &str = "\
[master]
listen = \"127.0.0.1:0\"
store = \"sqlite:dial.db\"
bucket = \"bucket\"
root_keys = { 1 = \"file:root.key\" }

[[master.tokens]]
name = \"tests\"
secret = \"env:DIAL_TEST_TOKEN\"
scope = \"analyst\"
";

/// `dial serve` in a place, ended with the test.
pub(crate) struct Master {
    pub(crate) place: Place,
    process: Child,
    url: String,
}

impl Master {
    fn start() -> Self {
        Self::start_with(CONFIG, &[])
    }

    /// With this configuration, and files beside it.
    pub(crate) fn start_with(config: &str, files: &[(&str, &str)]) -> Self {
        let place = Place::new();
        place.write("root.key", KEY);
        place.write("dial.toml", config);
        for (name, text) in files {
            place.write(name, text);
        }
        place.write("a.json", PUBLIC_BUCKET);
        let (process, url) = serve(&place);
        Self {
            place,
            process,
            url,
        }
    }

    /// Ends it, and starts it again with this configuration.
    pub(crate) fn restart(&mut self, config: &str) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.place.write("dial.toml", config);
        (self.process, self.url) = serve(&self.place);
    }

    /// Base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn dial(&self, arguments: &[&str]) -> (i32, String, String) {
        self.dial_as(TOKEN, arguments)
    }

    fn dial_as(&self, token: &str, arguments: &[&str]) -> (i32, String, String) {
        self.dial_with(token, arguments, "")
    }

    /// The same, with something on standard input.
    pub(crate) fn dial_reading(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        self.dial_with(TOKEN, arguments, input)
    }

    fn dial_with(&self, token: &str, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut command = self.place.dial(arguments);
        command.env("DIAL_URL", &self.url).env("DIAL_TOKEN", token);
        told(&command.write_stdin(input).output().unwrap())
    }

    pub(crate) fn send(&self, arguments: &[&str]) -> (i32, String, String) {
        let to = ["--send", &self.url, "--root-key-file", "root.key"];
        self.dial(&[arguments, &to[..]].concat())
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        let (code, out, err) = self.dial(&["findings", "list", "--all", "--format", "jsonl"]);
        assert_eq!(code, 0, "{err}");
        let lines = out
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|line| line["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn serve(place: &Place) -> (Child, String) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_dial"))
        .arg("serve")
        .current_dir(place.path())
        .env("DIAL_TEST_TOKEN", TOKEN)
        .env_remove("DIAL_LOG")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let url = serving(&mut process);
    (process, url)
}

/// The address of the log line that says so; the rest of the log is read away.
pub(crate) fn serving(process: &mut Child) -> String {
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let line = log.find(|line| line.as_ref().unwrap().contains("\"serving\""));
    let line: Value = serde_json::from_str(&line.unwrap().unwrap()).unwrap();
    std::thread::spawn(move || log.count());
    format!("http://{}", line["address"].as_str().unwrap())
}

#[test]
fn what_is_stored_can_be_counted_and_exported() {
    let master = Master::start();
    let (code, _, err) = master.send(&["scan", "a.json"]);
    assert_eq!(code, 3, "{err}");
    let id = master.ids().remove(0);
    let month = ["--since", "2026-05-01", "--until", "2026-05-31"];
    let (code, out, err) = master.dial(&[&["stats"], &month[..]].concat());
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("Findings     1\n"), "{out}");
    let (_, out, _) = master.dial(&[&["stats", "--format", "json"], &month[..]].concat());
    let stats: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(stats["by_status"]["open"], 1);
    let by_rule = [&["stats", "--over", "rule"], &month[..]].concat();
    let (code, out, err) = master.dial(&by_rule);
    assert_eq!(code, 0, "{err}");
    let rule =
        "\n   COLUMN  RULE, those with the most findings\n       #1  s3_bucket_policy_public\n";
    assert!(out.contains(rule), "{out}");
    let (_, out, _) = master.dial(&[&by_rule[..], &["--format", "json"]].concat());
    let stats: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        stats["largest"],
        serde_json::json!(["s3_bucket_policy_public"])
    );
    let (code, _, err) = master.dial(&["stats", "--since", "2026-05-01", "--by", "hour"]);
    assert_eq!(code, 1, "{err}");

    for format in ["jsonl", "csv", "ocsf"] {
        let export = ["findings", "export", "--format", format];
        let (code, out, err) = master.dial(&export);
        assert_eq!(code, 0, "{err}");
        assert!(
            err.contains("1 finding exported to standard output"),
            "{err}"
        );
        assert!(out.contains(&id), "{format}: {out}");
        let file = format!("export.{format}");
        let (code, _, err) = master.dial(&[&export[..], &["--out", &file]].concat());
        assert_eq!(code, 0, "{err}");
        let there = master.place.path().join(&file);
        assert_eq!(std::fs::read_to_string(there).unwrap(), out);
        let (code, _, err) = master.dial(&[&export[..], &["--out", &file]].concat());
        assert_eq!(code, 1);
        assert!(err.contains("is there already"), "{err}");
    }
    let none = [
        "findings",
        "export",
        "--text",
        "nowhere",
        "--out",
        "none.jsonl",
    ];
    assert_eq!(master.dial(&none).0, 0);
    let left = std::fs::read_dir(master.place.path()).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().any(|name| name == "none.jsonl"), "{left:?}");
    let unfinished = |name: &std::ffi::OsString| {
        let extension = std::path::Path::new(name).extension();
        extension.is_some_and(|extension| extension == "part" || extension == "state")
    };
    assert!(!left.iter().any(unfinished), "{left:?}");
}

#[test]
fn what_a_scan_sends_can_be_listed_and_shown() {
    let master = Master::start();
    let (code, out, err) = master.send(&["scan", "a.json"]);
    assert_eq!(code, 3, "{err}");
    assert!(out.contains("s3_bucket_policy_public"), "{out}");
    assert!(err.contains("sent: 1 accepted, 0 known already"), "{err}");
    let (_, _, err) = master.send(&["scan", "a.json"]);
    assert!(err.contains("sent: 0 accepted, 1 known already"), "{err}");

    let (code, out, err) = master.dial(&["findings", "list"]);
    assert_eq!((code, err.as_str()), (0, "1 finding\n"));
    insta::assert_snapshot!("list", out);
    let (_, out, _) = master.dial(&["findings", "list", "--format", "csv"]);
    assert_eq!(out.lines().count(), 2, "{out}");
    let filters: [(&[&str], usize); 8] = [
        (&["--account", "111122223333"], 1),
        (&["--account", "444455556666"], 0),
        (&["--severity", "high,critical"], 1),
        (&["--severity", "low"], 0),
        (
            &["--rule", "s3_bucket_policy_public", "--status", "open"],
            1,
        ),
        (&["--since", "2026-05-04", "--until", "2026-05-05"], 1),
        (&["--since", "2026-05-05"], 0),
        (
            &[
                "--resource",
                "arn:aws:s3:::shop-invoices",
                "--region",
                "eu-central-1",
            ],
            1,
        ),
    ];
    for (filter, expected) in filters {
        let list = ["findings", "list", "--format", "jsonl"];
        let (code, out, err) = master.dial(&[&list[..], filter].concat());
        assert_eq!(
            (code, out.lines().count()),
            (0, expected),
            "{filter:?}: {err}"
        );
    }

    let id = master.ids().remove(0);
    let (code, out, err) = master.dial(&["findings", "show", &id]);
    assert_eq!(code, 0, "{err}");
    insta::with_settings!({filters => vec![
        (r"judged \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, accepted \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "judged [time], accepted [time]"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC accepted", "[time] UTC accepted"),
    ]}, { insta::assert_snapshot!("show", out) });
    let (_, out, _) = master.dial(&["findings", "show", &id, "--format", "json"]);
    let whole: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(whole["finding"]["id"], json!(id));
}

#[test]
fn lists_go_on_from_page_to_page() {
    let master = Master::start();
    let records: Vec<String> = (0..230)
        .map(|n| {
            let mut record = record(PUBLIC_BUCKET);
            record["eventID"] = json!(format!("event-{n}"));
            record.to_string()
        })
        .collect();
    master.place.write("many.jsonl", records.join("\n"));
    let (_, _, err) = master.send(&["scan", "many.jsonl"]);
    assert!(err.contains("sent: 230 accepted"), "{err}");
    let mut ids = master.ids();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 230);
    let (_, out, err) = master.dial(&["findings", "list", "--limit", "7", "--format", "table"]);
    assert_eq!(out.lines().count(), 8);
    let (_, cursor) = err.trim().split_once("--cursor ").unwrap();
    let (_, next, _) = master.dial(&["findings", "list", "--limit", "7", "--cursor", cursor]);
    assert!(
        next.lines().skip(1).all(|row| !out.contains(row)),
        "{out}{next}"
    );
}

#[test]
fn refusals_say_what_to_do() {
    let master = Master::start();
    let list = ["findings", "list"];
    let cases = [
        (
            "wrong token",
            master.dial_as("wrong", &list),
            "the token is not accepted",
        ),
        (
            "unknown id",
            master.dial(&["findings", "show", "f-aaaaaaaaaaaaaaaaaaaaaaaaaa"]),
            "knows no finding",
        ),
        (
            "bad cursor",
            master.dial(&["findings", "list", "--cursor", "x"]),
            "use the value of next",
        ),
        (
            "bad time",
            master.dial(&["findings", "list", "--since", "soon"]),
            "--since",
        ),
        (
            "nobody there",
            master.dial(&["findings", "list", "--url", "http://127.0.0.1:1"]),
            "is the master running there",
        ),
    ];
    for (name, (code, out, err), expected) in cases {
        assert_eq!((code, out.as_str()), (1, ""), "{name}: {err}");
        assert!(
            err.starts_with("error: ") && err.contains(expected),
            "{name}: {err}"
        );
    }
}

#[test]
fn a_wrong_key_or_an_unreachable_master_is_an_error() {
    let master = Master::start();
    let (_, other, _) = master.dial(&["keys", "new"]);
    master.place.write("other.key", other);
    let send = [
        "scan",
        "a.json",
        "--send",
        &master.url,
        "--root-key-file",
        "other.key",
    ];
    let (code, _, err) = master.dial(&send);
    assert!(code == 1 && err.contains("1 finding not sent"), "{err}");
    assert!(master.ids().is_empty());

    let (_, line, _) = master.dial(&[
        "keys",
        "derive",
        "--root-key-file",
        "root.key",
        "--key-number",
        "1",
        "--account",
        "111122223333",
        "--region",
        "us-east-1",
        "--line",
    ]);
    master.place.write("worker.keys", line);
    let send = [
        "scan",
        "a.json",
        "--send",
        &master.url,
        "--keys",
        "worker.keys",
    ];
    let (code, _, err) = master.dial(&send);
    assert!(
        code == 1 && err.contains("no key for 111122223333/eu-central-1"),
        "{err}"
    );
}

#[test]
fn a_checkpoint_notes_only_what_the_master_has() {
    let master = Master::start();
    let (_, other, _) = master.dial(&["keys", "new"]);
    master.place.write("other.key", other);
    master.place.write("b.json", SHARED_BUCKET);
    let scan = ["scan", "a.json", "b.json", "--checkpoint", "c"];
    let wrong = ["--send", &master.url, "--root-key-file", "other.key"];
    let (code, _, err) = master.dial(&[&scan[..], &wrong[..]].concat());
    assert_eq!(code, 1, "{err}");
    let (code, _, err) = master.send(&scan);
    assert_eq!((code, master.ids().len()), (3, 1), "{err}");
    assert!(err.contains("sent: 1 accepted"), "{err}");
    let (code, _, err) = master.send(&scan);
    assert!(code == 0 && err.contains("2 files done before"), "{err}");
}

fn letter(stage: Stage, body: &[u8]) -> DeadLetter {
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-central-1".into(),
        version: "0.1.0".into(),
        rules: "abc".into(),
    };
    let at = "2026-05-04T10:00:00Z".parse().unwrap();
    DeadLetter::new(stage, "master was away\u{1b}[2J", worker, at, body)
}

#[test]
fn dead_letters_of_every_stage_are_replayed_to_the_same_id() {
    let master = Master::start();
    let (_, out, _) = master.dial(&["scan", "a.json", "--format", "jsonl"]);
    let finding: dial_core::Finding = serde_json::from_str(&out).unwrap();
    let batch = Batch {
        worker: finding.worker.clone(),
        findings: vec![finding.clone()],
    };
    let letters = [
        letter(Stage::Judge, PUBLIC_BUCKET.as_bytes()),
        letter(Stage::Parse, SHARED_BUCKET.as_bytes()),
        letter(Stage::Accept, &serde_json::to_vec(&finding).unwrap()),
        letter(Stage::Send, &serde_json::to_vec(&batch).unwrap()),
        letter(Stage::Send, &serde_json::to_vec(&[&finding]).unwrap()),
    ];
    for letter in &letters {
        master
            .place
            .write(&format!("letters/{}", letter.key()), letter.to_json());
    }
    let (code, out, err) = master.dial(&["replay", "letters", "--dry-run"]);
    assert_eq!(code, 0, "{out}{err}");
    insta::with_settings!({filters => vec![("[0-9a-f]{64}", "[sha256]")]}, {
        insta::assert_snapshot!("dry_run", format!("{out}{err}"));
    });
    assert!(master.ids().is_empty());
    let (code, out, err) = master.send(&["replay", "letters"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(
        err.contains("5 letters, 4 findings, 0 not taken up"),
        "{err}"
    );
    assert!(err.contains("sent: 1 accepted, 3 known already"), "{err}");
    let (_, key, _) = master.dial(&[
        "keys",
        "derive",
        "--root-key-file",
        "root.key",
        "--key-number",
        "1",
        "--account",
        "111122223333",
        "--region",
        "eu-central-1",
    ]);
    master.place.write("worker.key", key);
    let worker = format!(
        "[worker]\nmaster_url = \"{}\"\naccount = \"111122223333\"\nregion = \"eu-central-1\"\nkey = \"file:worker.key\"\nbucket = \"letters\"\n",
        master.url
    );
    master.place.write("worker.toml", worker);
    let (code, _, err) = master.dial(&["replay", "letters", "--config", "worker.toml"]);
    assert!(
        code == 0 && err.contains("sent: 0 accepted, 4 known already"),
        "{err}"
    );
    assert_eq!(master.ids(), [finding.id.as_str()]);
    for letter in &letters {
        assert!(
            master
                .place
                .path()
                .join("letters")
                .join(letter.key())
                .exists()
        );
    }
}

#[test]
fn letters_that_cannot_be_taken_up_are_named() {
    let place = Place::new();
    let changed = DeadLetter {
        body: "AAAA".into(),
        ..letter(Stage::Judge, b"{}")
    };
    place.write("letters/dead-letter/judge/a.json", "no letter");
    place.write("letters/dead-letter/judge/b.json", changed.to_json());
    place.write(
        "letters/dead-letter/parse/c.json",
        letter(Stage::Parse, b"{\"no\":1}").to_json(),
    );
    place.write(
        "letters/dead-letter/send/d.json",
        letter(Stage::Send, b"[1]").to_json(),
    );
    let (code, out, err) = place.run(&["replay", "letters", "--dry-run"]);
    assert_eq!(code, 1, "{err}");
    assert_eq!(out.matches("not taken up: ").count(), 4, "{out}");
    assert!(
        err.contains("4 letters, 0 findings, 4 not taken up"),
        "{err}"
    );
    let (code, _, err) = place.run(&["replay", "letters"]);
    assert!(code == 1 && err.contains("--send URL"), "{err}");
    let (code, _, err) = place.run(&["replay", "letters", "--stage", "send", "--dry-run"]);
    assert!(code == 1 && err.contains("1 letter,"), "{err}");
}

#[test]
fn what_is_suppressed_is_stored_and_listed_on_request() {
    let master = Master::start();
    let (code, _, err) = master.send(&["scan", "a.json", "--config", "/dev/null"]);
    assert_eq!(code, 3, "{err}");
    let told = master.ids();
    let suppression = format!(
        "[[worker.detect.suppressions]]\nrule = \"s3_bucket_policy_public\"\nowner = \"team-web\"\nreason = \"drill\"\nexpires = {}\n",
        day(1)
    );
    master.place.write("silent.toml", suppression);
    let again = PUBLIC_BUCKET.replace("eventID\": \"", "eventID\": \"0");
    assert_ne!(again, PUBLIC_BUCKET);
    master.place.write("b.json", again);
    for (file, stored) in [("a.json", "1 known already"), ("b.json", "1 accepted")] {
        let (code, _, err) = master.send(&["scan", file, "--config", "silent.toml"]);
        assert_eq!(code, 0, "{err}");
        assert!(
            err.contains("1 suppressed") && err.contains(stored),
            "{err}"
        );
    }
    assert_eq!(master.ids(), told, "the second is not among them");
    let (_, out, _) = master.dial(&["findings", "list", "--suppressed"]);
    assert!(out.contains("team-web") && out.contains("drill"), "{out}");
    let list = ["findings", "list", "--suppressed", "--format", "jsonl"];
    let (_, out, _) = master.dial(&list);
    let line: Value = serde_json::from_str(&out).unwrap();
    let (_, shown, _) = master.dial(&["findings", "show", line["id"].as_str().unwrap()]);
    assert!(shown.contains("team-web: drill (until "), "{shown}");
}

#[test]
fn silences_are_made_listed_previewed_and_ended() {
    let master = Master::start();
    master.send(&["scan", "a.json"]);
    let rule = "rule=s3_bucket_policy_public";
    let (code, out, err) = master.dial(&["silences", "preview", rule]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("would have muted "), "{out}");
    let add = |rule: &str, more: &[&str]| {
        let about = ["--owner", "soc", "--reason", "migration"];
        let how = ["silences", "add", rule, "--for", "4h", "--ahead"];
        master.dial(&[&how[..], &about, more].concat())
    };
    let (code, out, err) = add(rule, &["--format", "json"]);
    assert_eq!(code, 0, "{err}");
    let made: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(made["created_by"], "tests (api)");
    let (_, out, _) = master.dial(&["silences", "list"]);
    assert!(out.contains(rule) && out.ends_with("1 silence\n"), "{out}");
    let id = made["id"].as_str().unwrap();
    let (code, out, err) = master.dial(&["silences", "end", id]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("by tests (api)"), "{out}");
    let (_, out, _) = master.dial(&["silences", "list"]);
    assert_eq!(out, "no silence is in force\n");

    let (code, _, err) = master.dial(&["silences", "end", "s-unknown"]);
    assert_eq!(code, 1);
    assert!(err.contains("dial silences list"), "{err}");
    let (code, _, err) = add("severity>=low", &[]);
    assert_eq!(code, 1);
    assert!(err.contains("name a rule"), "{err}");
    let (code, _, err) = add("rul=x", &[]);
    assert_eq!(code, 2);
    assert!(err.contains("did you mean `rule`"), "{err}");
}

//! The commands of the guides that talk to a master, run one after the other against a real one.

use crate::master::{CONFIG, Master};
use crate::shown::{ID, of_documents};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

/// Commands that talk to a master and to nothing else.
const TALK: [&str; 7] = [
    "deliveries",
    "findings",
    "routes",
    "silences",
    "stats",
    "tokens",
    "workers",
];
/// What a command says, by words that it has; the first line that fits holds.
const SAYS: [(&[&str], &str); 24] = [
    (&["findings", "list", "--suppressed"], "0 findings"),
    (&["findings", "list", "--text"], "0 findings"),
    (&["findings", "list", "--attack"], "0 findings"),
    (&["findings", "list"], "s3_bucket_policy_public"),
    (&["findings", "show"], "f-"),
    (&["findings", "ack"], "  acknowledged\n"),
    (&["findings", "assign"], "assigned to storage-team"),
    (&["findings", "snooze"], "snoozed until"),
    (&["findings", "resolve"], "  resolved\n"),
    (&["findings", "false-positive"], "  false positive\n"),
    (&["findings", "export", "--out"], "findings exported to"),
    (
        &["findings", "export"],
        "findings exported to standard output",
    ),
    (&["stats", "json"], "\"by_account\""),
    (&["stats"], "Oldest open"),
    (&["workers", "json"], "\"workers\""),
    (&["workers"], "no worker was heard yet"),
    (&["routes", "show"], "route: everything -> alerts"),
    (&["routes", "test"], "alerts: told, told by route"),
    (&["silences", "preview"], "would have muted 4 of the last"),
    (&["silences", "end"], "  ended "),
    (&["silences"], "  storage team: migration of the invoices\n"),
    (&["deliveries", "list"], "deliveries "),
    (&["deliveries", "retry"], "tried again"),
    (&["tokens"], "dial_"),
];

/// A service that refuses whatever it is sent, for good.
fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Unread bytes would reset the connection instead of answering.
            let mut request = BufReader::new(stream.unwrap());
            let mut length = 0;
            for line in request.by_ref().lines().map_while(Result::ok) {
                match line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    Some(value) => length = value.parse().unwrap(),
                    None if line.is_empty() => break,
                    None => {}
                }
            }
            let _ = io::copy(&mut request.by_ref().take(length), &mut io::sink());
            let head = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = request.get_mut().write_all(head.as_bytes());
        }
    });
    address
}

/// The incident of the demo, an hour ago and four times over.
fn records() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/incident");
    let an_hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    let mut lines = Vec::new();
    for file in files {
        let event: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let mut record = event["detail"].clone();
        if record.get("eventTime").is_none() {
            continue;
        }
        for n in 0..4 {
            record["eventID"] = json!(format!("{}-{n}", file.display()));
            record["eventTime"] = json!(format!("{an_hour_ago:.0}"));
            lines.push(record.to_string());
        }
    }
    lines.join("\n")
}

/// A master that knows findings, none of which its sink would take.
fn master() -> Master {
    let sink = format!(
        "\n[master.sinks.alerts]\ntype = \"webhook\"\nurl = \"http://{}/\"\n\
         secret = \"file:hook.key\"\nmin_interval_ms = 0\n",
        refusing()
    );
    let config = CONFIG.replace("analyst", "admin").replace(
        "[master]\n",
        "[master]\ndangerous_allow_private_sinks = true\n",
    );
    let hook = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let master = Master::start_with(&format!("{config}{sink}"), &[("hook.key", hook)]);
    master.place.write("a.jsonl", records());
    let (code, _, err) = master.send(&["scan", "a.jsonl"]);
    assert_eq!(code, 3, "{err}");
    refused(&master);
    master
}

/// Waits until the sink has refused everything; each look is a process, so this is no busy loop.
fn refused(master: &Master) {
    let (_, all, _) = master.dial(&["findings", "list", "--all", "--format", "jsonl"]);
    let told = format!("{} deliveries failed", all.lines().count());
    let looks = (0..300).map(|_| master.dial(&["deliveries", "list", "--all"]).2);
    let mut looks = looks.filter(|look| look.contains(&told));
    assert!(looks.next().is_some(), "not all deliveries have failed");
}

/// The first id of a list of the master.
fn first(master: &Master, list: &str) -> String {
    let (_, out, err) = master.dial(&[list, "list", "--format", "json"]);
    let whole: Value = serde_json::from_str(&out).unwrap();
    let id = whole[list][0]["id"].as_str();
    assert!(id.is_some(), "{list}: {out}{err}");
    id.unwrap().to_owned()
}

/// The command with ids that the master knows.
fn known(master: &Master, command: &[String], ids: &mut Vec<String>) -> Vec<String> {
    let known = |word: &String| match word.split_at_checked(2) {
        Some(("f-", rest)) if rest.len() + 2 == ID.len() => ids.pop().unwrap(),
        Some(("s-", rest)) if rest.len() + 2 == ID.len() => first(master, "silences"),
        Some(("t-", _)) => first(master, "tokens"),
        _ => word.clone(),
    };
    command[1..].iter().map(known).collect()
}

fn says(words: &[String]) -> &'static str {
    let has = |expected: &&[&str]| expected.iter().all(|e| words.iter().any(|word| word == e));
    let found = SAYS.iter().find(|(expected, _)| has(expected));
    assert!(found.is_some(), "nothing is expected of {words:?}");
    found.unwrap().1
}

#[test]
fn every_command_that_talks_to_a_master_does_what_its_guide_says() {
    let master = master();
    let rule = ["--rule", "s3_bucket_policy_public", "--format", "jsonl"];
    let (_, public, _) = master.dial(&[&["findings", "list"], &rule[..]].concat());
    let public: Vec<Value> = public
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let public: Vec<&str> = public
        .iter()
        .map(|line| line["id"].as_str().unwrap())
        .collect();
    let mut ids = master.ids();
    ids.retain(|id| !public.contains(&id.as_str()));
    let (_, shown, _) = master.dial(&["findings", "show", public[0], "--format", "json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    master
        .place
        .write("finding.json", shown["finding"].to_string());
    let config = fs::read(master.place.path().join("dial.toml")).unwrap();
    master.place.write("new.toml", config);
    let (mut ran, mut wrong) = (0, Vec::new());
    for (page, command) in of_documents() {
        let talks = command
            .get(1)
            .is_some_and(|word| TALK.contains(&word.as_str()));
        // What lies in an archive of S3 no master is asked for.
        if !talks || command.iter().any(|word| word == "--archive") {
            continue;
        }
        if command.iter().any(|word| word == "retry") {
            refused(&master);
        }
        let words = known(&master, &command, &mut ids);
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        let input = if arguments.contains(&"-") {
            public.join("\n")
        } else {
            String::new()
        };
        let (code, out, err) = master.dial_reading(&arguments, &input);
        let told = format!("{} {}: {out}{err}", page.display(), arguments.join(" "));
        if code != 0 || !told.contains(says(&words)) {
            wrong.push(told);
        }
        ran += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran > 35, "{ran} commands");
    for file in ["findings.jsonl", "urgent.csv"] {
        let written = fs::read_to_string(master.place.path().join(file)).unwrap();
        assert!(written.contains(public[0]), "{file}: {written}");
    }
}

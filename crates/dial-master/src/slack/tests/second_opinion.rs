//! Everything that Slack is to show, read by Slack's own models.
//!
//! `DIAL_TEST_PYTHON` names a Python with `slack_sdk`; `cargo xtask check` makes one. Without it
//! the test says that it was skipped.

use super::shown::{answers, dialogs, links};
use crate::message::notice::Notice;
use crate::message::samples::{self, states, tellings};
use crate::message::slack::{self, message};
use crate::message::together;
use crate::routing::digest::Digest;
use crate::routing::mention::Mention;
use dial_core::Finding;
use dial_core::store::Stored;
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

fn shown(finding: &Finding) -> Vec<Value> {
    let (links, states) = (links(), states());
    let messages = tellings(finding, &links, &states).into_iter().map(message);
    let dialogs = dialogs(finding).into_iter();
    let others = messages.chain(dialogs).chain(answers(finding));
    others.chain(beside(finding)).collect()
}

/// What is told beside a finding's own message, and who is alerted by it.
fn beside(finding: &Finding) -> Vec<Value> {
    let (links, resolved) = (links(), states().remove(3));
    let stored = Stored {
        triage: resolved.0,
        ..samples::untouched(finding)
    };
    let notice = Notice::closed(&stored, &resolved.1, None, &links);
    let digest = Digest::of(&[finding, &samples::benign()]).unwrap();
    let group = Mention::try_from("S0123456789".to_owned()).unwrap();
    let block = slack::alerted([&group, &Mention::Here]).unwrap();
    vec![
        together::digest(&digest, &links),
        together::repeat(finding),
        together::closed(&notice),
        serde_json::json!({"blocks": [block]}),
    ]
}

/// What the models say about the bodies, a line each; empty where all is well.
fn opinion(python: &std::ffi::OsStr, bodies: &[Value]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slack/validate.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<String> = bodies.iter().map(ToString::to_string).collect();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.join("\n").as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the script ran");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn slacks_own_models_read_everything_and_lose_nothing() {
    let Some(python) = std::env::var_os("DIAL_TEST_PYTHON") else {
        println!("skipped: DIAL_TEST_PYTHON is not set");
        return;
    };
    let findings = [
        samples::benign(),
        samples::hostile(1),
        samples::hostile(400),
        samples::filled(""),
    ];
    let bodies: Vec<Value> = findings.iter().flat_map(shown).collect();
    assert_eq!(opinion(&python, &bodies), "");
    let mut broken = bodies[1].clone();
    broken["blocks"][0]["text"]["text"] = "x".repeat(151).into();
    broken["blocks"][2]["colour"] = "red".into();
    let told = opinion(&python, &[broken]);
    assert!(!told.is_empty(), "the models look");
}

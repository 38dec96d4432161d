//! A second matcher, of other authors in another language, reads the patterns as the first does.

use crate::events::{corpus, fixtures};
use crate::judge::Deployment;
use dial_detect::Settings;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Asks moto; `cargo xtask check` installs it and says where its interpreter is.
fn moto(patterns: &[&Value], events: &[Value]) -> Option<Vec<Vec<usize>>> {
    let Some(python) = std::env::var_os("DIAL_TEST_PYTHON") else {
        println!("skipped: DIAL_TEST_PYTHON names no interpreter with moto");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/patterns/match_events.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let document = json!({ "patterns": patterns, "events": events }).to_string();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(document.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    Some(lines.collect())
}

#[test]
fn two_matchers_agree_on_every_pattern_and_event() {
    let settings = json!({
        "audit_rules": true,
        "decoys": [
            { "kind": "access_key", "name": "AKIAEXAMPLE000000001" },
            { "kind": "user", "name": "CLERK" },
            { "kind": "role", "name": "ops" },
        ],
    });
    let deployment = Deployment::of(&serde_json::from_value::<Settings>(settings).unwrap());
    let patterns: Vec<&Value> = deployment
        .bus
        .set
        .patterns
        .iter()
        .map(|it| &it.pattern)
        .collect();
    let mut events = fixtures();
    events.extend(corpus());
    let Some(opinions) = moto(&patterns, &events) else {
        return;
    };
    assert_eq!(opinions.len(), events.len());
    let mut compared = 0;
    for (event, second) in events.iter().zip(&opinions) {
        let first = deployment.bus.fits(event);
        assert_eq!(first, *second, "{event}");
        compared += first.len();
    }
    println!(
        "{} events, {} patterns, {compared} fits",
        events.len(),
        patterns.len()
    );
    assert!(compared > 100, "{compared}");
}

//! Sinks against what others made: an emulator of AWS that checks signatures and permissions,
//! Amazon's own models of the requests, the schema of OCSF, a search server that speaks OpenSearch,
//! and `TheHive`'s own client.
//!
//! `DIAL_TEST_AWS` names the emulator of AWS (moto), `DIAL_TEST_OPENSEARCH` the search server,
//! `DIAL_TEST_PYTHON` a Python with moto and `thehive4py`; `cargo xtask check` starts and makes
//! them. Without them the tests say that they were skipped.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod arrive;
mod desk;
mod guide;
mod models;
mod search;
mod thehive;

use dial_core::Finding;
use dial_core::ports::Secrets;
use dial_core::secret::{Secret, SecretError, SecretRef};
use dial_core::wire::WorkerInfo;
use dial_detect::envelope::{Input, read};
use dial_detect::{Pipeline, Settings};
use dial_master::sinks::guard::Guard;
use dial_master::sinks::{SinkSettings, Sinks};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Account of the emulator's own; the guide calls it by another number.
const MASTER: &str = "123456789012";

/// Where the Python is; says so where there is none.
fn python() -> Option<std::ffi::OsString> {
    let found = std::env::var_os("DIAL_TEST_PYTHON");
    if found.is_none() {
        println!("skipped: DIAL_TEST_PYTHON is not set");
    }
    found
}

/// Runs a script beside this file, and returns what it prints.
fn run(script: &str, arguments: &[&str], input: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut child = Command::new(python()?)
        .arg(folder.join(script))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// What the pack finds in the fixtures.
fn findings() -> Vec<Finding> {
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0".into(),
        rules: String::new(),
    };
    let pipeline = Pipeline::new(&Settings::default(), worker).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut findings = Vec::new();
    for service in fs::read_dir(fixtures).unwrap() {
        for file in fs::read_dir(service.unwrap().path()).unwrap() {
            let Ok(Input::Events(items)) = read(&fs::read(file.unwrap().path()).unwrap()) else {
                continue;
            };
            let events = items.into_iter().flatten();
            let judged = events.map(|event| pipeline.run(&event, Timestamp::UNIX_EPOCH));
            findings.extend(judged.flat_map(|judged| judged.findings));
        }
    }
    assert!(findings.len() > 50, "{}", findings.len());
    findings
}

/// These sinks need no secret.
struct NoSecrets;

#[async_trait::async_trait]
impl Secrets for NoSecrets {
    async fn fetch(&self, _: &SecretRef) -> Result<Secret, SecretError> {
        Err(SecretError::Literal)
    }
}

/// The sinks of these settings, by name.
async fn sinks(settings: &str) -> Sinks {
    let settings: BTreeMap<String, SinkSettings> = toml::from_str(settings).unwrap();
    Sinks::build(&settings, &NoSecrets, Guard::Anything)
        .await
        .unwrap()
}

//! A folder of its own for each test, and `dial` run in it without anyone's environment.

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

/// An event that one rule matches.
pub(crate) const PUBLIC_BUCKET: &str =
    include_str!("../../src/demo/incident/15-bucket-made-public.json");
/// A near miss of the same rule.
pub(crate) const SHARED_BUCKET: &str =
    include_str!("../../src/demo/incident/14-bucket-shared-with-organization.json");

/// The day that is so many days from today (UTC), as configuration writes it.
pub(crate) fn day(from_today: i64) -> String {
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * from_today);
    day.to_string()[..10].to_owned()
}

/// A temporary folder that commands run in.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// `dial` with these arguments.
    pub(crate) fn dial(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dial"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("DIAL") || name.starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        for name in ["CARGO", "COLUMNS", "NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.current_dir(self.path()).args(arguments);
        command
    }

    /// Runs `dial`; the answer is (exit code, standard output, standard error).
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        told(&self.dial(arguments).output().unwrap())
    }
}

/// (exit code, standard output, standard error)
pub(crate) fn told(output: &Output) -> (i32, String, String) {
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout.clone()).unwrap(),
        String::from_utf8(output.stderr.clone()).unwrap(),
    )
}

/// The CloudTrail record of an EventBridge event.
pub(crate) fn record(event: &str) -> serde_json::Value {
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    event["detail"].clone()
}

/// A trail file as CloudTrail delivers it, compressed.
pub(crate) fn trail(records: &[serde_json::Value]) -> Vec<u8> {
    gzip(
        serde_json::json!({ "Records": records })
            .to_string()
            .as_bytes(),
    )
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    dial_core::gzip::deflate(bytes)
}

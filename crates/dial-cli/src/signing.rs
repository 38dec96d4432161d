//! Where findings are sent and which keys sign them: the arguments that `scan` and `replay` share.

use crate::keys;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use dial_core::key::{KeyId, WorkerKey};
use dial_core::{Secret, WorkerId};
use dial_worker::config::acceptable;
use dial_worker::keyring::{Derived, KeyList, Keyring, Signer};
use dial_worker::send::{Sender, Settings};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments that name the master and the keys.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sending")]
pub(crate) struct Signing {
    /// Send the findings to the master at this URL; the ids equal the worker's, so that what it
    /// has already is not told twice
    #[arg(long, value_name = "URL", requires = "key_source", value_parser = master_url)]
    pub(crate) send: Option<reqwest::Url>,
    /// Derive the keys from the root key in this file
    #[arg(long, value_name = "FILE", group = "key_source", requires = "send")]
    root_key_file: Option<PathBuf>,
    /// Number of that root key in the master's configuration
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        requires = "root_key_file"
    )]
    key_number: u32,
    /// Take the keys from this file: lines of `account/region number/not-after key`, as
    /// `dial keys derive --line` prints them
    #[arg(long, value_name = "FILE", group = "key_source", requires = "send")]
    keys: Option<PathBuf>,
}

impl Signing {
    /// The sender, where `--send` was given.
    pub(crate) fn sender(&self) -> Result<Option<Sender>> {
        let Some(master) = &self.send else {
            return Ok(None);
        };
        Ok(Some(Sender::new(
            Settings::to(master.clone()),
            self.keyring()?,
        )))
    }

    fn keyring(&self) -> Result<Arc<dyn Keyring>> {
        let id = KeyId {
            root: self.key_number,
            not_after: 0,
        };
        match (&self.root_key_file, &self.keys) {
            (Some(path), _) => Ok(Arc::new(Derived::new(keys::read_root(path)?, id))),
            (None, Some(path)) => Ok(Arc::new(key_list(path)?)),
            (None, None) => bail!("--send needs --root-key-file or --keys"),
        }
    }
}

/// Reads the URL of a master: findings and tokens travel by https, or on this machine.
pub(crate) fn master_url(text: &str) -> Result<reqwest::Url, String> {
    let url = reqwest::Url::parse(text)
        .map_err(|error| format!("{error}; write it like https://dial.example.com"))?;
    let refused = "use https:// (http:// on this machine only), without user, password or query";
    acceptable(&url, false).map_err(|_| refused.to_owned())?;
    Ok(url)
}

fn key_list(path: &Path) -> Result<KeyList> {
    let name = path.display();
    let text =
        std::fs::read_to_string(path).with_context(|| format!("key file {name} cannot be read"))?;
    key_lines(&text)
        .map(|signers| signers.into_iter().collect())
        .map_err(|error| anyhow!("key file {name}, {error:#}"))
}

/// One signer a line; empty lines and lines that start with `#` are passed over.
fn key_lines(text: &str) -> Result<Vec<Signer>> {
    let mut signers = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            let signer = key_line(line).with_context(|| format!("line {}", at + 1))?;
            signers.push(signer);
        }
    }
    Ok(signers)
}

fn key_line(line: &str) -> Result<Signer> {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let [worker, key_id, key] = parts.as_slice() else {
        bail!("expected `account/region number/not-after key`");
    };
    Ok(Signer {
        worker: worker.parse::<WorkerId>()?,
        key: WorkerKey::parse(&Secret::new(key))?,
        key_id: key_id.parse()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_UNr1vjnkKZVoVjCd4phPFTMAdyYZOtAQNYno+UpkogY=";

    #[test]
    fn key_files_are_read_line_by_line_and_errors_name_the_line() {
        let good = format!(
            "# workers\n\n111122223333/eu-west-1 1/0 {KEY}\n  444455556666/us-east-1\t2/1900000000 {KEY}\n"
        );
        let signers = key_lines(&good).unwrap();
        let places: Vec<String> = signers.iter().map(|s| s.worker.to_string()).collect();
        assert_eq!(places, ["111122223333/eu-west-1", "444455556666/us-east-1"]);
        let cases = [
            ("111122223333/eu-west-1 1/0".to_owned(), "expected"),
            (format!("1/eu-west-1 1/0 {KEY}"), "account number"),
            (format!("111122223333/eu-west-1 one/0 {KEY}"), "key id"),
            ("111122223333/eu-west-1 1/0 hunter2".to_owned(), "whsec_"),
        ];
        for (line, expected) in cases {
            let error = key_lines(&format!("#\n{line}")).unwrap_err();
            let text = format!("{error:#}");
            assert!(
                text.starts_with("line 2: ") && text.contains(expected),
                "{text}"
            );
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn only_web_addresses_are_masters() {
        let cases = [
            ("https://dial.example.com", true),
            ("http://127.0.0.1:8700/stage", true),
            ("http://dial.example.com", false),
            ("https://user:secret@dial.example.com", false),
            ("dial.example.com", false),
            ("file:///etc/passwd", false),
            ("", false),
        ];
        for (text, good) in cases {
            assert_eq!(master_url(text).is_ok(), good, "{text}");
        }
    }
}

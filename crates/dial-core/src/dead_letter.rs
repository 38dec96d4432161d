//! Dead letters: what could not be judged or taken, with the reason and the original bytes.
//!
//! Key layout: `dead-letter/<stage>/<YYYY>/<MM>/<DD>/<account>/<region>/<sha256>.json`, where the
//! hash is of the original bytes, so that a retried event overwrites its own letter.

use crate::wire::WorkerInfo;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// First part of every key.
pub const PREFIX: &str = "dead-letter/";

/// Where on its way an event or finding stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The bytes could not be read as an event.
    Parse,
    /// A rule or fact failed or panicked on the event.
    Judge,
    /// The master refused the findings; the bytes are a `wire::Batch` of them.
    Send,
    /// The master took the request but not this finding; the bytes are the finding.
    Accept,
}

/// One dead letter, as it lies in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Layout of this document; 1.
    pub layout: u32,
    /// Where it stopped.
    pub stage: Stage,
    /// Why.
    pub reason: String,
    /// The rule that failed, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Which worker, with its program and rule versions.
    pub worker: WorkerInfo,
    /// The original bytes, standard base64.
    pub body: String,
    /// SHA-256 of the original bytes, lower-case hex.
    pub sha256: String,
}

/// Why a letter's bytes cannot be had back.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// Written by a later version.
    #[error("dead letter has layout {0}, this program reads 1")]
    Layout(u32),
    /// The body is no base64.
    #[error("dead letter's body is not base64")]
    Encoding,
    /// The body is not what was written.
    #[error("dead letter's body does not have its SHA-256")]
    Hash,
}

impl DeadLetter {
    /// Wraps the original bytes.
    pub fn new(
        stage: Stage,
        reason: impl Into<String>,
        worker: WorkerInfo,
        at: Timestamp,
        body: &[u8],
    ) -> Self {
        Self {
            layout: 1,
            stage,
            reason: reason.into(),
            rule: None,
            at,
            worker,
            body: STANDARD.encode(body),
            sha256: hex(&Sha256::digest(body)),
        }
    }

    /// The key that it lies under.
    pub fn key(&self) -> String {
        let stage = match self.stage {
            Stage::Parse => "parse",
            Stage::Judge => "judge",
            Stage::Send => "send",
            Stage::Accept => "accept",
        };
        format!(
            "{PREFIX}{stage}/{}/{}/{}/{}.json",
            self.at.strftime("%Y/%m/%d"),
            self.worker.account,
            self.worker.region,
            self.sha256,
        )
    }

    /// The document's bytes.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("plain strings and numbers always serialise")
    }

    /// The original bytes, checked.
    pub fn original(&self) -> Result<Vec<u8>, LetterError> {
        if self.layout != 1 {
            return Err(LetterError::Layout(self.layout));
        }
        let bytes = STANDARD
            .decode(&self.body)
            .map_err(|_| LetterError::Encoding)?;
        if hex(&Sha256::digest(&bytes)) == self.sha256 {
            Ok(bytes)
        } else {
            Err(LetterError::Hash)
        }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> DeadLetter {
        let worker = WorkerInfo {
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            version: "0.1.0".into(),
            rules: "abc".into(),
        };
        let at = "2026-05-01T10:00:00Z".parse().unwrap();
        DeadLetter::new(Stage::Judge, "rule panicked", worker, at, b"{\xff")
    }

    #[test]
    fn the_key_is_documented_and_the_bytes_come_back() {
        let letter = letter();
        assert!(
            letter
                .key()
                .starts_with("dead-letter/judge/2026/05/01/111122223333/eu-west-1/")
        );
        let read: DeadLetter = serde_json::from_slice(&letter.to_json()).unwrap();
        assert_eq!(read.original().unwrap(), b"{\xff");
    }

    #[test]
    fn a_changed_letter_is_refused() {
        let changed = DeadLetter {
            body: "AAAA".into(),
            ..letter()
        };
        assert_eq!(changed.original(), Err(LetterError::Hash));
        let later = DeadLetter {
            layout: 2,
            ..letter()
        };
        assert_eq!(later.original(), Err(LetterError::Layout(2)));
    }
}

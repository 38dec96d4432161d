//! The stable finding id: the same event gives the same id, whatever path it took.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Prefix of every finding id.
const PREFIX: &str = "f-";
/// Length of 16 bytes in unpadded base32.
const DIGITS: usize = 26;
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// `f-` and 26 characters of lower-case unpadded RFC 4648 base32.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^f-[a-z2-7]{26}$"))]
pub struct FindingId(String);

/// A text that is no finding id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no finding id: f- and 26 of a-z and 2-7 are needed")]
pub struct InvalidFindingId(String);

/// The five parts that a finding's id depends on, and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// UUID of the rule.
    pub rule: &'a str,
    /// Account that the event belongs to.
    pub account: &'a str,
    /// Region of the event.
    pub region: &'a str,
    /// Event id; see `Finding` for what stands in where a record has none.
    pub event: &'a str,
    /// ARN, else `type/name`, else empty.
    pub resource: &'a str,
}

impl Identity<'_> {
    /// First 16 bytes of SHA-256 over the parts, each preceded by its length as u32 big-endian.
    pub fn id(&self) -> FindingId {
        let mut hash = Sha256::new();
        for part in [
            self.rule,
            self.account,
            self.region,
            self.event,
            self.resource,
        ] {
            // Inputs are capped far below 4 GiB; saturating keeps this total all the same.
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            hash.update(length.to_be_bytes());
            hash.update(part.as_bytes());
        }
        FindingId(format!("{PREFIX}{}", base32(&hash.finalize()[..16])))
    }
}

impl FindingId {
    /// Checks the form of an id.
    pub fn parse(text: &str) -> Result<Self, InvalidFindingId> {
        let digits = text.strip_prefix(PREFIX).unwrap_or("");
        if digits.len() == DIGITS && digits.bytes().all(|b| BASE32.contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidFindingId(text.chars().take(48).collect()))
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Lower-case unpadded RFC 4648 base32.
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0_u16, 0_u32);
    for &byte in bytes {
        buffer = (buffer << 8) | u16::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(digit(buffer >> bits));
        }
    }
    if bits > 0 {
        text.push(digit(buffer << (5 - bits)));
    }
    text
}

fn digit(value: u16) -> char {
    char::from(BASE32[usize::from(value & 31)])
}

impl TryFrom<String> for FindingId {
    type Error = InvalidFindingId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<FindingId> for String {
    fn from(id: FindingId) -> String {
        id.0
    }
}

impl std::fmt::Display for FindingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: Identity<'static> = Identity {
        rule: "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11",
        account: "111122223333",
        region: "eu-west-1",
        event: "e-1",
        resource: "arn:aws:s3:::b",
    };

    #[test]
    fn base32_follows_the_test_vectors_of_rfc_4648() {
        let cases = [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
            ("foobar", "mzxw6ytboi"),
        ];
        for (input, expected) in cases {
            assert_eq!(base32(input.as_bytes()), expected, "{input}");
        }
    }

    #[test]
    fn the_id_is_pinned() {
        insta::assert_snapshot!(PARTS.id(), @"f-iwvrv37fygnc5lvtjndbj3abei");
    }

    #[test]
    fn moving_a_character_between_parts_changes_the_id() {
        let moved = Identity {
            account: "111122223333e",
            region: "u-west-1",
            ..PARTS
        };
        assert_ne!(moved.id(), PARTS.id());
    }

    #[test]
    fn only_the_exact_form_parses() {
        assert!(FindingId::parse(PARTS.id().as_str()).is_ok());
        for text in [
            "",
            "f-",
            "f-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "x-aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "f-aaaaaaaaaaaaaaaaaaaaaaaaa1",
        ] {
            assert!(FindingId::parse(text).is_err(), "{text}");
        }
    }
}

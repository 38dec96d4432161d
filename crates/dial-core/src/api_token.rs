//! The text of an API token: random, proven to be a master's, and safe against typing errors.
//!
//! `dial_` + 52 random digits (256 bits) + 20 digits of a proof + 7 digits of a checksum, all
//! lower-case base32. The proof is an HMAC with a root key, so that a master drops a made-up token
//! without asking its store. The checksum needs no key: a client finds a typing error and a
//! secret scanner a true token.

use crate::Secret;
use crate::id::base32;
use crate::key::{RootKey, RootKeys};
use hmac::Mac;
use sha2::{Digest, Sha256};

/// What every token starts with.
pub const PREFIX: &str = "dial_";
/// Random bytes of a token.
pub const RANDOM_BYTES: usize = 32;
/// Digits of 32 bytes.
const RANDOM: usize = 52;
/// Digits of the proof: 100 bits, so that guessing one costs more than a store call is worth.
const PROOF: usize = 20;
/// Digits of the checksum: 35 bits.
const CHECKSUM: usize = 7;
/// Digits that a list shows, so that people recognise a token.
const SHOWN: usize = 6;

/// A token whose form and checksum are right; whether it is known, the store says.
#[derive(Debug, Clone)]
pub struct ApiToken(Secret);

/// Why a text is no API token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiTokenError {
    /// Not the prefix and 79 digits.
    #[error("an API token is {PREFIX} and 79 of a-z and 2-7; make one with `dial tokens create`")]
    Form,
    /// A digit is wrong or missing.
    #[error("the checksum of the API token is wrong: it was not copied whole")]
    Checksum,
}

impl ApiToken {
    /// Makes a token of 32 random bytes, proven with the newest root key; `None` without one.
    pub fn mint(random: [u8; RANDOM_BYTES], roots: &RootKeys) -> Option<Self> {
        let (_, root) = roots.newest_first().next()?;
        let random = base32(&random);
        let body = format!("{PREFIX}{random}{}", proof(root, &random));
        Some(Self(Secret::new(&format!("{body}{}", checksum(&body)))))
    }

    /// Checks form and checksum.
    pub fn parse(text: &str) -> Result<Self, ApiTokenError> {
        let digits = text.strip_prefix(PREFIX).ok_or(ApiTokenError::Form)?;
        let fits = |b: u8| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b);
        if digits.len() != RANDOM + PROOF + CHECKSUM || !digits.bytes().all(fits) {
            return Err(ApiTokenError::Form);
        }
        let (body, shown) = text.split_at(text.len() - CHECKSUM);
        if checksum(body) == shown {
            Ok(Self(Secret::new(text)))
        } else {
            Err(ApiTokenError::Checksum)
        }
    }

    /// Whether one of these root keys proves it; takes the same time for every token.
    pub fn is_proven(&self, roots: &RootKeys) -> bool {
        let digits = &self.0.expose()[PREFIX.len()..];
        let (random, rest) = digits.split_at(RANDOM);
        let shown = Sha256::digest(&rest[..PROOF]);
        roots.newest_first().fold(false, |proven, (_, root)| {
            // Of the digests the difference says nothing, wherever it begins.
            proven | (Sha256::digest(proof(root, random)) == shown)
        })
    }

    /// `t-` and the first 16 bytes of its SHA-256 in base32: all that a store keeps of it.
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.0.expose());
        format!("t-{}", base32(&digest[..16]))
    }

    /// The start of the token, by which its holder recognises it.
    pub fn hint(&self) -> String {
        let text = self.0.expose();
        text[..PREFIX.len() + SHOWN].to_owned()
    }

    /// The token itself, for the one who is to hold it.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

fn proof(root: &RootKey, random: &str) -> String {
    let mac = root.token_mac(random).finalize().into_bytes();
    let mut digits = base32(&mac);
    digits.truncate(PROOF);
    digits
}

fn checksum(body: &str) -> String {
    let digest = Sha256::digest(format!("dial/token/checksum/v1/{body}"));
    let mut digits = base32(&digest);
    digits.truncate(CHECKSUM);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(bytes: &[u8]) -> RootKeys {
        let numbered = (1..).zip(bytes);
        numbered.fold(RootKeys::default(), |roots, (number, byte)| {
            roots.with(number, RootKey::from_bytes([*byte; 32]))
        })
    }

    fn token() -> ApiToken {
        ApiToken::mint([9; RANDOM_BYTES], &roots(&[1, 2])).unwrap()
    }

    #[test]
    fn the_spelling_is_pinned() {
        let token = token();
        let text = token.secret().expose().to_owned();
        insta::assert_snapshot!(format!("{text}\n{}\n{}", token.id(), token.hint()));
        assert_eq!(ApiToken::parse(&text).unwrap().id(), token.id());
        assert!(!format!("{token:?}").contains(&text));
        assert!(ApiToken::mint([9; RANDOM_BYTES], &RootKeys::default()).is_none());
    }

    #[test]
    fn every_changed_digit_is_found() {
        let text = token().secret().expose().to_owned();
        for at in PREFIX.len()..text.len() {
            let other = if text.as_bytes()[at] == b'a' {
                "b"
            } else {
                "a"
            };
            let mut changed = text.clone();
            changed.replace_range(at..=at, other);
            let error = ApiToken::parse(&changed).unwrap_err();
            assert_eq!(error, ApiTokenError::Checksum, "digit {at}");
        }
        let longer = format!("{text}a");
        for wrong in [
            "",
            "dial_",
            "dial-demo-0123456789",
            &text[1..],
            &longer,
            "dial_é",
        ] {
            assert_eq!(
                ApiToken::parse(wrong).unwrap_err(),
                ApiTokenError::Form,
                "{wrong}"
            );
        }
    }

    #[test]
    fn only_a_live_root_key_proves_a_token() {
        let token = token();
        for (name, keys, proven) in [
            ("both", &[1, 2][..], true),
            ("rotated further", &[3, 2], true),
            ("retired", &[1, 3], false),
            ("none", &[], false),
        ] {
            assert_eq!(token.is_proven(&roots(keys)), proven, "{name}");
        }
    }
}

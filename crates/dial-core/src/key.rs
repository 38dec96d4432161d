//! Root keys of the master and the worker keys derived from them.
//!
//! A worker's key is HMAC-SHA256(root key n, `dial/worker/v1/<account>/<region>/<not-after>`):
//! it can sign for one account and region only, and the master stores none of them.

use crate::{Secret, WorkerId};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a root key and of a worker key.
pub const KEY_BYTES: usize = 32;
const PREFIX: &str = "whsec_";

/// HMAC-SHA256, the only primitive that keys and signatures use.
pub(crate) type HmacSha256 = Hmac<Sha256>;

/// Why a text is no key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The prefix of Standard Webhooks is missing.
    #[error("a key starts with {PREFIX}; make one with `dial keys new`")]
    Prefix,
    /// Not standard base64 of 32 bytes.
    #[error("a key is {PREFIX} and the standard base64 of {KEY_BYTES} bytes")]
    Bytes,
    /// The `dial-key` header or field is not `<root key number>/<not-after>`.
    #[error("a key id is <root key number>/<not-after in Unix seconds, 0 for never>")]
    Id,
}

/// 32 random bytes from which worker keys are derived; lives with the master only.
#[derive(Clone)]
pub struct RootKey([u8; KEY_BYTES]);

/// The key of one worker: signs for its account and region, until its `not_after`.
#[derive(Clone)]
pub struct WorkerKey([u8; KEY_BYTES]);

/// Which root key made a worker key, and until when it may be used: the `dial-key` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyId {
    /// Number of the root key; two are live during a rotation.
    pub root: u32,
    /// Unix seconds after which the key is refused; 0 = never.
    pub not_after: u64,
}

/// The root keys that a master accepts, by number.
#[derive(Debug, Clone, Default)]
pub struct RootKeys(Vec<(u32, RootKey)>);

impl RootKey {
    /// Wraps 32 bytes from a cryptographic random source.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads `whsec_` + standard base64.
    pub fn parse(secret: &Secret) -> Result<Self, KeyError> {
        parse(secret).map(Self)
    }

    /// The key as `whsec_` + standard base64, for the one who is to keep it.
    pub fn to_secret(&self) -> Secret {
        to_secret(&self.0)
    }

    /// Derives the key of a worker.
    pub fn worker_key(&self, worker: &WorkerId, not_after: u64) -> WorkerKey {
        let mut mac = keyed(&self.0);
        mac.update(format!("dial/worker/v1/{worker}/{not_after}").as_bytes());
        WorkerKey(mac.finalize().into_bytes().into())
    }

    /// A key of the master's own for one purpose, such as `sign-in`; whoever has it learns nothing
    /// about the root key or about any other.
    pub fn own_key(&self, purpose: &str) -> [u8; KEY_BYTES] {
        let mut mac = keyed(&self.0);
        mac.update(format!("dial/own/v1/{purpose}").as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// HMAC-SHA256 that proves that an API token was made with this key.
    pub(crate) fn token_mac(&self, random: &str) -> HmacSha256 {
        let mut mac = keyed(&self.0);
        mac.update(format!("dial/token/v1/{random}").as_bytes());
        mac
    }
}

impl WorkerKey {
    /// Reads `whsec_` + standard base64.
    pub fn parse(secret: &Secret) -> Result<Self, KeyError> {
        parse(secret).map(Self)
    }

    /// The key as `whsec_` + standard base64.
    pub fn to_secret(&self) -> Secret {
        to_secret(&self.0)
    }

    pub(crate) fn mac(&self) -> HmacSha256 {
        keyed(&self.0)
    }
}

impl RootKeys {
    /// Adds a key under its number; a later one replaces an earlier one.
    #[must_use]
    pub fn with(mut self, number: u32, key: RootKey) -> Self {
        self.0.retain(|(existing, _)| *existing != number);
        self.0.push((number, key));
        self
    }

    /// The key of that number.
    pub fn get(&self, number: u32) -> Option<&RootKey> {
        self.0
            .iter()
            .find(|(existing, _)| *existing == number)
            .map(|(_, key)| key)
    }

    /// Every key with its number, the newest number first.
    pub fn newest_first(&self) -> impl Iterator<Item = (u32, &RootKey)> {
        let mut keys: Vec<_> = self.0.iter().map(|(number, key)| (*number, key)).collect();
        keys.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        keys.into_iter()
    }

    /// Whether there is no key at all, so that no worker could ever be heard.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::str::FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (root, not_after) = text.split_once('/').ok_or(KeyError::Id)?;
        Ok(Self {
            root: decimal(root)?.try_into().map_err(|_| KeyError::Id)?,
            not_after: decimal(not_after)?,
        })
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.root, self.not_after)
    }
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootKey([redacted])")
    }
}

impl std::fmt::Debug for WorkerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WorkerKey([redacted])")
    }
}

/// Reads canonical decimals only: `+5` or `05` would be other spellings of a signed value.
fn decimal(text: &str) -> Result<u64, KeyError> {
    let value: u64 = text.parse().map_err(|_| KeyError::Id)?;
    if value.to_string() == text {
        Ok(value)
    } else {
        Err(KeyError::Id)
    }
}

fn keyed(bytes: &[u8; KEY_BYTES]) -> HmacSha256 {
    HmacSha256::new_from_slice(bytes).expect("HMAC takes keys of any length")
}

fn parse(secret: &Secret) -> Result<[u8; KEY_BYTES], KeyError> {
    let encoded = secret
        .expose()
        .strip_prefix(PREFIX)
        .ok_or(KeyError::Prefix)?;
    STANDARD
        .decode(encoded)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(KeyError::Bytes)
}

fn to_secret(bytes: &[u8; KEY_BYTES]) -> Secret {
    Secret::new(&format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(text: &str) -> WorkerId {
        text.parse().unwrap()
    }

    #[test]
    fn the_derivation_is_pinned() {
        let root = RootKey::from_bytes([7; KEY_BYTES]);
        let key = root.worker_key(&worker("111122223333/eu-west-1"), 0);
        insta::assert_snapshot!(key.to_secret().expose(), @"whsec_UNr1vjnkKZVoVjCd4phPFTMAdyYZOtAQNYno+UpkogY=");
    }

    #[test]
    fn account_region_and_expiry_each_change_the_key() {
        let root = RootKey::from_bytes([7; KEY_BYTES]);
        let key = |id: &str, until| root.worker_key(&worker(id), until).0;
        let base = key("111122223333/eu-west-1", 0);
        assert_ne!(base, key("111122223334/eu-west-1", 0));
        assert_ne!(base, key("111122223333/eu-west-2", 0));
        assert_ne!(base, key("111122223333/eu-west-1", 1));
    }

    #[test]
    fn keys_of_ones_own_differ_by_purpose_and_root_and_are_no_workers() {
        let (one, two) = (
            RootKey::from_bytes([1; KEY_BYTES]),
            RootKey::from_bytes([2; KEY_BYTES]),
        );
        let all = [
            one.own_key("sign-in"),
            one.own_key("session"),
            two.own_key("sign-in"),
            one.worker_key(&worker("111122223333/eu-west-1"), 0).0,
        ];
        for (at, key) in all.iter().enumerate() {
            assert!(!all[..at].contains(key));
        }
        assert_eq!(one.own_key("sign-in"), all[0]);
    }

    #[test]
    fn keys_round_trip_and_wrong_ones_name_the_fix() {
        let root = RootKey::from_bytes([9; KEY_BYTES]);
        assert_eq!(RootKey::parse(&root.to_secret()).unwrap().0, root.0);
        for text in ["abc", "whsec_", "whsec_AAAA", "whsec_!!!"] {
            assert!(RootKey::parse(&Secret::new(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn key_ids_have_one_spelling() {
        let id = KeyId {
            root: 2,
            not_after: 1_900_000_000,
        };
        assert_eq!("2/1900000000".parse(), Ok(id));
        for text in [
            "",
            "2",
            "2/",
            "/0",
            "02/0",
            "+2/0",
            "2/-1",
            "2/0/0",
            "99999999999/0",
        ] {
            assert_eq!(text.parse::<KeyId>(), Err(KeyError::Id), "{text}");
        }
    }
}

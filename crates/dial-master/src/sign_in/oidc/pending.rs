//! A sign-in that was begun: one random seed, sealed into a cookie until its end comes back.

use super::{decode, encode};
use dial_core::Secret;
use dial_core::api_token::RANDOM_BYTES;
use dial_core::key::RootKeys;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// How long people may take at the provider.
pub(crate) const LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Random bytes.
const SEED: usize = 32;
/// What the key that seals is for.
const PURPOSE: &str = "sign-in";

/// A sign-in that was begun. State, nonce and verifier come of the seed, each by a hash of its
/// own, so that none tells another.
pub(crate) struct Pending {
    seed: [u8; SEED],
    /// Unix seconds.
    until: i64,
    next: String,
}

impl Pending {
    /// Begins a sign-in that leads on to `next`; the seed is random.
    pub(crate) fn begin(seed: [u8; SEED], next: &str, now: Timestamp) -> Self {
        let until = now.saturating_add(LIFE).unwrap_or(Timestamp::MAX);
        Self {
            seed,
            until: until.as_second(),
            next: next.to_owned(),
        }
    }

    /// Where the visitor was going.
    pub(crate) fn next(&self) -> &str {
        &self.next
    }

    /// Its text in a cookie, sealed with the newest root key; `None` without one.
    pub(crate) fn seal(&self, roots: &RootKeys) -> Option<Secret> {
        let (_, root) = roots.newest_first().next()?;
        let next = encode(self.next.as_bytes());
        let body = format!("{}.{}.{next}", encode(&self.seed), self.until);
        let seal = mac(&root.own_key(PURPOSE), &body).finalize();
        let seal: [u8; 32] = seal.into_bytes().into();
        Some(Secret::new(&format!("{body}.{}", encode(&seal))))
    }

    /// Reads a cookie that one of these root keys has sealed and whose time is not over.
    pub(crate) fn open(text: &str, roots: &RootKeys, now: Timestamp) -> Option<Self> {
        let (body, seal) = text.rsplit_once('.')?;
        let seal = decode(seal)?;
        let is_ours = roots.newest_first().any(|(_, root)| {
            let mac = mac(&root.own_key(PURPOSE), body);
            mac.verify_slice(&seal).is_ok()
        });
        if !is_ours {
            return None;
        }
        let mut parts = body.split('.');
        let pending = Self {
            seed: decode(parts.next()?)?.try_into().ok()?,
            until: parts.next()?.parse().ok()?,
            next: String::from_utf8(decode(parts.next()?)?).ok()?,
        };
        (now.as_second() < pending.until).then_some(pending)
    }

    /// What the provider sends back with the browser.
    pub(super) fn state(&self) -> String {
        encode(&self.hash("state"))
    }

    /// What the provider writes into the ID token.
    pub(super) fn nonce(&self) -> String {
        encode(&self.hash("nonce"))
    }

    /// What proves to the provider that who began is who asks for the token (RFC 7636).
    pub(super) fn verifier(&self) -> String {
        encode(&self.hash("verifier"))
    }

    /// What the provider knows of the verifier from the start, by the method S256.
    pub(super) fn challenge(&self) -> String {
        encode(&Sha256::digest(self.verifier())[..])
    }

    /// The random part of the secret of the session that this sign-in opens: always the same, so
    /// that the store takes it once. `None` without a root key.
    pub(crate) fn session(&self, roots: &RootKeys) -> Option<[u8; RANDOM_BYTES]> {
        let (_, root) = roots.newest_first().next()?;
        let session = encode(&self.hash("session"));
        let bytes = mac(&root.own_key("session"), &session).finalize();
        Some(bytes.into_bytes().into())
    }

    fn hash(&self, what: &str) -> [u8; 32] {
        Sha256::new_with_prefix(format!("dial/sign-in/v1/{what}/"))
            .chain_update(self.seed)
            .finalize()
            .into()
    }
}

fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::key::RootKey;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        "2026-05-01T10:00:00Z".parse().unwrap()
    }

    fn roots(bytes: &[u8]) -> RootKeys {
        (1..)
            .zip(bytes)
            .fold(RootKeys::default(), |roots, (number, byte)| {
                roots.with(number, RootKey::from_bytes([*byte; 32]))
            })
    }

    #[test]
    fn what_was_sealed_opens_for_ten_minutes_under_either_root_key() {
        let pending = Pending::begin([7; SEED], "/findings?q=a.b", now());
        let text = pending.seal(&roots(&[1])).unwrap();
        let cases = [
            ("at once", 0, &[1][..], true),
            ("at the last second", 599, &[1], true),
            ("after ten minutes", 600, &[1], false),
            ("after a rotation", 60, &[1, 2], true),
            ("after the key has gone", 60, &[2], false),
            ("without a key", 60, &[], false),
        ];
        for (name, seconds, keys, expected) in cases {
            let then = now() + SignedDuration::from_secs(seconds);
            let opened = Pending::open(text.expose(), &roots(keys), then);
            assert_eq!(opened.is_some(), expected, "{name}");
            if let Some(opened) = opened {
                assert_eq!(opened.next(), "/findings?q=a.b", "{name}");
                assert_eq!(opened.state(), pending.state(), "{name}");
                assert_eq!(opened.verifier(), pending.verifier(), "{name}");
            }
        }
        assert!(pending.seal(&roots(&[])).is_none());
        assert!(pending.session(&roots(&[])).is_none());
    }

    #[test]
    fn what_comes_of_a_seed_is_pinned_and_never_the_same_twice() {
        let pending = Pending::begin([7; SEED], "/", now());
        let all = [
            pending.state(),
            pending.nonce(),
            pending.verifier(),
            pending.challenge(),
            encode(&pending.session(&roots(&[1])).unwrap()),
        ];
        for (at, one) in all.iter().enumerate() {
            // RFC 7636 wants at least 43 characters of a verifier.
            assert_eq!(one.len(), 43);
            assert!(!all[..at].contains(one));
        }
        insta::assert_snapshot!(all.join("\n"));
        let other = Pending::begin([8; SEED], "/", now());
        assert_ne!(other.state(), pending.state());
        assert_ne!(other.session(&roots(&[1])), pending.session(&roots(&[1])));
        assert_ne!(pending.session(&roots(&[1])), pending.session(&roots(&[2])));
    }

    proptest! {
        #[test]
        fn a_changed_cookie_never_opens(at in any::<prop::sample::Index>(), byte in any::<char>()) {
            let sealed = Pending::begin([7; SEED], "/rules", now()).seal(&roots(&[1])).unwrap();
            let mut changed: Vec<char> = sealed.expose().chars().collect();
            let at = at.index(changed.len());
            prop_assume!(changed[at] != byte);
            changed[at] = byte;
            let changed: String = changed.into_iter().collect();
            prop_assert!(Pending::open(&changed, &roots(&[1]), now()).is_none());
        }

        #[test]
        fn any_text_is_read_without_harm(text in any::<String>()) {
            prop_assert!(Pending::open(&text, &roots(&[1]), now()).is_none());
        }
    }
}

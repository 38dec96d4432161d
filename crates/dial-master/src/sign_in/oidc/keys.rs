//! The keys that a provider publishes (JWK Set, RFC 7517).

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Most keys of a set that are looked at.
const MAX: usize = 100;

/// Keys that can be read; others are left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(Vec<Key>);

/// One public key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// Its name within the set.
    pub(super) id: Option<String>,
    /// The one algorithm that it is for, if it is for one only.
    algorithm: Option<KeyAlgorithm>,
    kind: Kind,
    /// The key itself.
    pub(super) material: DecodingKey,
}

/// What a key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Keys {
    /// Reads a set; `None` where it is none.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(body).ok()?;
        let keys = set.keys.into_iter().take(MAX);
        let keys = keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        Some(Self(keys.filter_map(|key| Key::read(&key)).collect()))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// How many can be used.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Key {
    /// A key that signs, of a kind that is known here.
    fn read(jwk: &Jwk) -> Option<Self> {
        let usage = jwk.common.public_key_use.as_ref();
        if usage.is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            return None;
        }
        Some(Self {
            id: jwk.common.key_id.clone(),
            algorithm: jwk.common.key_algorithm,
            kind: Kind::of(&jwk.algorithm)?,
            material: DecodingKey::from_jwk(jwk).ok()?,
        })
    }

    /// Whether a signature by this algorithm can be of this key.
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        let kind = match algorithm {
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => Kind::Rsa,
            Algorithm::ES256 => Kind::P256,
            Algorithm::ES384 => Kind::P384,
            Algorithm::EdDSA => Kind::Ed25519,
            // A shared secret is no key of a set that everybody can read.
            _ => return false,
        };
        let named = self.algorithm;
        kind == self.kind && named.is_none_or(|named| named == KeyAlgorithm::from(algorithm))
    }
}

impl Kind {
    fn of(parameters: &AlgorithmParameters) -> Option<Self> {
        match parameters {
            AlgorithmParameters::RSA(_) => Some(Self::Rsa),
            AlgorithmParameters::EllipticCurve(key) => match key.curve {
                EllipticCurve::P256 => Some(Self::P256),
                EllipticCurve::P384 => Some(Self::P384),
                _ => None,
            },
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Some(Self::Ed25519)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_that_cannot_be_used_are_left_out() {
        let cases = [
            ("RSA", json!({"kty": "RSA", "n": "AQ", "e": "AQAB"}), 1),
            (
                "to sign",
                json!({"kty": "RSA", "use": "sig", "n": "AQ", "e": "AQAB"}),
                1,
            ),
            (
                "to encrypt",
                json!({"kty": "RSA", "use": "enc", "n": "AQ", "e": "AQAB"}),
                0,
            ),
            ("RSA without e", json!({"kty": "RSA", "n": "AQ"}), 0),
            ("padded", json!({"kty": "RSA", "n": "AQ==", "e": "AQAB"}), 0),
            (
                "EC",
                json!({"kty": "EC", "crv": "P-256", "x": "AQ", "y": "Ag"}),
                1,
            ),
            (
                "EC without a curve",
                json!({"kty": "EC", "x": "AQ", "y": "Ag"}),
                0,
            ),
            (
                "Ed25519",
                json!({"kty": "OKP", "crv": "Ed25519", "x": "AQ"}),
                1,
            ),
            ("Ed448", json!({"kty": "OKP", "crv": "Ed448", "x": "AQ"}), 0),
            ("a shared secret", json!({"kty": "oct", "k": "AQ"}), 0),
            ("no object", json!(7), 0),
        ];
        for (name, key, expected) in cases {
            let set = json!({ "keys": [key] }).to_string();
            let keys = Keys::parse(set.as_bytes()).unwrap();
            assert_eq!(keys.len(), expected, "{name}");
        }
        for (name, text) in [("no JSON", "{"), ("no set", "{}"), ("a list", "[]")] {
            assert!(Keys::parse(text.as_bytes()).is_none(), "{name}");
        }
        let many = json!({ "keys": vec![json!({"kty": "RSA", "n": "AQ", "e": "AQAB"}); 500] });
        assert_eq!(Keys::parse(many.to_string().as_bytes()).unwrap().len(), MAX);
    }
}

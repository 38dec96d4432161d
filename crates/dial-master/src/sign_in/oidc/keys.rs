//! The keys that a provider publishes (JWK Set, RFC 7517).

use super::decode;
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
    pub(super) algorithm: Option<String>,
    /// The key itself.
    pub(super) material: Material,
}

/// What a key is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Material {
    /// Modulus and exponent.
    Rsa {
        /// Big-endian.
        n: Vec<u8>,
        /// Big-endian.
        e: Vec<u8>,
    },
    /// An uncompressed point on the named curve.
    Ec {
        /// `crv`.
        curve: String,
        /// `04 x y`.
        point: Vec<u8>,
    },
    /// A key of Ed25519.
    Ed25519(Vec<u8>),
}

/// A key as the set spells it.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
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
        Some(Self(keys.filter_map(Jwk::read).collect()))
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

impl Jwk {
    /// A key that signs, of a kind that is known here.
    fn read(self) -> Option<Key> {
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let bytes = |text: Option<String>| decode(&text?);
        let material = match (self.kty.as_str(), self.crv) {
            ("RSA", _) => Material::Rsa {
                n: bytes(self.n)?,
                e: bytes(self.e)?,
            },
            ("EC", Some(curve)) => {
                let mut point = vec![4];
                point.extend(bytes(self.x)?);
                point.extend(bytes(self.y)?);
                Material::Ec { curve, point }
            }
            ("OKP", Some(curve)) if curve == "Ed25519" => Material::Ed25519(bytes(self.x)?),
            _ => return None,
        };
        Some(Key {
            id: self.kid,
            algorithm: self.alg,
            material,
        })
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

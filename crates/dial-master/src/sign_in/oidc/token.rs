//! The signature of an ID token: JWS in its compact form (RFC 7515), by algorithms with a public
//! key only.

use super::decode;
use super::keys::{Key, Keys};
use crate::message::text::inert;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Longest token, bytes; those with hundreds of groups are shorter.
const MAX: usize = 64 * 1024;

/// Claims of a token.
pub(super) type Claims = Map<String, Value>;

/// Why the signature of a token does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No compact JWS.
    #[error("{0}")]
    Malformed(&'static str),
    /// By an algorithm that is not allowed.
    #[error("algorithm {0} is not allowed")]
    Algorithm(String),
    /// By a key that the provider does not publish, or it cannot be told which.
    #[error("no published key fits key id {0} and its algorithm")]
    UnknownKey(String),
    /// By another key, or changed since.
    #[error("signature does not match")]
    Signature,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// The claims of a token that one of these keys has signed.
pub(super) fn verify(token: &str, keys: &Keys) -> Result<Claims, TokenError> {
    if token.len() > MAX {
        return Err(TokenError::Malformed("is too long"));
    }
    let mut parts = token.split('.');
    let header = parts
        .next()
        .filter(|_| parts.count() == 2)
        .ok_or(NO_PARTS)?;
    let header: Header = json(header).ok_or(TokenError::Malformed("header cannot be read"))?;
    if header.crit.is_some() {
        // Whoever does not understand an extension must refuse it, and none is understood here.
        return Err(TokenError::Malformed("header names critical extensions"));
    }
    let algorithm = algorithm(&header)?;
    let key = key(&header, algorithm, keys)?;
    let checked = jsonwebtoken::decode(token, &key.material, &signature_only(algorithm));
    match checked {
        Ok(checked) => Ok(checked.claims),
        Err(error) if *error.kind() == ErrorKind::InvalidSignature => Err(TokenError::Signature),
        Err(_) => Err(TokenError::Malformed("signature or claims cannot be read")),
    }
}

const NO_PARTS: TokenError = TokenError::Malformed("is not three parts with dots between");

/// Neither `none` nor an algorithm with a shared secret is allowed.
fn algorithm(header: &Header) -> Result<Algorithm, TokenError> {
    let named = header.alg.parse().ok();
    let shared = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    let public = named.filter(|algorithm| !shared.contains(algorithm));
    public.ok_or_else(|| TokenError::Algorithm(inert(&header.alg, 64)))
}

/// The one key that a header names, of the right kind and for this algorithm.
fn key<'k>(header: &Header, algorithm: Algorithm, keys: &'k Keys) -> Result<&'k Key, TokenError> {
    let is_named = |key: &Key| header.kid.is_none() || header.kid == key.id;
    let mut fitting = keys
        .iter()
        .filter(|key| is_named(key) && key.is_for(algorithm));
    if let (Some(key), None) = (fitting.next(), fitting.next()) {
        return Ok(key);
    }
    let id = header.kid.as_deref().unwrap_or("(none)");
    Err(TokenError::UnknownKey(inert(id, 64)))
}

/// The claims are judged by our own clock, in `claims`.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut wanted = Validation::new(algorithm);
    wanted.required_spec_claims.clear();
    wanted.validate_exp = false;
    wanted.validate_aud = false;
    wanted
}

fn json<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&decode(part)?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::encode;
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature as by;
    use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::LazyLock;

    static RSA: LazyLock<RsaKeyPair> =
        LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    static EC: LazyLock<EcdsaKeyPair> =
        LazyLock::new(|| EcdsaKeyPair::generate(&by::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
    static ED: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().unwrap());

    /// A positive whole number at the start of DER, and the rest.
    fn integer(der: &[u8]) -> (&[u8], &[u8]) {
        assert_eq!(der[0], 2);
        let (length, rest) = length(&der[1..]);
        let (number, rest) = rest.split_at(length);
        (number.strip_prefix(&[0]).unwrap_or(number), rest)
    }

    fn length(der: &[u8]) -> (usize, &[u8]) {
        match usize::from(der[0]) {
            short @ ..0x80 => (short, &der[1..]),
            long => {
                let (bytes, rest) = der[1..].split_at(long - 0x80);
                let length = bytes
                    .iter()
                    .fold(0, |all, byte| all * 256 + usize::from(*byte));
                (length, rest)
            }
        }
    }

    fn rsa_jwk(id: &str) -> Value {
        let der = RSA.public_key().as_ref();
        let (_, numbers) = length(&der[1..]);
        let (n, rest) = integer(numbers);
        let (e, _) = integer(rest);
        json!({"kty": "RSA", "kid": id, "use": "sig", "n": encode(n), "e": encode(e)})
    }

    fn ec_jwk(id: &str) -> Value {
        let (x, y) = EC.public_key().as_ref()[1..].split_at(32);
        json!({"kty": "EC", "kid": id, "crv": "P-256", "x": encode(x), "y": encode(y)})
    }

    fn ed_jwk(id: &str) -> Value {
        let x = encode(ED.public_key().as_ref());
        json!({"kty": "OKP", "kid": id, "crv": "Ed25519", "x": x})
    }

    fn keys(list: &[Value]) -> Keys {
        Keys::parse(json!({ "keys": list }).to_string().as_bytes()).unwrap()
    }

    fn sign(header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let rsa = |padding: &'static dyn by::RsaEncoding| {
            let mut signature = vec![0; RSA.public_modulus_len()];
            let random = SystemRandom::new();
            RSA.sign(padding, &random, signed.as_bytes(), &mut signature)
                .unwrap();
            signature
        };
        let signature = match header["alg"].as_str().unwrap() {
            "RS256" => rsa(&by::RSA_PKCS1_SHA256),
            "RS512" => rsa(&by::RSA_PKCS1_SHA512),
            "PS256" => rsa(&by::RSA_PSS_SHA256),
            "ES256" => {
                let signature = EC.sign(&SystemRandom::new(), signed.as_bytes());
                signature.unwrap().as_ref().to_vec()
            }
            "EdDSA" => ED.sign(signed.as_bytes()).as_ref().to_vec(),
            _ => Vec::new(),
        };
        format!("{signed}.{}", encode(&signature))
    }

    #[test]
    fn every_kind_of_key_verifies_what_it_signed() {
        let keys = keys(&[rsa_jwk("r"), ec_jwk("e"), ed_jwk("d")]);
        let claims = json!({"sub": "a"});
        for (algorithm, id) in [
            ("RS256", Some("r")),
            ("RS512", Some("r")),
            ("PS256", Some("r")),
            ("ES256", Some("e")),
            ("EdDSA", Some("d")),
            ("RS256", None),
            ("ES256", None),
        ] {
            let header = match id {
                Some(id) => json!({"alg": algorithm, "kid": id}),
                None => json!({"alg": algorithm}),
            };
            let read = verify(&sign(&header, &claims), &keys);
            assert_eq!(
                read.map(Value::from),
                Ok(claims.clone()),
                "{algorithm} {id:?}"
            );
        }
    }

    #[test]
    fn tampered_tokens_are_refused() {
        let keys = keys(&[rsa_jwk("r"), ec_jwk("e"), ec_jwk("f")]);
        let claims = json!({"sub": "a"});
        let of = |header: Value| sign(&header, &claims);
        let good = of(json!({"alg": "RS256", "kid": "r"}));
        let parts: Vec<&str> = good.split('.').collect();
        let other = encode(json!({"sub": "b"}).to_string().as_bytes());
        let shared = encode(json!({"alg": "HS256", "kid": "r"}).to_string().as_bytes());
        let none = encode(json!({"alg": "none"}).to_string().as_bytes());
        let unknown = |id: &str| TokenError::UnknownKey(id.to_owned());
        let algorithm = |name: &str| TokenError::Algorithm(name.to_owned());
        let cases = [
            (
                "other claims",
                format!("{}.{other}.{}", parts[0], parts[2]),
                TokenError::Signature,
            ),
            (
                "no signature",
                format!("{}.{}.", parts[0], parts[1]),
                TokenError::Signature,
            ),
            (
                "no algorithm",
                format!("{none}.{}.", parts[1]),
                algorithm("none"),
            ),
            (
                "public key as a shared secret",
                format!("{shared}.{}.{}", parts[1], parts[2]),
                algorithm("HS256"),
            ),
            (
                "another spelling",
                of(json!({"alg": "rs256", "kid": "r"})),
                algorithm("rs256"),
            ),
            (
                "another key",
                of(json!({"alg": "RS256", "kid": "x"})),
                unknown("x"),
            ),
            (
                "key of another kind",
                of(json!({"alg": "ES256", "kid": "r"})),
                unknown("r"),
            ),
            (
                "two keys would do",
                of(json!({"alg": "ES256"})),
                unknown("(none)"),
            ),
            (
                "critical extension",
                of(json!({"alg": "RS256", "kid": "r", "crit": ["b64"]})),
                TokenError::Malformed("header names critical extensions"),
            ),
            (
                "padded",
                format!("{good}="),
                TokenError::Malformed("signature or claims cannot be read"),
            ),
            ("two parts", format!("{}.{}", parts[0], parts[1]), NO_PARTS),
            ("four parts", format!("{good}.{}", parts[2]), NO_PARTS),
            ("nothing", String::new(), NO_PARTS),
            (
                "too long",
                "a".repeat(MAX + 1),
                TokenError::Malformed("is too long"),
            ),
        ];
        for (name, token, expected) in cases {
            let refused = verify(&token, &keys).unwrap_err();
            assert_eq!(refused, expected, "{name}");
        }
        let for_another = {
            let mut key = rsa_jwk("r");
            key["alg"] = "RS512".into();
            self::keys(&[key])
        };
        assert_eq!(verify(&good, &for_another), Err(unknown("r")));
    }

    proptest! {
        #[test]
        fn a_changed_byte_anywhere_is_refused(at in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
            let keys = keys(&[ec_jwk("e")]);
            let good = sign(&json!({"alg": "ES256", "kid": "e"}), &json!({"sub": "a"}));
            let mut changed = good.into_bytes();
            let at = at.index(changed.len());
            prop_assume!(changed[at] != byte);
            changed[at] = byte;
            let changed = String::from_utf8(changed).unwrap();
            prop_assert!(verify(&changed, &keys).is_err());
        }

        #[test]
        fn any_text_is_read_without_harm(text in any::<String>()) {
            prop_assert!(verify(&text, &keys(&[ec_jwk("e")])).is_err());
        }
    }
}

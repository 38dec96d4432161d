//! The signature of an ID token: JWS in its compact form (RFC 7515), by algorithms with a public
//! key only.

use super::decode;
use super::keys::{Key, Keys, Material};
use crate::message::text::inert;
use aws_lc_rs::signature as by;
use aws_lc_rs::signature::{EcdsaVerificationAlgorithm, RsaParameters, RsaPublicKeyComponents};
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

/// How a signature is verified, and the kind of key that it takes.
enum Method {
    Rsa(&'static RsaParameters),
    Ec(&'static str, &'static EcdsaVerificationAlgorithm),
    Ed25519,
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
    let (signed, signature) = token.rsplit_once('.').ok_or(NO_PARTS)?;
    let (header, claims) = signed.split_once('.').ok_or(NO_PARTS)?;
    let header: Header = json(header).ok_or(TokenError::Malformed("header cannot be read"))?;
    let signature = decode(signature);
    let signature = signature.ok_or(TokenError::Malformed("signature cannot be read"))?;
    if header.crit.is_some() {
        // Whoever does not understand an extension must refuse it, and none is understood here.
        return Err(TokenError::Malformed("header names critical extensions"));
    }
    let shown = |text: &str| inert(text, 64);
    let method = method(&header.alg).ok_or_else(|| TokenError::Algorithm(shown(&header.alg)))?;
    let mut fitting = keys.iter().filter(|key| fits(key, &header, &method));
    let unknown = || TokenError::UnknownKey(shown(header.kid.as_deref().unwrap_or("(none)")));
    let key = fitting.next().ok_or_else(unknown)?;
    if fitting.next().is_some() {
        return Err(unknown());
    }
    if !holds(&method, &key.material, signed.as_bytes(), &signature) {
        return Err(TokenError::Signature);
    }
    json(claims).ok_or(TokenError::Malformed("claims cannot be read"))
}

const NO_PARTS: TokenError = TokenError::Malformed("is not three parts with dots between");

/// Neither `none` nor an algorithm with a shared secret is among them.
fn method(name: &str) -> Option<Method> {
    Some(match name {
        "RS256" => Method::Rsa(&by::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Method::Rsa(&by::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Method::Rsa(&by::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => Method::Rsa(&by::RSA_PSS_2048_8192_SHA256),
        "PS384" => Method::Rsa(&by::RSA_PSS_2048_8192_SHA384),
        "PS512" => Method::Rsa(&by::RSA_PSS_2048_8192_SHA512),
        "ES256" => Method::Ec("P-256", &by::ECDSA_P256_SHA256_FIXED),
        "ES384" => Method::Ec("P-384", &by::ECDSA_P384_SHA384_FIXED),
        "ES512" => Method::Ec("P-521", &by::ECDSA_P521_SHA512_FIXED),
        "EdDSA" | "Ed25519" => Method::Ed25519,
        _ => return None,
    })
}

/// Whether a key is the one that a header names, of the right kind and for this algorithm.
fn fits(key: &Key, header: &Header, method: &Method) -> bool {
    let kind = match (method, &key.material) {
        (Method::Rsa(_), Material::Rsa { .. }) | (Method::Ed25519, Material::Ed25519(_)) => true,
        (Method::Ec(wanted, _), Material::Ec { curve, .. }) => wanted == curve,
        _ => false,
    };
    let algorithm = key.algorithm.as_ref();
    kind && algorithm.is_none_or(|algorithm| *algorithm == header.alg)
        && (header.kid.is_none() || header.kid == key.id)
}

fn holds(method: &Method, key: &Material, message: &[u8], signature: &[u8]) -> bool {
    let verified = match (method, key) {
        (Method::Rsa(parameters), Material::Rsa { n, e }) => {
            RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
        }
        (Method::Ec(_, algorithm), Material::Ec { point, .. }) => {
            by::UnparsedPublicKey::new(*algorithm, point).verify(message, signature)
        }
        (Method::Ed25519, Material::Ed25519(key)) => {
            by::UnparsedPublicKey::new(&by::ED25519, key).verify(message, signature)
        }
        _ => return false,
    };
    verified.is_ok()
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
                TokenError::Malformed("signature cannot be read"),
            ),
            ("two parts", format!("{}.{}", parts[0], parts[1]), NO_PARTS),
            (
                "four parts",
                format!("{good}.{}", parts[2]),
                TokenError::Signature,
            ),
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

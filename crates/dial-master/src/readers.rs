//! Who may read: bearer tokens, kept as hashes and compared in constant time.

use crate::api::Caller;
use dial_core::Secret;
use dial_core::store::token::Scope;
use http::HeaderMap;
use http::header::{AUTHORIZATION, AsHeaderName, HOST};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Shortest token, characters; a shorter one could be guessed.
pub const MIN_TOKEN: usize = 24;

/// A token as the master holds it.
#[derive(Debug, Clone)]
pub struct Token {
    caller: Caller,
    sha256: [u8; 32],
    expires: Option<Timestamp>,
}

/// Who may read.
#[derive(Debug, Clone)]
pub enum Readers {
    /// Whoever reaches the loopback interface (`auth = "none"`).
    Loopback,
    /// Whoever shows one of these.
    Tokens(Vec<Token>),
}

/// Why a reader was refused; for the log, never for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReaderError {
    /// There is not exactly one `authorization: Bearer …`.
    #[error("no bearer token")]
    Missing,
    /// No token of the configuration or of the store.
    #[error("token is not known")]
    Unknown,
    /// Its time is over.
    #[error("token expired")]
    Expired,
    /// Somebody revoked it.
    #[error("token was revoked")]
    Revoked,
    /// Without tokens, a web page could reach loopback through a name of its own.
    #[error("host is not loopback")]
    Host,
}

impl Token {
    /// Keeps the hash of a token; `None` when it is shorter than [`MIN_TOKEN`].
    pub fn new(caller: Caller, secret: &Secret, expires: Option<Timestamp>) -> Option<Self> {
        (secret.expose().len() >= MIN_TOKEN).then(|| Self {
            caller,
            sha256: Sha256::digest(secret.expose()).into(),
            expires,
        })
    }
}

impl Readers {
    /// Who holds the token of that name, while it is in force.
    pub(crate) fn named(&self, name: &str, now: Timestamp) -> Option<&Caller> {
        let Readers::Tokens(tokens) = self else {
            return None;
        };
        let live = |token: &&Token| token.expires.is_none_or(|expires| now < expires);
        let mut named = tokens.iter().filter(|token| token.caller.name == name);
        named.find(live).map(|token| &token.caller)
    }

    /// Names the reader of a request, or says why there is none.
    pub fn authenticate(&self, headers: &HeaderMap, now: Timestamp) -> Result<Caller, ReaderError> {
        match self {
            Readers::Loopback if host_is_loopback(headers) => Ok(loopback()),
            Readers::Loopback => Err(ReaderError::Host),
            Readers::Tokens(tokens) => {
                let shown = bearer(headers).ok_or(ReaderError::Missing)?;
                let token = find(tokens, shown).ok_or(ReaderError::Unknown)?;
                match token.expires {
                    Some(expires) if expires <= now => Err(ReaderError::Expired),
                    _ => Ok(token.caller.clone()),
                }
            }
        }
    }
}

/// Whoever reaches a master without tokens may do everything: it is their machine.
fn loopback() -> Caller {
    Caller {
        name: "loopback".to_owned(),
        scope: Scope::Admin,
    }
}

/// Compares with every token, so that the time says nothing about which one was close.
fn find<'t>(tokens: &'t [Token], shown: &str) -> Option<&'t Token> {
    let sha256: [u8; 32] = Sha256::digest(shown).into();
    tokens.iter().fold(None, |found, token| {
        if bool::from(token.sha256.ct_eq(&sha256)) {
            Some(token)
        } else {
            found
        }
    })
}

/// The token of a request, where it shows exactly one.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = only(headers, &AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Browsers always send a host, and a page cannot choose it: this stops DNS rebinding.
fn host_is_loopback(headers: &HeaderMap) -> bool {
    if !headers.contains_key(HOST) {
        return true;
    }
    let Some(host) = only(headers, &HOST) else {
        return false;
    };
    let authority = host.parse::<http::uri::Authority>();
    authority.is_ok_and(|authority| {
        let name = authority.host().trim_matches(['[', ']']);
        name.eq_ignore_ascii_case("localhost")
            || name
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

/// The value of a header that is there exactly once and is plain ASCII.
pub(crate) fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "dial-0123456789-0123456789";

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn caller(name: &str) -> Caller {
        Caller {
            name: name.to_owned(),
            scope: Scope::Viewer,
        }
    }

    fn readers() -> Readers {
        let token = |name, text: &str, expires| {
            Token::new(caller(name), &Secret::new(text), expires).expect("is long enough")
        };
        let expires = "2026-05-01T10:00:00Z".parse().unwrap();
        Readers::Tokens(vec![
            token("soc", GOOD, None),
            token("old", "dial-old-old-old-old-old-old", Some(expires)),
        ])
    }

    #[test]
    fn tokens_are_known_by_name() {
        let readers = readers();
        let before: Timestamp = "2026-05-01T09:59:59Z".parse().unwrap();
        let after: Timestamp = "2026-05-01T10:00:00Z".parse().unwrap();
        let bearer = |token: &str| headers(&[("authorization", &format!("Bearer {token}"))]);
        let old = bearer("dial-old-old-old-old-old-old");
        assert_eq!(
            readers.authenticate(&bearer(GOOD), after),
            Ok(caller("soc"))
        );
        assert_eq!(readers.authenticate(&old, before), Ok(caller("old")));
        assert_eq!(readers.authenticate(&old, after), Err(ReaderError::Expired));
        let cases = [
            (headers(&[]), ReaderError::Missing),
            (headers(&[("authorization", GOOD)]), ReaderError::Missing),
            (bearer("dial-0123456789-012345678"), ReaderError::Unknown),
            (bearer(""), ReaderError::Unknown),
            (
                headers(&[("authorization", "Basic YTpi")]),
                ReaderError::Missing,
            ),
            (
                headers(&[
                    ("authorization", &format!("Bearer {GOOD}")),
                    ("authorization", &format!("Bearer {GOOD}")),
                ]),
                ReaderError::Missing,
            ),
        ];
        for (headers, expected) in cases {
            assert_eq!(
                readers.authenticate(&headers, before),
                Err(expected),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn short_tokens_are_refused_and_none_is_printed() {
        assert!(Token::new(caller("short"), &Secret::new("hunter2"), None).is_none());
        assert!(!format!("{:?}", readers()).contains(GOOD));
    }

    #[test]
    fn without_tokens_only_loopback_names_are_served() {
        for (host, good) in [
            ("127.0.0.1:8600", true),
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("[::1]:8600", true),
            ("attacker.example:8600", false),
            ("10.0.0.1", false),
            ("localhost.attacker.example", false),
        ] {
            let result =
                Readers::Loopback.authenticate(&headers(&[("host", host)]), Timestamp::MIN);
            assert_eq!(result.is_ok(), good, "{host}");
        }
        let result = Readers::Loopback.authenticate(&headers(&[]), Timestamp::MIN);
        assert!(result.is_ok());
    }
}

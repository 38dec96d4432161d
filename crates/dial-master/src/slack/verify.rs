//! Slack's signature over a request: who does not hold the signing secret is not heard.

use dial_core::Secret;
use dial_core::signature::{TOLERANCE_SECONDS, VerifyError};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use std::fmt::Write as _;
use subtle::{Choice, ConstantTimeEq as _};

/// Header with the Unix seconds at which Slack signed.
pub const TIMESTAMP: &str = "x-slack-request-timestamp";
/// Header with `v0=` and the signature in lower-case hex.
pub const SIGNATURE: &str = "x-slack-signature";
/// The one version that Slack has; part of the signed text too.
const VERSION: &str = "v0";
/// Shortest signing secret, bytes; Slack's have 32.
pub const MIN_SECRET: usize = 16;

/// The signing secrets of the app: one, or two while it is exchanged.
#[derive(Debug, Clone)]
pub struct SigningSecrets(Vec<Secret>);

impl SigningSecrets {
    /// Takes secrets of at least [`MIN_SECRET`] bytes; `None` where one is shorter or none is given.
    pub fn new(secrets: Vec<Secret>) -> Option<Self> {
        let long = |secret: &Secret| secret.expose().len() >= MIN_SECRET;
        (!secrets.is_empty() && secrets.iter().all(long)).then_some(Self(secrets))
    }

    /// Accepts a body that Slack signed within five minutes of `now`; looks at none of its meaning.
    ///
    /// Signed text: `v0:` timestamp `:` body, HMAC-SHA256. There is no nonce: within those minutes
    /// the same request may come again, so whatever it does must bear repeating.
    pub fn verify(
        &self,
        timestamp: &str,
        signature: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), VerifyError> {
        check_time(timestamp, now)?;
        let offered = signature
            .strip_prefix(VERSION)
            .and_then(|rest| rest.strip_prefix('='))
            .filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .ok_or(VerifyError::Malformed(SIGNATURE))?;
        // Every secret is tried, so that the time does not say which one was close.
        let matched = self.0.iter().fold(Choice::from(0), |matched, secret| {
            matched
                | tag(secret, timestamp, body)
                    .as_bytes()
                    .ct_eq(offered.as_bytes())
        });
        if bool::from(matched) {
            Ok(())
        } else {
            Err(VerifyError::Mismatch)
        }
    }

    /// The header value for a body, as Slack makes it with the first secret.
    pub fn sign(&self, timestamp: i64, body: &[u8]) -> String {
        let tags = self.0.iter().take(1);
        let tags: String = tags.map(|s| tag(s, &timestamp.to_string(), body)).collect();
        format!("{VERSION}={tags}")
    }
}

/// Lower-case hex.
fn tag(secret: &Secret, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    for part in [VERSION.as_bytes(), b":", timestamp.as_bytes(), b":", body] {
        mac.update(part);
    }
    let bytes = mac.finalize().into_bytes();
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn check_time(text: &str, now: Timestamp) -> Result<(), VerifyError> {
    let sent: i64 = text
        .parse()
        .ok()
        .filter(|seconds: &i64| seconds.to_string() == text)
        .ok_or(VerifyError::Malformed(TIMESTAMP))?;
    match sent.abs_diff(now.as_second()) {
        away if away <= TOLERANCE_SECONDS => Ok(()),
        away => Err(VerifyError::Stale(away)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_900_000_000;
    const SECRET: &str = "not-a-real-slack-signing-secret";
    const BODY: &[u8] = b"payload=%7B%7D";

    fn secrets(list: &[&str]) -> SigningSecrets {
        SigningSecrets::new(list.iter().map(|text| Secret::new(text)).collect()).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_known_answer_of_another_implementation_holds() {
        // printf 'v0:1900000000:payload=%7B%7D' | openssl dgst -sha256 -hmac <secret>
        let tag = secrets(&[SECRET]).sign(NOW, BODY);
        assert_eq!(
            tag,
            "v0=536a0642499f2376f3f6ab014d9f781b1a8e0d3837649a4a5573be23d89c555d"
        );
    }

    #[test]
    fn only_what_slack_signed_now_is_accepted() {
        let good = secrets(&[SECRET]).sign(NOW, BODY);
        let hex = good.strip_prefix("v0=").unwrap();
        let malformed = |header| Err(VerifyError::Malformed(header));
        let now = NOW.to_string();
        let cases = [
            ("good", now.as_str(), good.clone(), Ok(())),
            (
                "other tag",
                &now,
                format!("v0={}", "0".repeat(64)),
                Err(VerifyError::Mismatch),
            ),
            (
                "upper case",
                &now,
                format!("v0={}", hex.to_uppercase()),
                Err(VerifyError::Mismatch),
            ),
            (
                "other version",
                &now,
                format!("v1={hex}"),
                malformed(SIGNATURE),
            ),
            (
                "upper version",
                &now,
                format!("V0={hex}"),
                malformed(SIGNATURE),
            ),
            ("no version", &now, hex.to_owned(), malformed(SIGNATURE)),
            (
                "two versions",
                &now,
                format!("v0=v0={hex}"),
                malformed(SIGNATURE),
            ),
            ("short", &now, good[..66].to_owned(), malformed(SIGNATURE)),
            ("long", &now, format!("{good}0"), malformed(SIGNATURE)),
            (
                "two tags",
                &now,
                format!("{good},{good}"),
                malformed(SIGNATURE),
            ),
            (
                "no hex",
                &now,
                format!("v0={}", "g".repeat(64)),
                malformed(SIGNATURE),
            ),
            ("empty tag", &now, "v0=".into(), malformed(SIGNATURE)),
            ("empty", &now, String::new(), malformed(SIGNATURE)),
            ("no time", "", good.clone(), malformed(TIMESTAMP)),
            ("words", "soon", good.clone(), malformed(TIMESTAMP)),
            ("sign", "+1900000000", good.clone(), malformed(TIMESTAMP)),
            ("zeros", "01900000000", good.clone(), malformed(TIMESTAMP)),
            ("space", " 1900000000", good.clone(), malformed(TIMESTAMP)),
            (
                "fraction",
                "1900000000.5",
                good.clone(),
                malformed(TIMESTAMP),
            ),
            (
                "too large",
                "9223372036854775808",
                good.clone(),
                malformed(TIMESTAMP),
            ),
            (
                "one second off",
                "1900000001",
                good.clone(),
                Err(VerifyError::Mismatch),
            ),
        ];
        for (name, timestamp, signature, expected) in cases {
            let verdict = secrets(&[SECRET]).verify(timestamp, &signature, BODY, at(NOW));
            assert_eq!(verdict, expected, "{name}");
        }
    }

    #[test]
    fn five_minutes_either_way_and_no_clock_overflows() {
        let secrets = secrets(&[SECRET]);
        let cases = [
            (NOW, Ok(())),
            (NOW - 300, Ok(())),
            (NOW + 300, Ok(())),
            (NOW - 301, Err(VerifyError::Stale(301))),
            (NOW + 301, Err(VerifyError::Stale(301))),
            (0, Err(VerifyError::Stale(1_900_000_000))),
            (-1, Err(VerifyError::Stale(1_900_000_001))),
            (i64::MAX, Err(VerifyError::Stale(9_223_372_034_954_775_807))),
            (i64::MIN, Err(VerifyError::Stale(9_223_372_038_754_775_808))),
        ];
        for (sent, expected) in cases {
            let tag = secrets.sign(sent, BODY);
            let verdict = secrets.verify(&sent.to_string(), &tag, BODY, at(NOW));
            assert_eq!(verdict, expected, "{sent}");
        }
    }

    #[test]
    fn both_secrets_hold_while_they_are_exchanged() {
        let (old, new) = (
            secrets(&[SECRET]),
            secrets(&["00000000000000000000000000000000"]),
        );
        let both = secrets(&[SECRET, "00000000000000000000000000000000"]);
        for signer in [&old, &new] {
            let tag = signer.sign(NOW, BODY);
            assert_eq!(both.verify(&NOW.to_string(), &tag, BODY, at(NOW)), Ok(()));
        }
        let tag = new.sign(NOW, BODY);
        let verdict = old.verify(&NOW.to_string(), &tag, BODY, at(NOW));
        assert_eq!(verdict, Err(VerifyError::Mismatch));
    }

    #[test]
    fn an_empty_or_short_secret_signs_nothing() {
        for list in [vec![], vec![""], vec![SECRET, "short"]] {
            let secrets = list.iter().map(|text| Secret::new(text)).collect();
            assert!(SigningSecrets::new(secrets).is_none(), "{list:?}");
        }
        assert!(!format!("{:?}", secrets(&[SECRET])).contains(SECRET));
    }

    proptest! {
        #[test]
        fn any_header_is_judged_and_a_changed_body_refused(
            timestamp in "\\PC{0,24}", signature in "\\PC{0,80}", body in any::<Vec<u8>>(),
        ) {
            let secrets = secrets(&[SECRET]);
            prop_assert!(secrets.verify(&timestamp, &signature, &body, at(NOW)).is_err());
            let tag = secrets.sign(NOW, &body);
            prop_assert_eq!(secrets.verify(&NOW.to_string(), &tag, &body, at(NOW)), Ok(()));
            let more = [body.as_slice(), b"x"].concat();
            let verdict = secrets.verify(&NOW.to_string(), &tag, &more, at(NOW));
            prop_assert_eq!(verdict, Err(VerifyError::Mismatch));
        }
    }
}

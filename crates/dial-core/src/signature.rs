//! Standard Webhooks signatures over the bytes on the wire, with checked arithmetic.
//!
//! Own code: the published verifier overflows on extreme timestamps and refuses bodies that
//! are not UTF-8, and ours are gzip.

use crate::WorkerId;
use crate::key::{KeyId, RootKeys, WorkerKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::Mac;
use jiff::Timestamp;

/// Seconds that a timestamp may be away from the clock, both ways.
pub const TOLERANCE_SECONDS: u64 = 300;
/// Most signatures that one header may offer; a rotation needs two.
const MAX_OFFERED: usize = 4;
/// Longest `webhook-id`.
const MAX_ID: usize = 128;

/// What a signed request carries beside its body, as the header values came.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `webhook-id`: constant over the retries of one request.
    pub id: &'a str,
    /// `webhook-timestamp`: Unix seconds.
    pub timestamp: &'a str,
    /// `webhook-signature`: space-separated `v1,<base64>`.
    pub signature: &'a str,
    /// `dial-worker`: `<account>/<region>`.
    pub worker: &'a str,
    /// `dial-key`: `<root key number>/<not-after>`.
    pub key: &'a str,
}

/// Why a request was refused; for the log, never for the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A header does not have its form.
    #[error("header {0} is malformed")]
    Malformed(&'static str),
    /// Outside the tolerance, in seconds.
    #[error("timestamp is {0} s away from the clock")]
    Stale(u64),
    /// The worker key's time is over.
    #[error("worker key expired {0} s ago")]
    KeyExpired(u64),
    /// The master has no such root key.
    #[error("root key {0} is not known")]
    UnknownRoot(u32),
    /// No offered signature was made by that key over these bytes.
    #[error("no signature matched")]
    Mismatch,
}

/// Signs `id.timestamp.body` with HMAC-SHA256; returns `v1,<base64>`.
///
/// `timestamp` is Unix seconds. Layout: Standard Webhooks.
pub fn sign(key: &WorkerKey, id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = key.mac();
    update(&mut mac, id, &timestamp.to_string(), body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Says which worker made a request, or why none did; looks at no byte of the body's meaning.
pub fn verify(
    signed: &Signed<'_>,
    body: &[u8],
    roots: &RootKeys,
    now: Timestamp,
) -> Result<WorkerId, VerifyError> {
    let worker: WorkerId = parsed(signed.worker, "dial-worker")?;
    let key: KeyId = parsed(signed.key, "dial-key")?;
    check_id(signed.id)?;
    check_time(signed.timestamp, now)?;
    check_expiry(key, now)?;
    let root = roots
        .get(key.root)
        .ok_or(VerifyError::UnknownRoot(key.root))?;
    let mut mac = root.worker_key(&worker, key.not_after).mac();
    update(&mut mac, signed.id, signed.timestamp, body);
    if offered(signed.signature).any(|tag| mac.clone().verify_slice(&tag).is_ok()) {
        Ok(worker)
    } else {
        Err(VerifyError::Mismatch)
    }
}

fn parsed<T: std::str::FromStr>(text: &str, header: &'static str) -> Result<T, VerifyError> {
    text.parse().map_err(|_| VerifyError::Malformed(header))
}

/// A dot in the id would let bytes move between id, timestamp and body.
fn check_id(id: &str) -> Result<(), VerifyError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(fits) {
        Ok(())
    } else {
        Err(VerifyError::Malformed("webhook-id"))
    }
}

fn check_time(text: &str, now: Timestamp) -> Result<(), VerifyError> {
    let sent: i64 = text
        .parse()
        .ok()
        .filter(|seconds: &i64| seconds.to_string() == text)
        .ok_or(VerifyError::Malformed("webhook-timestamp"))?;
    match sent.abs_diff(now.as_second()) {
        away if away <= TOLERANCE_SECONDS => Ok(()),
        away => Err(VerifyError::Stale(away)),
    }
}

fn check_expiry(key: KeyId, now: Timestamp) -> Result<(), VerifyError> {
    let now = u64::try_from(now.as_second()).unwrap_or(0);
    if key.not_after == 0 || now <= key.not_after {
        Ok(())
    } else {
        Err(VerifyError::KeyExpired(now - key.not_after))
    }
}

/// The `v1` signatures of the header; other versions and malformed ones are passed over.
fn offered(header: &str) -> impl Iterator<Item = Vec<u8>> + '_ {
    header
        .split(' ')
        .take(MAX_OFFERED)
        .filter_map(|part| part.strip_prefix("v1,"))
        .filter_map(|tag| STANDARD.decode(tag).ok())
}

fn update(mac: &mut impl Mac, id: &str, timestamp: &str, body: &[u8]) {
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KEY_BYTES, RootKey};

    const NOW: i64 = 1_900_000_000;
    const BODY: &[u8] = b"\x1f\x8b not utf-8 \xff";

    fn roots() -> RootKeys {
        RootKeys::default()
            .with(1, RootKey::from_bytes([1; KEY_BYTES]))
            .with(2, RootKey::from_bytes([2; KEY_BYTES]))
    }

    fn tag(worker: &str, key: &str, timestamp: i64) -> String {
        let (worker, key): (WorkerId, KeyId) = (worker.parse().unwrap(), key.parse().unwrap());
        let root = roots().get(key.root).unwrap().clone();
        sign(
            &root.worker_key(&worker, key.not_after),
            "msg_1",
            timestamp,
            BODY,
        )
    }

    fn check(worker: &str, key: &str, timestamp: &str, signature: &str) -> Result<(), VerifyError> {
        let signed = Signed {
            id: "msg_1",
            timestamp,
            signature,
            worker,
            key,
        };
        let now = Timestamp::from_second(NOW).unwrap();
        verify(&signed, BODY, &roots(), now).map(|_| ())
    }

    const WORKER: &str = "111122223333/eu-west-1";

    #[test]
    fn what_was_signed_verifies_with_either_root_key() {
        for key in ["1/0", "2/0", "2/1900000000"] {
            let signature = tag(WORKER, key, NOW);
            assert_eq!(check(WORKER, key, &NOW.to_string(), &signature), Ok(()));
        }
    }

    #[test]
    fn one_good_signature_among_several_is_enough() {
        let good = tag(WORKER, "1/0", NOW);
        let offered = format!("v1,AAAA v1a,zzz {good}");
        assert_eq!(check(WORKER, "1/0", &NOW.to_string(), &offered), Ok(()));
        let late = format!("v1,A v1,B v1,C v1,D {good}");
        let refused = check(WORKER, "1/0", &NOW.to_string(), &late);
        assert_eq!(refused, Err(VerifyError::Mismatch));
    }

    #[test]
    fn time_is_checked_at_both_edges_and_never_overflows() {
        for (away, good) in [
            (0, true),
            (300, true),
            (-300, true),
            (301, false),
            (-301, false),
        ] {
            let at = NOW + away;
            let result = check(WORKER, "1/0", &at.to_string(), &tag(WORKER, "1/0", at));
            assert_eq!(result.is_ok(), good, "{away}");
        }
        for extreme in [i64::MIN, i64::MAX, 0, -1] {
            let result = check(WORKER, "1/0", &extreme.to_string(), "v1,AAAA");
            assert!(matches!(result, Err(VerifyError::Stale(_))), "{extreme}");
        }
        for text in [
            "",
            "1e9",
            "01900000000",
            "+1900000000",
            " 1900000000",
            "9223372036854775808",
        ] {
            let result = check(WORKER, "1/0", text, "v1,AAAA");
            assert_eq!(
                result,
                Err(VerifyError::Malformed("webhook-timestamp")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_key_signs_for_its_own_account_region_and_time_only() {
        let signature = tag(WORKER, "1/1900000100", NOW);
        let at = NOW.to_string();
        let cases = [
            ("111122223334/eu-west-1", "1/1900000100"),
            ("111122223333/eu-west-2", "1/1900000100"),
            (WORKER, "2/1900000100"),
            (WORKER, "1/1900000101"),
            (WORKER, "1/0"),
        ];
        for (worker, key) in cases {
            let result = check(worker, key, &at, &signature);
            assert_eq!(result, Err(VerifyError::Mismatch), "{worker} {key}");
        }
        let expired = tag(WORKER, "1/1899999999", NOW);
        let result = check(WORKER, "1/1899999999", &at, &expired);
        assert_eq!(result, Err(VerifyError::KeyExpired(1)));
        let unknown = check(WORKER, "3/0", &at, &signature);
        assert_eq!(unknown, Err(VerifyError::UnknownRoot(3)));
    }

    #[test]
    fn a_changed_byte_anywhere_is_a_mismatch() {
        let signature = tag(WORKER, "1/0", NOW);
        let timestamp = NOW.to_string();
        let signed = Signed {
            id: "msg_1",
            timestamp: &timestamp,
            signature: &signature,
            worker: WORKER,
            key: "1/0",
        };
        let now = Timestamp::from_second(NOW).unwrap();
        for index in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[index] ^= 1;
            let result = verify(&signed, &body, &roots(), now);
            assert_eq!(result, Err(VerifyError::Mismatch), "{index}");
        }
        let other = Signed {
            id: "msg_2",
            ..signed
        };
        assert!(verify(&other, BODY, &roots(), now).is_err());
    }
}

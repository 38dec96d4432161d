//! Whether the claims of an ID token are for this sign-in (OpenID Connect Core 3.1.3.7).

use super::token::Claims;
use crate::message::text::inert;
use jiff::Timestamp;
use serde_json::Value;
use subtle::ConstantTimeEq;

/// How far the provider's clock may be away, seconds.
const SKEW: i64 = 60;
/// Longest `sub`, bytes, as the standard says.
const MAX_SUBJECT: usize = 255;
/// Longest value that a reason repeats, characters.
const MAX_SHOWN: usize = 120;

/// What the claims must say.
pub(super) struct Expected<'e> {
    /// The provider.
    pub(super) issuer: &'e str,
    /// This master, as the provider knows it.
    pub(super) client: &'e str,
    /// Of this sign-in.
    pub(super) nonce: &'e str,
    /// The time.
    pub(super) now: Timestamp,
}

/// Why a claim is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{claim} {reason}")]
pub struct ClaimError {
    claim: &'static str,
    reason: String,
}

/// Checks who made a token, for whom, when, and for which sign-in; returns `sub`.
pub(super) fn check<'c>(
    claims: &'c Claims,
    expected: &Expected<'_>,
) -> Result<&'c str, ClaimError> {
    let issuer = text(claims, "iss")?;
    if issuer != expected.issuer {
        return Err(wrong(
            "iss",
            &format!("is {issuer}, not {}", expected.issuer),
        ));
    }
    check_audience(claims, expected.client)?;
    check_times(claims, expected.now.as_second())?;
    let nonce = text(claims, "nonce")?;
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(wrong("nonce", "is of another sign-in"));
    }
    let subject = text(claims, "sub")?;
    if subject.is_empty() || subject.len() > MAX_SUBJECT {
        let reason = format!("has {} bytes, not 1 to {MAX_SUBJECT}", subject.len());
        return Err(wrong("sub", &reason));
    }
    Ok(subject)
}

/// The token is for this master; where it is for others too, this master asked for it.
fn check_audience(claims: &Claims, client: &str) -> Result<(), ClaimError> {
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => return Err(wrong("aud", "is missing")),
    };
    if !audience.contains(&client) {
        let reason = format!("is {}, not {client}", audience.join(", "));
        return Err(wrong("aud", &reason));
    }
    match claims.get("azp") {
        None if audience.len() == 1 => Ok(()),
        Some(Value::String(party)) if party == client => Ok(()),
        _ => Err(wrong("azp", "does not name this client")),
    }
}

fn check_times(claims: &Claims, now: i64) -> Result<(), ClaimError> {
    let expires = seconds(claims, "exp")?;
    if now >= expires.saturating_add(SKEW) {
        let reason = format!("was {} s ago", now.saturating_sub(expires));
        return Err(wrong("exp", &reason));
    }
    let made = seconds(claims, "iat")?;
    let mut not_before = vec![("iat", made)];
    if claims.contains_key("nbf") {
        not_before.push(("nbf", seconds(claims, "nbf")?));
    }
    for (claim, time) in not_before {
        let ahead = time.saturating_sub(now);
        if ahead > SKEW {
            let reason = format!("is {ahead} s ahead of the clock here");
            return Err(wrong(claim, &reason));
        }
    }
    Ok(())
}

fn text<'c>(claims: &'c Claims, claim: &'static str) -> Result<&'c str, ClaimError> {
    let text = claims.get(claim).and_then(Value::as_str);
    text.ok_or_else(|| wrong(claim, "is missing"))
}

fn seconds(claims: &Claims, claim: &'static str) -> Result<i64, ClaimError> {
    let seconds = claims.get(claim).and_then(Value::as_i64);
    seconds.ok_or_else(|| wrong(claim, "is no whole number of seconds"))
}

fn wrong(claim: &'static str, reason: &str) -> ClaimError {
    ClaimError {
        claim,
        reason: inert(reason, MAX_SHOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_900_000_000;

    fn good() -> Claims {
        let claims = json!({
            "iss": "https://login.example.org", "aud": "dial", "sub": "u-1", "nonce": "n",
            "exp": NOW + 300, "iat": NOW,
        });
        claims.as_object().unwrap().clone()
    }

    /// Why the good claims are refused after these have replaced theirs; `null` takes one away.
    fn refused(changes: &Value) -> Option<String> {
        let mut claims = good();
        for (claim, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.remove(claim);
            } else {
                claims.insert(claim.clone(), value.clone());
            }
        }
        let expected = Expected {
            issuer: "https://login.example.org",
            client: "dial",
            nonce: "n",
            now: Timestamp::from_second(NOW).unwrap(),
        };
        let checked = check(&claims, &expected);
        checked.err().map(|error| error.to_string())
    }

    #[test]
    fn claims_for_this_sign_in_hold() {
        for (name, changes) in [
            ("as they are", json!({})),
            ("a list of one", json!({"aud": ["dial"]})),
            (
                "a list, asked for by us",
                json!({"aud": ["dial", "b"], "azp": "dial"}),
            ),
            ("just over, by our clock", json!({"exp": NOW - 59})),
            (
                "made a little later, by our clock",
                json!({"iat": NOW + 60, "nbf": NOW + 60}),
            ),
            ("further claims", json!({"groups": ["a"], "auth_time": 1})),
        ] {
            assert_eq!(refused(&changes), None, "{name}");
        }
    }

    #[test]
    fn claims_for_anything_else_are_refused() {
        let cases = [
            json!({"iss": null}),
            json!({"iss": "https://login.example.org/"}),
            json!({"iss": ["https://login.example.org"]}),
            json!({"iss": "https://attacker.example\u{202e}\n"}),
            json!({"aud": null}),
            json!({"aud": "dial2"}),
            json!({"aud": []}),
            json!({"aud": {"dial": 1}}),
            json!({"aud": ["dial", "b"]}),
            json!({"aud": ["dial", "b"], "azp": "b"}),
            json!({"azp": "b"}),
            json!({"azp": 7}),
            json!({"exp": null}),
            json!({"exp": NOW - 60}),
            json!({"exp": i64::MIN}),
            json!({"exp": "tomorrow"}),
            json!({"exp": 1e300}),
            json!({"iat": null}),
            json!({"iat": NOW + 61}),
            json!({"iat": i64::MAX}),
            json!({"nbf": NOW + 3_600}),
            json!({"nbf": "now"}),
            json!({"nonce": null}),
            json!({"nonce": ""}),
            json!({"nonce": "m"}),
            json!({"sub": null}),
            json!({"sub": ""}),
            json!({"sub": 7}),
            json!({"sub": "s".repeat(256)}),
        ];
        let told = cases.map(|changes| {
            let reason = refused(&changes).unwrap_or_default();
            assert!(!reason.is_empty(), "{changes}");
            let shown: String = changes.to_string().chars().take(60).collect();
            format!("{shown}: {reason}")
        });
        insta::assert_snapshot!(told.join("\n"));
    }
}

//! The body of an enrolment: five short texts, checked before anybody is asked.

use super::{
    AUDIENCE, Audience, FORM, MAX_AGE_SECONDS, MAX_ENROLMENT, SERVICE, StsQuestion, WORKER,
    sts_host,
};
use crate::worker_id::WorkerId;
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// What the signature covers, in the order that Signature Version 4 wants.
const SIGNED: &str = "content-type;dial-audience;dial-worker;host;x-amz-date;x-amz-security-token";
/// Session tokens, characters.
const TOKEN: std::ops::RangeInclusive<usize> = 16..=6_144;

/// Why a request is no enrolment; nobody was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentError {
    /// No JSON of this shape, or too much of it.
    #[error("body is no enrolment")]
    Shape,
    /// No `account/region`.
    #[error("worker is no account/region")]
    Worker,
    /// No region that has an STS of its own.
    #[error("`{0}` is no region of AWS")]
    Region(String),
    /// A part of the signature is not what such a part looks like.
    #[error("{0} is malformed")]
    Part(&'static str),
    /// Too old or too new, in seconds.
    #[error("signature is {0} s away from the clock")]
    Stale(u64),
}

/// Body of `POST /v1/enrol`, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Whose key is asked for; proven only once STS has answered.
    pub worker: WorkerId,
    access_key: String,
    date: String,
    token: String,
    signature: String,
}

/// The same as it is sent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    worker: String,
    access_key: String,
    date: String,
    token: String,
    signature: String,
}

impl Enrolment {
    /// Takes the parts out of the headers that signing added; `None` where they are not there,
    /// such as the token of a role.
    pub fn of(worker: WorkerId, added: &[(String, String)]) -> Option<Self> {
        let value = |name: &str| {
            let found = added.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let authorization = value("authorization")?;
        let (_, credential) = authorization.split_once("Credential=")?;
        let (access_key, _) = credential.split_once('/')?;
        let (_, signature) = authorization.split_once("Signature=")?;
        Some(Self {
            worker,
            access_key: access_key.to_owned(),
            date: value("x-amz-date")?.to_owned(),
            token: value("x-amz-security-token")?.to_owned(),
            signature: signature.to_owned(),
        })
    }

    /// The body of the request.
    pub fn to_json(&self) -> Vec<u8> {
        let wire = Wire {
            worker: self.worker.to_string(),
            access_key: self.access_key.clone(),
            date: self.date.clone(),
            token: self.token.clone(),
            signature: self.signature.clone(),
        };
        serde_json::to_vec(&wire).expect("texts always serialise")
    }

    /// Reads a body and checks everything that can be checked without asking anybody.
    pub fn read(body: &[u8], now: Timestamp) -> Result<Self, EnrolmentError> {
        if body.len() > MAX_ENROLMENT {
            return Err(EnrolmentError::Shape);
        }
        let wire: Wire = serde_json::from_slice(body).map_err(|_| EnrolmentError::Shape)?;
        let worker: WorkerId = wire.worker.parse().map_err(|_| EnrolmentError::Worker)?;
        if sts_host(&worker.region).is_none() {
            return Err(EnrolmentError::Region(worker.region.to_string()));
        }
        check_part("access_key", is_access_key(&wire.access_key))?;
        check_part("token", is_token(&wire.token))?;
        check_part("signature", is_signature(&wire.signature))?;
        let signed_at = time(&wire.date).ok_or(EnrolmentError::Part("date"))?;
        let age = SignedDuration::from_secs(now.as_second() - signed_at.as_second());
        if age.unsigned_abs().as_secs() > MAX_AGE_SECONDS {
            return Err(EnrolmentError::Stale(age.unsigned_abs().as_secs()));
        }
        Ok(Self {
            worker,
            access_key: wire.access_key,
            date: wire.date,
            token: wire.token,
            signature: wire.signature,
        })
    }

    /// The question to STS that this enrolment must have been signed over.
    pub fn question(&self, audience: &Audience) -> Option<StsQuestion> {
        let host = sts_host(&self.worker.region)?;
        let day = self.date.get(..8)?;
        let (key, region, signature) = (&self.access_key, &self.worker.region, &self.signature);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={key}/{day}/{region}/{SERVICE}/aws4_request, \
             SignedHeaders={SIGNED}, Signature={signature}"
        );
        let headers = vec![
            ("content-type", FORM.to_owned()),
            (AUDIENCE, audience.to_string()),
            (WORKER, self.worker.to_string()),
            ("host", host.clone()),
            ("x-amz-date", self.date.clone()),
            ("x-amz-security-token", self.token.clone()),
            ("authorization", authorization),
        ];
        Some(StsQuestion { host, headers })
    }
}

fn check_part(name: &'static str, fits: bool) -> Result<(), EnrolmentError> {
    if fits {
        Ok(())
    } else {
        Err(EnrolmentError::Part(name))
    }
}

/// Keys of roles start so; those of users do not.
fn is_access_key(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    text.starts_with("ASIA") && (16..=128).contains(&text.len()) && text.bytes().all(plain)
}

fn is_token(text: &str) -> bool {
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b);
    TOKEN.contains(&text.len()) && text.bytes().all(base64)
}

fn is_signature(text: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == 64 && text.bytes().all(hex)
}

/// `20260501T100000Z`.
fn time(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| -> Option<i16> {
        let digits = text.get(range)?;
        let all = digits.bytes().all(|b| b.is_ascii_digit());
        all.then(|| digits.parse().ok())?
    };
    let small = |range| i8::try_from(number(range)?).ok();
    let local = civil::DateTime::new(
        number(0..4)?,
        small(4..6)?,
        small(6..8)?,
        small(9..11)?,
        small(11..13)?,
        small(13..15)?,
        0,
    );
    Some(local.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

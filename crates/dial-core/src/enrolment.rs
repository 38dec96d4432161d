//! Enrolment: a worker proves its account by a signed question to STS and gets its own key for it.
//!
//! The worker signs `GetCallerIdentity` with its role and hands the parts of the signature over.
//! The master puts the question together itself: where it goes and what it asks never comes from
//! outside, and a signature over anything else is refused by STS.

use crate::worker_id::{Region, WorkerId};
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Path that takes enrolments.
pub const ENROL_PATH: &str = "/v1/enrol";
/// Most bytes of an enrolment; session tokens take most of it.
pub const MAX_ENROLMENT: usize = 8 * 1024;
/// Oldest and newest signature that is taken, seconds; STS itself takes 15 minutes.
pub const MAX_AGE_SECONDS: u64 = 300;
/// Signing name of the service that is asked.
pub const SERVICE: &str = "sts";
/// What is asked.
pub const QUESTION: &[u8] = b"Action=GetCallerIdentity&Version=2011-06-15";

/// Header that names the master, so that no other master can use the signature.
const AUDIENCE: &str = "dial-audience";
/// Header that names account and region of the key that is asked for.
const WORKER: &str = "dial-worker";
const FORM: &str = "application/x-www-form-urlencoded";
/// What the signature covers, in the order that Signature Version 4 wants.
const SIGNED: &str = "content-type;dial-audience;dial-worker;host;x-amz-date;x-amz-security-token";
/// Longest name of a master.
const MAX_AUDIENCE: usize = 256;
/// Session tokens, characters.
const TOKEN: std::ops::RangeInclusive<usize> = 16..=6_144;

/// Why a text names no master.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a master is named by its URL in plain ASCII, at most {MAX_AUDIENCE} characters")]
pub struct AudienceError;

/// The master that a signature is for: the base URL that its workers know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience(String);

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

/// Answer to an enrolment.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Enrolled {
    /// Whose key it is.
    pub worker: String,
    /// `whsec_` + standard base64.
    pub key: String,
    /// `<root key number>/<not-after>`: the `dial-key` header.
    pub key_id: String,
}

/// A question to STS as it leaves the master.
#[derive(Clone, PartialEq, Eq)]
pub struct StsQuestion {
    host: String,
    headers: Vec<(&'static str, String)>,
}

/// Who signed, as STS says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `arn:aws:sts::111122223333:assumed-role/dial-worker-eu-west-1/dial-worker`.
    pub arn: String,
    /// Account.
    pub account: String,
}

/// Host of a region's STS; `None` for what is not shaped as a region of AWS.
///
/// Strict, for the host is asked: `s3-eu-west-1` would make it the address of a bucket named `sts`.
pub fn sts_host(region: &Region) -> Option<String> {
    const DIRECTIONS: [&str; 9] = [
        "central",
        "east",
        "north",
        "northeast",
        "northwest",
        "south",
        "southeast",
        "southwest",
        "west",
    ];
    let parts: Vec<&str> = region.as_str().split('-').collect();
    let ([land, direction, number] | [land @ "us", "gov", direction, number]) = parts[..] else {
        return None;
    };
    let fits = land.len() == 2
        && land.bytes().all(|b| b.is_ascii_lowercase())
        && DIRECTIONS.contains(&direction)
        && number.len() == 1
        && number.bytes().all(|b| b.is_ascii_digit());
    let end = if land == "cn" { ".cn" } else { "" };
    fits.then(|| format!("sts.{region}.amazonaws.com{end}"))
}

impl Audience {
    /// Reads a base URL as a URL parser prints it; a slash at its end does not count.
    pub fn parse(url: &str) -> Result<Self, AudienceError> {
        let url = url.trim_end_matches('/');
        let is_url = url.starts_with("https://") || url.starts_with("http://");
        let is_plain = url.bytes().all(|b| b.is_ascii_graphic());
        if is_url && is_plain && url.len() <= MAX_AUDIENCE {
            Ok(Self(url.to_owned()))
        } else {
            Err(AudienceError)
        }
    }
}

impl std::fmt::Display for Audience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The headers that a worker has signed beside those that signing adds, with the URL.
pub fn to_sign(
    worker: &WorkerId,
    audience: &Audience,
) -> Option<(String, [(&'static str, String); 3])> {
    let url = format!("https://{}/", sts_host(&worker.region)?);
    let headers = [
        ("content-type", FORM.to_owned()),
        (AUDIENCE, audience.to_string()),
        (WORKER, worker.to_string()),
    ];
    Some((url, headers))
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

impl StsQuestion {
    /// Where it goes: always the root of an STS, by https.
    pub fn url(&self) -> String {
        format!("https://{}/", self.host)
    }

    /// Names and values, `host` among them; the values are secrets of a few minutes.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }
}

impl std::fmt::Debug for StsQuestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StsQuestion")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Enrolled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrolled")
            .field("worker", &self.worker)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Name of the assumed role; `None` for users, federated users, root, or an ARN that is not
    /// of the account.
    pub fn role(&self) -> Option<&str> {
        let mut parts = self.arn.splitn(6, ':');
        let head = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let (account, resource) = (parts.next()?, parts.next()?);
        let is_sts = head[0] == "arn"
            && matches!(head[1], "aws" | "aws-cn" | "aws-us-gov")
            && head[2] == "sts"
            && head[3].is_empty();
        let mut words = resource.split('/');
        let (kind, role, session) = (words.next()?, words.next()?, words.next()?);
        let whole = words.next().is_none() && !role.is_empty() && !session.is_empty();
        (is_sts && account == self.account && kind == "assumed-role" && whole).then_some(role)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn now() -> Timestamp {
        "2026-05-01T10:00:00Z".parse().unwrap()
    }

    fn good() -> Value {
        json!({
            "worker": "111122223333/eu-west-1",
            "access_key": "ASIAEXAMPLEEXAMPLE00",
            "date": "20260501T095900Z",
            "token": "FQoGZXIvYXdzEBYaDexample",
            "signature": "0123456789abcdef".repeat(4),
        })
    }

    fn read(body: &Value) -> Result<Enrolment, EnrolmentError> {
        Enrolment::read(body.to_string().as_bytes(), now())
    }

    fn audience() -> Audience {
        Audience::parse("https://dial.example.com/prod/").unwrap()
    }

    #[test]
    fn what_is_no_enrolment_is_refused_before_anybody_is_asked() {
        use EnrolmentError::{Part, Shape, Stale, Worker};
        let region = |name: &str| EnrolmentError::Region(name.to_owned());
        let cases = [
            ("worker", json!("111122223333"), Worker),
            ("worker", json!("11112222333/eu-west-1"), Worker),
            ("worker", json!("111122223333/EU"), Worker),
            (
                "worker",
                json!("111122223333/eu-west-1.evil.example/"),
                Worker,
            ),
            (
                "worker",
                json!("111122223333/s3-eu-west-1"),
                region("s3-eu-west-1"),
            ),
            ("worker", json!("111122223333/evil"), region("evil")),
            ("worker", json!(7), Shape),
            (
                "access_key",
                json!("AKIAEXAMPLEEXAMPLE00"),
                Part("access_key"),
            ),
            ("access_key", json!("ASIA"), Part("access_key")),
            (
                "access_key",
                json!("ASIAEXAMPLEEXAMPLE/0"),
                Part("access_key"),
            ),
            ("access_key", json!("ASIA".repeat(33)), Part("access_key")),
            ("token", json!(""), Part("token")),
            ("token", json!("FQoGZXIvYXdz\r\nhost: evil"), Part("token")),
            ("token", json!("a".repeat(6_145)), Part("token")),
            ("token", json!("a".repeat(9_000)), Shape),
            ("signature", json!("0".repeat(63)), Part("signature")),
            ("signature", json!("A".repeat(64)), Part("signature")),
            ("date", json!("20260501T0959000"), Part("date")),
            ("date", json!("20261301T095900Z"), Part("date")),
            ("date", json!("+0260501T095900Z"), Part("date")),
            ("date", json!("2026050\u{e9}T09590Z"), Part("date")),
            ("date", json!("20260501T095459Z"), Stale(301)),
            ("date", json!("20260501T100501Z"), Stale(301)),
            ("date", json!("00010101T000000Z"), Stale(63_913_312_800)),
            ("url", json!("https://evil.example/"), Shape),
        ];
        for (field, value, expected) in cases {
            let mut body = good();
            body[field] = value.clone();
            let got = read(&body);
            // How long ago the year 1 was is not the point.
            match (&got, &expected) {
                (Err(Stale(a)), Stale(b)) if *a > 1_000 && *b > 1_000 => {}
                _ => assert_eq!(got, Err(expected), "{field}: {value}"),
            }
        }
        for field in ["worker", "access_key", "date", "token", "signature"] {
            let mut body = good();
            body.as_object_mut().unwrap().remove(field);
            assert_eq!(read(&body), Err(Shape), "{field}");
        }
        for body in ["", "{", "null", "[]"] {
            assert_eq!(
                Enrolment::read(body.as_bytes(), now()),
                Err(Shape),
                "{body}"
            );
        }
    }

    #[test]
    fn the_edges_of_time_are_taken() {
        for date in ["20260501T095500Z", "20260501T100500Z"] {
            let mut body = good();
            body["date"] = date.into();
            assert!(read(&body).is_ok(), "{date}");
        }
    }

    #[test]
    fn the_question_is_the_masters_own() {
        let question = read(&good()).unwrap().question(&audience()).unwrap();
        insta::assert_debug_snapshot!((question.url(), question.headers()));
        assert!(!format!("{question:?}").contains("FQoG"));
    }

    #[test]
    fn what_is_sent_reads_as_what_was_signed() {
        let enrolment = read(&good()).unwrap();
        let added: Vec<(String, String)> = enrolment
            .question(&audience())
            .unwrap()
            .headers()
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let worker = enrolment.worker.clone();
        let again = Enrolment::of(worker.clone(), &added).unwrap();
        assert_eq!(again, enrolment);
        assert_eq!(Enrolment::read(&again.to_json(), now()), Ok(enrolment));
        let without = added.iter().filter(|(n, _)| n != "x-amz-security-token");
        let without: Vec<_> = without.cloned().collect();
        assert_eq!(Enrolment::of(worker, &without), None);
    }

    #[test]
    fn only_regions_have_an_sts() {
        let cases = [
            ("eu-west-1", Some("sts.eu-west-1.amazonaws.com")),
            ("ap-southeast-5", Some("sts.ap-southeast-5.amazonaws.com")),
            ("mx-central-1", Some("sts.mx-central-1.amazonaws.com")),
            ("us-gov-west-1", Some("sts.us-gov-west-1.amazonaws.com")),
            ("cn-north-1", Some("sts.cn-north-1.amazonaws.com.cn")),
            ("s3-eu-west-1", None),
            ("s3-website-eu-west-1", None),
            ("eu-gov-west-1", None),
            ("eu-west", None),
            ("eu-west-", None),
            ("eu-west-10", None),
            ("eu-up-1", None),
            ("-eu-west-1", None),
            ("eu--1", None),
            ("us-east-1-a", None),
            ("x", None),
        ];
        for (region, expected) in cases {
            let host = sts_host(&Region::parse(region).unwrap());
            assert_eq!(host.as_deref(), expected, "{region}");
        }
    }

    #[test]
    fn a_master_has_one_name() {
        let name = |url: &str| Audience::parse(url).map(|audience| audience.to_string());
        assert_eq!(name("https://a.example/"), name("https://a.example"));
        for bad in ["", "a.example", "ftp://a", "https://a\nb", "https://é"] {
            assert_eq!(name(bad), Err(AudienceError), "{bad}");
        }
        assert!(name(&format!("https://{}", "a".repeat(300))).is_err());
    }

    #[test]
    fn only_roles_of_the_account_have_a_name() {
        let role = "arn:aws:sts::111122223333:assumed-role/dial-worker-eu-west-1/dial-worker";
        let cases = [
            (role, Some("dial-worker-eu-west-1")),
            ("arn:aws-cn:sts::111122223333:assumed-role/r/s", Some("r")),
            ("arn:aws:sts::444455556666:assumed-role/dial-worker/s", None),
            ("arn:aws:iam::111122223333:user/dial-worker", None),
            ("arn:aws:iam::111122223333:root", None),
            ("arn:aws:sts::111122223333:federated-user/dial-worker", None),
            ("arn:aws:sts::111122223333:assumed-role/dial-worker", None),
            ("arn:aws:sts::111122223333:assumed-role//s", None),
            ("arn:aws:sts::111122223333:assumed-role/a/b/c", None),
            ("arn:evil:sts::111122223333:assumed-role/r/s", None),
            ("arn:aws:sts:eu-west-1:111122223333:assumed-role/r/s", None),
            ("", None),
        ];
        for (arn, expected) in cases {
            let identity = Identity {
                arn: arn.to_owned(),
                account: "111122223333".to_owned(),
            };
            assert_eq!(identity.role(), expected, "{arn}");
        }
    }

    proptest! {
        /// Whatever is sent, and whatever region is named: nobody is asked but an STS of AWS.
        #[test]
        fn no_enrolment_goes_anywhere_but_to_sts(
            region in "[a-z0-9-]{1,32}|[a-z]{2}-[a-z]{4,9}-[0-9]|.{0,40}",
            token in "[A-Za-z0-9+/=]{16,80}|.{0,40}",
            key in "ASIA[A-Z0-9]{16}|.{0,30}",
        ) {
            let mut body = good();
            body["worker"] = format!("111122223333/{region}").into();
            body["token"] = token.into();
            body["access_key"] = key.into();
            if let Ok(enrolment) = read(&body) {
                let question = enrolment.question(&audience()).unwrap();
                let (url, host) = (question.url(), format!("sts.{}.amazonaws.com", enrolment.worker.region));
                let china = format!("https://{host}.cn/");
                prop_assert!(url == format!("https://{host}/") || (url == china && region.starts_with("cn-")), "{}", url);
                for (name, value) in question.headers() {
                    prop_assert!(value.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}: {}", name, value);
                }
            }
        }
    }
}

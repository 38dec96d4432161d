//! Enrolment: a worker proves its account by a signed question to STS and gets its own key for it.
//!
//! The worker signs `GetCallerIdentity` with its role and hands the parts of the signature over.
//! The master puts the question together itself: where it goes and what it asks never comes from
//! outside, and a signature over anything else is refused by STS.

mod body;
#[cfg(test)]
mod tests;

pub use body::{Enrolment, EnrolmentError};

use crate::partition;
use crate::worker_id::{Region, WorkerId};
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
/// Longest name of a master.
const MAX_AUDIENCE: usize = 256;

/// Why a text names no master.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a master is named by its URL in plain ASCII, at most {MAX_AUDIENCE} characters")]
pub struct AudienceError;

/// The master that a signature is for: the base URL that its workers know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience(String);

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
pub fn sts_host(region: &Region) -> Option<String> {
    let partition = partition::of(region)?;
    Some(format!("{SERVICE}.{region}.{}", partition.suffix))
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
            && partition::is_known(head[1])
            && head[2] == "sts"
            && head[3].is_empty();
        let mut words = resource.split('/');
        let (kind, role, session) = (words.next()?, words.next()?, words.next()?);
        let whole = words.next().is_none() && !role.is_empty() && !session.is_empty();
        (is_sts && account == self.account && kind == "assumed-role" && whole).then_some(role)
    }
}

//! The doors to the outside, as traits; the store's is in `store`.

use crate::enrolment::{Identity, StsQuestion};
use crate::finding::Reputation;
use crate::secret::{Secret, SecretError, SecretRef};
use crate::worker_id::{Region, WorkerId};
use async_trait::async_trait;
use std::net::IpAddr;

/// Why a bucket did not answer.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {key}: {reason}")]
pub struct BucketError {
    /// `put`, `get` or `list`.
    pub operation: &'static str,
    /// The key or prefix.
    pub key: String,
    /// What the other side said.
    pub reason: String,
    /// Whether trying again may help.
    pub transient: bool,
}

/// Objects by key: S3, or a folder on one machine.
#[async_trait]
pub trait Bucket: Send + Sync {
    /// Writes an object; durable when it returns.
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<(), BucketError>;

    /// Reads an object of at most `limit` bytes; `None` when there is none.
    async fn get(&self, key: &str, limit: usize) -> Result<Option<Vec<u8>>, BucketError>;

    /// Keys that start with `prefix`, ascending.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, BucketError>;
}

/// Fetches secrets by reference.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret that a reference points at.
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError>;
}

/// An outside opinion on an address, asked after the rules matched.
#[async_trait]
pub trait IpReputation: Send + Sync {
    /// What is said of the address; an error marks the finding and blocks nothing.
    async fn check(&self, address: IpAddr) -> Result<Option<Reputation>, String>;
}

/// What a request to an AWS service is signed for (Signature Version 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// The service's signing name, such as `sns`, `es` or `aoss`.
    pub service: &'static str,
    /// Region of the endpoint.
    pub region: Region,
    /// Whose permissions; without one, those of this process.
    pub role: Option<Role>,
}

/// A role that is assumed before a request is signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy asks for as `sts:ExternalId`.
    pub external_id: Option<String>,
}

/// A request as it is about to leave; a header that is added later is not signed.
#[derive(Clone, Copy)]
pub struct Unsigned<'r> {
    /// Method.
    pub method: &'r str,
    /// Absolute URL, encoded as it is sent.
    pub url: &'r str,
    /// Names and values.
    pub headers: &'r [(&'r str, &'r str)],
    /// The whole body.
    pub body: &'r [u8],
}

/// Why a request was not signed; nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The role cannot be assumed until a person allows it.
    #[error("{0}")]
    Denied(String),
    /// No credentials now; trying again may help.
    #[error("{0}")]
    Unavailable(String),
}

/// Signs requests to AWS services.
#[async_trait]
pub trait RequestSigner: Send + Sync {
    /// The headers that make the request a signed one; values are secrets of a few minutes.
    async fn sign(
        &self,
        signing: &Signing,
        request: Unsigned<'_>,
    ) -> Result<Vec<(String, String)>, SignError>;
}

/// Why STS did not say who signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The signature is none of these credentials, or over something else.
    #[error("STS refuses the signature: {0}")]
    Refused(String),
    /// No answer now; trying again may help.
    #[error("STS cannot be asked: {0}")]
    Unavailable(String),
}

/// Asks STS who signed a question.
#[async_trait]
pub trait CallerIdentity: Send + Sync {
    /// Who signed it; asks once, in bounded time.
    async fn caller(&self, question: &StsQuestion) -> Result<Identity, IdentityError>;
}

/// The organisation of accounts that a master belongs to.
#[async_trait]
pub trait Organization: Send + Sync {
    /// Whether the worker's account is an active member; the error says what is missing.
    async fn has(&self, worker: &WorkerId) -> Result<bool, String>;
}

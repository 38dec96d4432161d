//! The doors to the outside, as traits; the store's is in `store`.

use crate::finding::Reputation;
use crate::secret::{Secret, SecretError, SecretRef};
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

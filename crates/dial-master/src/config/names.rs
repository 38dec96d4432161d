//! Texts that name something: an address, a store, a worker.

use dial_core::WorkerId;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Listen(pub SocketAddr);

/// Which store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StoreRef {
    /// The embedded store, in this file.
    Sqlite(PathBuf),
    /// A table of DynamoDB.
    Dynamodb(String),
}

/// A worker, as configuration writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Signer(pub WorkerId);

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fix = || format!("`{text}` is no address; use one such as 127.0.0.1:8600");
        text.parse().map(Self).map_err(|_| fix())
    }
}

impl TryFrom<String> for StoreRef {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("dynamodb", table)) if is_table(table) => Ok(Self::Dynamodb(table.to_owned())),
            Some(("dynamodb", _)) => {
                Err("a table's name is 3 to 255 of a-z, A-Z, 0-9, `.`, `-` and `_`".into())
            }
            _ => Err("use sqlite:/path/to/file or dynamodb:table".into()),
        }
    }
}

/// Names as DynamoDB allows them.
fn is_table(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    (3..=255).contains(&name.len()) && name.bytes().all(fits)
}

impl TryFrom<String> for Signer {
    type Error = dial_core::worker_id::WorkerIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

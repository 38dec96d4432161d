//! Where objects lie, as configuration writes it: `s3://bucket/prefix`, or a folder on this machine.

use super::S3Bucket;
use crate::clients::Clients;
use dial_core::folder::Folder;
use dial_core::ports::{Bucket, BucketError};
use std::path::PathBuf;
use std::sync::Arc;

/// Longest key that S3 takes, bytes.
const MAX_KEY: usize = 1_024;

/// A place in S3, or a path on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `s3://bucket` or `s3://bucket/key`.
    S3 {
        /// Name of the bucket.
        bucket: String,
        /// Key or prefix, without a leading slash; may be empty.
        key: String,
    },
    /// A path.
    Path(PathBuf),
}

/// Why a text is no location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Nothing there.
    #[error("location is empty: s3://bucket/prefix or a folder is needed")]
    Empty,
    /// A URL that is not of S3.
    #[error("`{0}` is no location: s3://bucket/prefix or a folder is needed")]
    Scheme(String),
    /// Not a bucket's name.
    #[error("`{0}` is no bucket name: three to 255 of a-z, A-Z, 0-9, `.`, `-` and `_` are needed")]
    Bucket(String),
    /// Longer than a key may be.
    #[error("key is {0} bytes long, {MAX_KEY} are allowed")]
    Key(usize),
}

impl std::str::FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once("://") {
            Some(("s3", rest)) => s3(rest),
            Some(_) => Err(LocationError::Scheme(clip(text))),
            None if text.is_empty() => Err(LocationError::Empty),
            None => Ok(Self::Path(PathBuf::from(text))),
        }
    }
}

fn s3(rest: &str) -> Result<Location, LocationError> {
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let fits = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    if !(3..=255).contains(&bucket.len()) || !bucket.bytes().all(fits) {
        return Err(LocationError::Bucket(clip(bucket)));
    }
    if key.len() > MAX_KEY {
        return Err(LocationError::Key(key.len()));
    }
    Ok(Location::S3 {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    })
}

/// Opens `s3://bucket/prefix` or a folder; calls nothing yet.
pub fn open_bucket(text: &str, clients: &Clients) -> Result<Arc<dyn Bucket>, LocationError> {
    Ok(match text.parse()? {
        Location::S3 { bucket, key } => Arc::new(S3Bucket::new(clients.clone(), bucket, &key)),
        Location::Path(path) => Arc::new(Folder::new(path)),
    })
}

/// Reads one object or file of at most `limit` bytes; `None` when there is none.
pub async fn read_object(
    location: &Location,
    limit: usize,
    clients: &Clients,
) -> Result<Option<Vec<u8>>, BucketError> {
    match location {
        Location::S3 { bucket, key } => {
            let bucket = S3Bucket::new(clients.clone(), bucket.clone(), "");
            bucket.get(key, limit).await
        }
        Location::Path(path) => {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
            let folder = Folder::new(path.parent().unwrap_or(&PathBuf::new()));
            folder.get(name, limit).await
        }
    }
}

/// Keeps error texts short: they quote configuration.
fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_told_apart() {
        let s3 = |bucket: &str, key: &str| {
            Ok(Location::S3 {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            })
        };
        let path = |text: &str| Ok(Location::Path(PathBuf::from(text)));
        let bucket = |text: &str| Err(LocationError::Bucket(text.to_owned()));
        let cases = [
            ("s3://dial-letters", s3("dial-letters", "")),
            ("s3://dial-letters/", s3("dial-letters", "")),
            ("s3://dial/config/dial.toml", s3("dial", "config/dial.toml")),
            ("s3://my.old_Bucket/k", s3("my.old_Bucket", "k")),
            ("./letters", path("./letters")),
            ("/var/lib/dial", path("/var/lib/dial")),
            ("", Err(LocationError::Empty)),
            (
                "https://x/y",
                Err(LocationError::Scheme("https://x/y".into())),
            ),
            ("s3://", bucket("")),
            ("s3:///key", bucket("")),
            ("s3://a b c/key", bucket("a b c")),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Location>(), expected, "{text}");
        }
        let long = format!("s3://bucket/{}", "k".repeat(1_025));
        assert_eq!(long.parse::<Location>(), Err(LocationError::Key(1_025)));
    }

    #[tokio::test]
    async fn a_file_is_read_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dial.toml");
        std::fs::write(&path, b"[worker]").unwrap();
        let clients = Clients::new();
        let read = |path: PathBuf, limit| {
            let clients = clients.clone();
            async move { read_object(&Location::Path(path), limit, &clients).await }
        };
        assert_eq!(read(path.clone(), 8).await.unwrap().unwrap(), b"[worker]");
        assert!(read(path, 7).await.is_err());
        let missing = read(folder.path().join("none"), 8).await;
        assert_eq!(missing.unwrap(), None);
    }
}

//! A bucket that is a folder: what stands in for S3 on one machine.

use crate::ports::{Bucket, BucketError};
use async_trait::async_trait;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Suffix of a file that is still being written.
const PART: &str = ".part";

/// Objects as files below a folder; keys are relative paths.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Uses a folder, made when first written to.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Refuses keys that would leave the folder.
    fn path(&self, operation: &'static str, key: &str) -> Result<PathBuf, BucketError> {
        let inside = |part: &str| !part.is_empty() && part != "." && part != "..";
        if key.split('/').all(inside) && !key.contains(['\\', '\0']) {
            Ok(self.0.join(key))
        } else {
            Err(failure(
                operation,
                key,
                &"key would leave the folder",
                false,
            ))
        }
    }

    fn keys(&self, folder: &Path, found: &mut Vec<String>) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.keys(&entry.path(), found)?;
            } else if let Ok(key) = entry.path().strip_prefix(&self.0) {
                found.extend(key.to_str().map(str::to_owned));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Bucket for Folder {
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<(), BucketError> {
        let path = self.path("put", key)?;
        write_durably(&path, &body).map_err(|e| failure("put", key, &e, true))
    }

    async fn get(&self, key: &str, limit: usize) -> Result<Option<Vec<u8>>, BucketError> {
        let path = self.path("get", key)?;
        match read_bounded(&path, limit) {
            Ok(body) if body.len() > limit => Err(failure(
                "get",
                key,
                &format!("larger than {limit} bytes"),
                false,
            )),
            Ok(body) => Ok(Some(body)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failure("get", key, &e, true)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, BucketError> {
        let mut found = Vec::new();
        match self.keys(&self.0, &mut found) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(failure("list", prefix, &e, true));
            }
            _ => found.retain(|key| key.starts_with(prefix) && !key.ends_with(PART)),
        }
        found.sort();
        Ok(found)
    }
}

/// Writes beside the target and renames, so that a crash leaves no half object.
fn write_durably(path: &Path, body: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut part = path.as_os_str().to_owned();
    part.push(PART);
    let mut file = std::fs::File::create(&part)?;
    file.write_all(body)?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}

fn read_bounded(path: &Path, limit: usize) -> std::io::Result<Vec<u8>> {
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut body = Vec::new();
    std::fs::File::open(path)?
        .take(bound)
        .read_to_end(&mut body)?;
    Ok(body)
}

fn failure(
    operation: &'static str,
    key: &str,
    reason: &dyn std::fmt::Display,
    transient: bool,
) -> BucketError {
    BucketError {
        operation,
        key: key.to_owned(),
        reason: reason.to_string(),
        transient,
    }
}

//! Objects as a scan needs them: listed page by page with size and version, fetched in parts.

use super::{Call, S3Bucket, read};
use aws_sdk_s3::primitives::DateTime;
use dial_core::ports::BucketError;
use std::ops::Range;

/// One object of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key, relative to the bucket's prefix.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The `ETag` as S3 gives it, quotes included; empty where the list has none.
    pub etag: String,
    /// Unix seconds of the last change; 0 where the list has none.
    pub modified: i64,
}

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Keys start with this.
    pub prefix: String,
    /// Only keys behind this one; empty for all.
    pub after: String,
    /// Whether keys with a further `/` are given as one folder each.
    pub by_folder: bool,
}

/// Some of what a list holds, each part in order of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Objects.
    pub objects: Vec<Object>,
    /// Folders, with the `/` at the end.
    pub folders: Vec<String>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<String>,
}

impl S3Bucket {
    /// One page of at most a thousand entries; `next` is that of the page before.
    pub async fn page(&self, listing: &Listing, next: Option<String>) -> Result<Page, BucketError> {
        let call = self.call("list", "s3:ListBucket", &listing.prefix);
        let request = self.clients.s3().await.list_objects_v2();
        let after = Some(&listing.after).filter(|after| !after.is_empty());
        let answer = request
            .bucket(&self.bucket)
            .prefix(self.full(&listing.prefix))
            .set_delimiter(listing.by_folder.then(|| "/".to_owned()))
            .set_start_after(after.map(|after| self.full(after)))
            .set_continuation_token(next)
            .send()
            .await
            .map_err(|e| call.failed(&e))?;
        let relative = |key: &str| key.strip_prefix(&self.prefix).map(str::to_owned);
        let objects = answer.contents().iter().filter_map(|object| {
            Some(Object {
                key: relative(object.key()?)?,
                size: object.size().and_then(|size| size.try_into().ok())?,
                etag: object.e_tag().unwrap_or_default().to_owned(),
                modified: object.last_modified().map_or(0, DateTime::secs),
            })
        });
        let folders = answer.common_prefixes().iter();
        Ok(Page {
            objects: objects.collect(),
            folders: folders.filter_map(|f| relative(f.prefix()?)).collect(),
            next: answer.next_continuation_token().map(str::to_owned),
        })
    }

    /// Bytes of an object; fails where it is no longer the one that was listed.
    pub async fn part(&self, object: &Object, range: Range<u64>) -> Result<Vec<u8>, BucketError> {
        let call = self.call("get", "s3:GetObject", &object.key);
        let length = range.end.saturating_sub(range.start);
        let is_part = length < object.size;
        let last = range.end.saturating_sub(1);
        let etag = Some(&object.etag).filter(|etag| !etag.is_empty());
        let request = self.clients.s3().await.get_object();
        let answer = request
            .bucket(&self.bucket)
            .key(self.full(&object.key))
            .set_range(is_part.then(|| format!("bytes={}-{last}", range.start)))
            .set_if_match(etag.cloned())
            .send()
            .await
            .map_err(|e| call.failed(&e))?;
        let body = read(answer, usize::try_from(length).unwrap_or(usize::MAX), &call).await?;
        whole(body, length, &call)
    }
}

/// Fewer bytes than were listed mean that the object was replaced in between.
fn whole(body: Vec<u8>, length: u64, call: &Call) -> Result<Vec<u8>, BucketError> {
    if body.len() as u64 == length {
        return Ok(body);
    }
    let reason = format!("{} bytes came, {length} were listed", body.len());
    Err(call.error(reason, true))
}

//! Notices of new trail objects: from S3 itself, or from CloudTrail through SNS.

use super::{EnvelopeError, Input, Malformed, json};
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

/// An object to fetch and scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    /// Bucket name.
    pub bucket: String,
    /// Key, decoded.
    pub key: String,
    /// Size in bytes, where the notice says.
    pub size: Option<u64>,
}

impl ObjectRef {
    /// Whether the key is that of a file that can hold records; digests and the marker objects
    /// of folders lie in the same bucket.
    pub fn may_hold_records(&self) -> bool {
        let key = self.key.as_str();
        let named = [".json.gz", ".json", ".jsonl", ".jsonl.gz"];
        named.iter().any(|end| key.ends_with(end)) && !key.contains("/CloudTrail-Digest/")
    }
}

/// The records of an S3 notification; notices of removal name nothing to read.
pub(super) fn objects(members: &[&RawValue]) -> Vec<Result<ObjectRef, Malformed>> {
    let read = |member: &&RawValue| match object(member.get()) {
        Ok(found) => found.map(Ok),
        Err(error) => Some(Err(Malformed::new(error, member.get()))),
    };
    members.iter().filter_map(read).collect()
}

fn object(text: &str) -> Result<Option<ObjectRef>, EnvelopeError> {
    let [name, s3] = json::pick(text, ["eventName", "s3"])?;
    let name = name
        .and_then(json::text)
        .ok_or(EnvelopeError::Missing("eventName"))?;
    if !name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        return Ok(None);
    }
    let s3 = s3.ok_or(EnvelopeError::Missing("s3"))?;
    let [bucket, object] = json::pick(s3.get(), ["bucket", "object"])?;
    let bucket = bucket.ok_or(EnvelopeError::Missing("bucket"))?;
    let object = object.ok_or(EnvelopeError::Missing("object"))?;
    let [bucket] = json::pick(bucket.get(), ["name"])?;
    let [key, size] = json::pick(object.get(), ["key", "size"])?;
    let key = key
        .and_then(json::text)
        .ok_or(EnvelopeError::Missing("key"))?;
    Ok(Some(ObjectRef {
        bucket: name_of_bucket(bucket)?,
        key: decode(&key)?,
        size: size.and_then(|size| size.get().parse().ok()),
    }))
}

/// CloudTrail's own notice: `{"s3Bucket":"…","s3ObjectKey":["…"]}`; keys come undecoded.
pub(super) fn trail_delivery(text: &str) -> Result<Input, EnvelopeError> {
    let [bucket, keys] = json::pick(text, ["s3Bucket", "s3ObjectKey"])?;
    let bucket = name_of_bucket(bucket)?;
    let keys = keys.ok_or(EnvelopeError::Missing("s3ObjectKey"))?;
    let read = |key: &RawValue| match json::text(key) {
        Some(key) => Ok(ObjectRef {
            bucket: bucket.clone(),
            key: key.into_owned(),
            size: None,
        }),
        None => Err(Malformed::new(EnvelopeError::Missing("s3ObjectKey"), text)),
    };
    let keys = json::list(keys.get(), super::MAX_RECORDS)?;
    Ok(Input::Objects(keys.into_iter().map(read).collect()))
}

fn name_of_bucket(raw: Option<&RawValue>) -> Result<String, EnvelopeError> {
    let name = raw.and_then(json::text);
    let name = name.filter(|name| !name.is_empty());
    name.map(std::borrow::Cow::into_owned)
        .ok_or(EnvelopeError::Missing("bucket"))
}

/// Keys come URL-encoded, a space as `+`.
fn decode(key: &str) -> Result<String, EnvelopeError> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| EnvelopeError::Missing("key"))
}

//! Objects in S3 below a prefix, read and listed within bounds.

pub mod location;
pub mod objects;

use crate::clients::Clients;
use crate::fault::{Fault, Remedy};
use async_trait::async_trait;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use dial_core::ports::{Bucket, BucketError};
use objects::Listing;

/// Most keys of one list; more are an error, never a silent cut.
const MAX_KEYS: usize = 1_000_000;

/// A bucket, or the part of one below a prefix; keys are relative to it.
///
/// The SDK sends a checksum with each object and S3 refuses what does not match it.
#[derive(Debug, Clone)]
pub struct S3Bucket {
    clients: Clients,
    bucket: String,
    prefix: String,
}

impl S3Bucket {
    /// Uses a bucket below a prefix, which may be empty; slashes around it do not matter.
    pub fn new(clients: Clients, bucket: impl Into<String>, prefix: &str) -> Self {
        let prefix = match prefix.trim_matches('/') {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        Self {
            clients,
            bucket: bucket.into(),
            prefix,
        }
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn call(&self, operation: &'static str, action: &'static str, key: &str) -> Call {
        Call {
            operation,
            action,
            place: format!("s3://{}/{}", self.bucket, self.full(key)),
        }
    }
}

#[async_trait]
impl Bucket for S3Bucket {
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<(), BucketError> {
        self.clients
            .s3()
            .await
            .put_object()
            .bucket(&self.bucket)
            .key(self.full(key))
            .body(ByteStream::from(body))
            .send()
            .await
            .map_err(|e| self.call("put", "s3:PutObject", key).failed(&e))?;
        Ok(())
    }

    async fn get(&self, key: &str, limit: usize) -> Result<Option<Vec<u8>>, BucketError> {
        // Without leave to list, S3 calls an object that is not there forbidden.
        let call = self.call("get", "s3:GetObject and s3:ListBucket", key);
        let request = self.clients.s3().await.get_object();
        let answer = request
            .bucket(&self.bucket)
            .key(self.full(key))
            .send()
            .await;
        match answer {
            Ok(object) => read(object, limit, &call).await.map(Some),
            Err(e) if e.code() == Some("NoSuchKey") => Ok(None),
            Err(e) => Err(call.failed(&e)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, BucketError> {
        let listing = Listing {
            prefix: prefix.to_owned(),
            ..Listing::default()
        };
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = self.page(&listing, after).await?;
            found.extend(page.objects.into_iter().map(|object| object.key));
            if found.len() > MAX_KEYS {
                let call = self.call("list", "s3:ListBucket", prefix);
                let reason = format!("more than {MAX_KEYS} keys, give a longer prefix");
                return Err(call.error(reason, false));
            }
            if page.next.is_none() {
                break;
            }
            after = page.next;
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// Makes a bucket; one that is there is kept.
///
/// For emulators and trials: a deployed bucket belongs to Terraform.
pub async fn create_bucket(clients: &Clients, name: &str) -> Result<(), BucketError> {
    let request = clients.s3().await.create_bucket().bucket(name);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(e) if e.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
        Err(e) => {
            let call = Call {
                operation: "put",
                action: "s3:CreateBucket",
                place: format!("s3://{name}"),
            };
            Err(call.failed(&e))
        }
    }
}

/// Takes the body piece by piece and stops at the limit.
async fn read(
    mut object: GetObjectOutput,
    limit: usize,
    call: &Call,
) -> Result<Vec<u8>, BucketError> {
    let too_large = || call.error(format!("larger than {limit} bytes"), false);
    let length = object.content_length().unwrap_or(0);
    if usize::try_from(length).unwrap_or(0) > limit {
        return Err(too_large());
    }
    let mut body = Vec::new();
    loop {
        match object.body.try_next().await {
            Ok(None) => return Ok(body),
            Ok(Some(piece)) if body.len().saturating_add(piece.len()) > limit => {
                return Err(too_large());
            }
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Err(e) => return Err(call.error(format!("body broke off: {e}"), true)),
        }
    }
}

/// One call, as its error names it.
struct Call {
    operation: &'static str,
    action: &'static str,
    place: String,
}

impl Call {
    fn failed<E>(&self, error: &SdkError<E, HttpResponse>) -> BucketError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let fault = Fault::of(error);
        let reason = fault.explain(self.action, &self.place);
        self.error(reason, fault.remedy != Remedy::Repair)
    }

    fn error(&self, reason: String, transient: bool) -> BucketError {
        BucketError {
            operation: self.operation,
            key: self.place.clone(),
            reason,
            transient,
        }
    }
}

//! Buckets: whether they are closed, encrypted, versioned and tidied up.

use super::{Survey, SurveyError};
use crate::fault::Fault;
use aws_sdk_s3::types::{BucketVersioningStatus, ExpirationStatus};

/// A bucket as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketState {
    /// Whether all four blocks of public access are on.
    pub blocked: bool,
    /// Whether a rule of encryption is set.
    pub encrypted: bool,
    /// Whether earlier versions stay; not every service that speaks S3 can say.
    pub versioned: Result<bool, SurveyError>,
    /// Whether any rule of its lifecycle is on.
    pub lifecycle: bool,
}

impl Survey {
    /// A bucket by its name.
    pub async fn bucket(&self, name: &str) -> Result<BucketState, SurveyError> {
        let client = self.clients.s3().await;
        let resource = format!("s3://{name}");
        // What is not set is answered with an error of its own.
        let unset = |fault: Fault, action: &str, code: &str| {
            if fault.code == code {
                Ok(false)
            } else {
                Err(SurveyError::of(&fault, action, &resource))
            }
        };
        let blocked = match client.get_public_access_block().bucket(name).send().await {
            Ok(answer) => answer
                .public_access_block_configuration()
                .is_some_and(|it| {
                    let all = [
                        it.block_public_acls(),
                        it.block_public_policy(),
                        it.ignore_public_acls(),
                        it.restrict_public_buckets(),
                    ];
                    all.iter().all(|on| *on == Some(true))
                }),
            Err(e) => unset(
                Fault::of(&e),
                "s3:GetBucketPublicAccessBlock",
                "NoSuchPublicAccessBlockConfiguration",
            )?,
        };
        let encrypted = match client.get_bucket_encryption().bucket(name).send().await {
            Ok(answer) => {
                let rules = answer.server_side_encryption_configuration();
                rules.is_some_and(|it| !it.rules().is_empty())
            }
            Err(e) => unset(
                Fault::of(&e),
                "s3:GetEncryptionConfiguration",
                "ServerSideEncryptionConfigurationNotFoundError",
            )?,
        };
        let lifecycle = client.get_bucket_lifecycle_configuration().bucket(name);
        let lifecycle = match lifecycle.send().await {
            Ok(answer) => {
                let mut rules = answer.rules().iter();
                rules.any(|rule| *rule.status() == ExpirationStatus::Enabled)
            }
            Err(e) => unset(
                Fault::of(&e),
                "s3:GetLifecycleConfiguration",
                "NoSuchLifecycleConfiguration",
            )?,
        };
        let versioned = client.get_bucket_versioning().bucket(name).send().await;
        let versioned = versioned
            .map(|it| it.status() == Some(&BucketVersioningStatus::Enabled))
            .map_err(|e| SurveyError::of(&Fault::of(&e), "s3:GetBucketVersioning", &resource));
        Ok(BucketState {
            blocked,
            encrypted,
            versioned,
            lifecycle,
        })
    }
}

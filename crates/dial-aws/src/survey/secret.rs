//! Secrets: when they were changed last; never what they are.

use super::{Survey, SurveyError};
use crate::fault::Fault;
use jiff::Timestamp;

/// A secret of Secrets Manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretState {
    /// Its whole ARN; policies go by it, whatever it was asked for by.
    pub arn: String,
    /// Key of KMS that it is encrypted with, where one was chosen.
    pub key: Option<String>,
    /// When its value was changed last; `None` where it never had one.
    pub changed: Option<Timestamp>,
    /// Whether it is about to be deleted.
    pub deleted: bool,
}

impl Survey {
    /// A secret by its ARN or name.
    pub async fn secret(&self, name: &str) -> Result<SecretState, SurveyError> {
        let request = self.clients.secrets().await.describe_secret();
        let answer =
            request.secret_id(name).send().await.map_err(|e| {
                SurveyError::of(&Fault::of(&e), "secretsmanager:DescribeSecret", name)
            })?;
        let changed = answer.last_changed_date().or(answer.created_date());
        // A secret without a value has been changed, too: when it was made.
        let versions = answer.version_ids_to_stages();
        let has_value = versions.is_some_and(|versions| !versions.is_empty());
        Ok(SecretState {
            arn: answer.arn().unwrap_or_default().to_owned(),
            key: answer.kms_key_id().map(str::to_owned),
            changed: changed
                .filter(|_| has_value)
                .and_then(|date| Timestamp::from_second(date.secs()).ok()),
            deleted: answer.deleted_date().is_some(),
        })
    }
}

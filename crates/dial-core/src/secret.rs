//! Secrets: values that never print themselves, and references that say where one lies.

use serde::{Deserialize, Serialize};

/// A secret text; `Debug` and `Display` show `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text; white space around it (a file's last newline) is dropped.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The text itself, at the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Where a secret lies; configuration holds this, never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SecretRef {
    /// `env:NAME`: an environment variable.
    Env(String),
    /// `file:/path`: a file's content.
    File(String),
    /// `secretsmanager:<arn or name>`: a secret of AWS Secrets Manager.
    SecretsManager(String),
    /// `ssm:<arn or name>`: a parameter of AWS Systems Manager, decrypted.
    Parameter(String),
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The text is no reference; it is not shown, for it may be the secret itself.
    #[error(
        "a secret must be a reference: env:NAME, file:/path, secretsmanager:<arn> or ssm:<arn>, never the value itself"
    )]
    Literal,
    /// The environment variable is missing.
    #[error("environment variable {0} is not set")]
    Env(String),
    /// The file could not be read.
    #[error("secret file {path} cannot be read: {source}")]
    File {
        /// The path.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// AWS refused or could not be asked.
    #[error("secret {name} cannot be fetched: {reason}")]
    Remote {
        /// The ARN or name.
        name: String,
        /// What AWS said.
        reason: String,
    },
}

impl SecretRef {
    /// Resolves what needs no network; `None` for a secret of AWS.
    pub fn local(&self) -> Option<Result<Secret, SecretError>> {
        match self {
            SecretRef::Env(name) => Some(
                std::env::var(name)
                    .map(|text| Secret::new(&text))
                    .map_err(|_| SecretError::Env(name.clone())),
            ),
            SecretRef::File(path) => Some(
                std::fs::read_to_string(path)
                    .map(|text| Secret::new(&text))
                    .map_err(|source| SecretError::File {
                        path: path.clone(),
                        source,
                    }),
            ),
            SecretRef::SecretsManager(_) | SecretRef::Parameter(_) => None,
        }
    }
}

impl TryFrom<String> for SecretRef {
    type Error = SecretError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            Some(("secretsmanager", name)) if !name.is_empty() => {
                Ok(Self::SecretsManager(name.to_owned()))
            }
            Some(("ssm", name)) if !name.is_empty() => Ok(Self::Parameter(name.to_owned())),
            _ => Err(SecretError::Literal),
        }
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> String {
        match reference {
            SecretRef::Env(name) => format!("env:{name}"),
            SecretRef::File(path) => format!("file:{path}"),
            SecretRef::SecretsManager(name) => format!("secretsmanager:{name}"),
            SecretRef::Parameter(name) => format!("ssm:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let secret = Secret::new("hunter2\n");
        assert_eq!(format!("{secret} {secret:?}"), "[redacted] [redacted]");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn only_references_are_accepted_and_a_literal_is_not_echoed() {
        for good in [
            "env:A",
            "file:/run/key",
            "secretsmanager:arn:aws:x",
            "ssm:/dial/key",
        ] {
            let parsed = SecretRef::try_from(good.to_owned()).unwrap();
            assert_eq!(String::from(parsed), good);
        }
        for bad in ["hunter2", "env:", "ssm:", "whsec_abc", "https://x"] {
            let error = SecretRef::try_from(bad.to_owned()).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

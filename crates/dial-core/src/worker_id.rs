//! Who a worker is: one AWS account and one region.

use serde::{Deserialize, Serialize};

/// Why a text names no worker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerIdError {
    /// Not twelve ASCII digits.
    #[error("`{0}` is no AWS account number: twelve digits are needed")]
    Account(String),
    /// Not `[a-z0-9-]{1,32}`.
    #[error("`{0}` is no region: one to 32 of a-z, 0-9 and - are needed")]
    Region(String),
    /// No slash between account and region.
    #[error("`{0}` is not account/region")]
    Shape(String),
}

/// An AWS account number: twelve ASCII digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// An AWS region name, `[a-z0-9-]{1,32}`; not a list, so that new regions work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

/// The account and region that one worker watches and may sign for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

impl AccountId {
    /// Checks the form of an account number.
    pub fn parse(text: &str) -> Result<Self, WorkerIdError> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(WorkerIdError::Account(clip(text)))
        }
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Region {
    /// Checks the form of a region name.
    pub fn parse(text: &str) -> Result<Self, WorkerIdError> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(WorkerIdError::Region(clip(text)))
        }
    }

    /// The name, such as `eu-central-1`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for WorkerId {
    type Err = WorkerIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (account, region) = text
            .split_once('/')
            .ok_or_else(|| WorkerIdError::Shape(clip(text)))?;
        Ok(Self {
            account: AccountId::parse(account)?,
            region: Region::parse(region)?,
        })
    }
}

impl std::fmt::Display for WorkerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// Keeps error texts short: they quote input from outside.
fn clip(text: &str) -> String {
    text.chars().take(48).collect()
}

macro_rules! text_newtype {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = WorkerIdError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

text_newtype!(AccountId);
text_newtype!(Region);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_regions_are_checked() {
        let cases = [
            ("111122223333/eu-west-1", true),
            ("111122223333/us-gov-east-1", true),
            ("11112222333/eu-west-1", false),
            ("1111222233334/eu-west-1", false),
            ("11112222333x/eu-west-1", false),
            ("111122223333/EU-WEST-1", false),
            ("111122223333/", false),
            ("111122223333", false),
            ("111122223333/eu/west", false),
            ("１１１１２２２２３３３３/eu-west-1", false),
        ];
        for (text, good) in cases {
            assert_eq!(text.parse::<WorkerId>().is_ok(), good, "{text}");
        }
    }

    #[test]
    fn display_is_what_parse_reads() {
        let id: WorkerId = "111122223333/eu-west-1".parse().unwrap();
        assert_eq!(id.to_string().parse::<WorkerId>().unwrap(), id);
    }
}

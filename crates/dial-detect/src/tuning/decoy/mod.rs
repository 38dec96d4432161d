//! Decoys: keys, users and the like that nobody has a reason to touch; `decoy.touched`, `.kind`, `.name`.

mod named;
mod traces;

use super::seen::Seen;
use crate::event::Kind;
use named::Named;
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest name, bytes.
const MAX_NAME: usize = 1_024;

/// Services whose findings say that somebody used a thing, or has it. Others look at how things are
/// set up, decoys among them, and nobody touched those.
const TELL_OF_USE: [&str; 2] = ["aws.guardduty", "aws.health"];

/// A decoy as the operator lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoy {
    /// What it is.
    pub kind: DecoyKind,
    /// Its name or ARN; of an access key, its id.
    pub name: String,
}

/// What can be a decoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecoyKind {
    /// Access key of a user, by its id.
    AccessKey,
    /// IAM user.
    User,
    /// IAM role.
    Role,
    /// Secret in Secrets Manager.
    Secret,
    /// S3 bucket.
    Bucket,
    /// Parameter in Systems Manager.
    Parameter,
}

impl DecoyKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 6] = [
        Self::AccessKey,
        Self::User,
        Self::Role,
        Self::Secret,
        Self::Bucket,
        Self::Parameter,
    ];

    /// The word in configuration and rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::AccessKey => "access_key",
            Self::User => "user",
            Self::Role => "role",
            Self::Secret => "secret",
            Self::Bucket => "bucket",
            Self::Parameter => "parameter",
        }
    }
}

impl Decoy {
    /// Its name, without what an ARN says before it; `None` for an ARN of something else.
    pub(crate) fn bare_name(&self) -> Option<&str> {
        Named::of(self.kind, &self.name).map(|named| named.name)
    }

    /// Whether a text without `*` means this very thing.
    pub(super) fn is_named_by(&self, text: &str) -> bool {
        let named = Named::of(self.kind, &self.name);
        !text.contains('*') && named.is_some_and(|named| named.is(self.kind, text))
    }

    /// Whether it can be recognised; the error says what to change.
    pub(crate) fn check(&self) -> Result<(), String> {
        let name = self.name.as_str();
        if name.is_empty() || name.len() > MAX_NAME {
            let length = name.len();
            return Err(format!(
                "is {length} bytes long, 1 to {MAX_NAME} are allowed"
            ));
        }
        if name.contains('*') {
            return Err(format!("`{name}` holds `*`; a decoy is one thing"));
        }
        if self.kind == DecoyKind::AccessKey && !is_key_id(name) {
            return Err(format!(
                "`{name}` is no id of an access key: AKIA and 16 more"
            ));
        }
        let is_arn = name.starts_with("arn:");
        if is_arn
            && Named::of(self.kind, name)
                .is_none_or(|named| named.account.is_none() && self.kind != DecoyKind::Bucket)
        {
            return Err(format!("`{name}` is no ARN of a {}", self.kind.word()));
        }
        Ok(())
    }
}

/// Sixteen characters or more, beginning as keys of users and sessions do.
fn is_key_id(text: &str) -> bool {
    let known = text.starts_with("AKIA") || text.starts_with("ASIA");
    let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    known && (16..=128).contains(&text.len()) && text.bytes().all(upper)
}

/// The decoys, ready to be looked for.
#[derive(Debug, Default)]
pub(super) struct Lures(Vec<Decoy>);

impl Lures {
    pub(super) fn of(decoys: &[Decoy]) -> Self {
        let good = decoys.iter().filter(|decoy| decoy.check().is_ok());
        Self(good.cloned().collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first decoy that the event touched, as rules see it.
    pub(super) fn field(&self, seen: &Seen<'_>) -> Option<Value> {
        let decoy = *self.touched(seen).first()?;
        let kind = decoy.kind.word();
        Some(json!({ "touched": true, "kind": kind, "name": decoy.name }))
    }

    /// All decoys that the event touched, in order of the configuration.
    pub(super) fn touched<'a>(&'a self, seen: &Seen<'_>) -> Vec<&'a Decoy> {
        let tells = match &seen.event.kind {
            Kind::CloudTrail => true,
            Kind::Native { source, .. } => TELL_OF_USE.contains(&source.as_str()),
        };
        if self.is_empty() || !tells {
            return Vec::new();
        }
        let traces = traces::of(seen);
        let fits = |decoy: &&Decoy| {
            let mut traces = traces.iter();
            let wanted = Named::of(decoy.kind, &decoy.name);
            wanted.is_some_and(|wanted| {
                traces.any(|trace| trace.could_be(decoy.kind) && wanted.is(decoy.kind, trace.text))
            })
        };
        self.0.iter().filter(fits).collect()
    }
}

#[cfg(test)]
mod tests;

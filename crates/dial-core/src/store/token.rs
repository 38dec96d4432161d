//! API tokens: what each may do and until when, and where they are kept.

use super::StoreError;
use super::document::{self, Document, Documents};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// Longest life of a token, days.
pub const MAX_DAYS: u32 = 400;
/// Life of a token where none is asked for, days.
pub const DEFAULT_DAYS: u32 = 90;
/// Most tokens that are in force at a time; they are listed whole.
pub const MAX_TOKENS: usize = 500;
/// How long a token can still be seen once it has expired.
pub const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How exactly a store remembers when a token was used last: not a write for every request.
pub const USE_STEP: SignedDuration = SignedDuration::from_hours(1);

/// What the holder of a token may do; each includes the ones before it.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Sees findings, workers and counters.
    #[default]
    Viewer,
    /// Changes what the team sees: triage and silences.
    Analyst,
    /// Makes and revokes tokens.
    Admin,
}

/// A word that is no scope.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope; use viewer, analyst or admin")]
pub struct UnknownScope(String);

impl Scope {
    /// All of them, the least first.
    pub const ALL: [Scope; 3] = [Scope::Viewer, Scope::Analyst, Scope::Admin];

    /// The word, as JSON and the configuration spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Viewer => "viewer",
            Scope::Analyst => "analyst",
            Scope::Admin => "admin",
        }
    }
}

impl Display for Scope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        let known = Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
        known.ok_or_else(|| UnknownScope(word.chars().take(48).collect()))
    }
}

/// An API token as a store keeps it: everything but the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// `t-` and 26 digits: the first 16 bytes of the token's SHA-256.
    pub id: String,
    /// Who or what holds it; goes into the history of what it changes.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// Start of the token, to recognise it by.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Name of the token that made it.
    pub created_by: String,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// When it was used last, give or take [`USE_STEP`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// When somebody revoked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// Name of the token that revoked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<String>,
}

/// What became of the wish to revoke a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// It opens nothing any more.
    Now(Token),
    /// It had been revoked before.
    Before(Token),
    /// There is none with this id.
    Unknown,
}

/// Where tokens are kept.
#[async_trait::async_trait]
pub trait Tokens: Send + Sync {
    /// Keeps a token; `false` when its id is there already, which changes nothing.
    async fn add_token(&self, token: &Token) -> Result<bool, StoreError>;

    /// One token by its id, also an expired or revoked one; strongly consistent.
    async fn token(&self, id: &str) -> Result<Option<Token>, StoreError>;

    /// All tokens up to [`KEPT`] after their end, the newest first.
    async fn tokens(&self, now: Timestamp) -> Result<Vec<Token>, StoreError>;

    /// Revokes a token at `now`; it can still be seen.
    async fn revoke_token(&self, id: &str, by: &str, now: Timestamp)
    -> Result<Revoked, StoreError>;

    /// Remembers that a token was used; of a time within [`USE_STEP`] of the last one, nothing.
    async fn use_token(&self, id: &str, at: Timestamp) -> Result<(), StoreError>;
}

impl Document for Token {
    const KIND: &'static str = "TOK";

    fn id(&self) -> &str {
        &self.id
    }

    fn forgotten_at(&self) -> Timestamp {
        self.expires_at
            .saturating_add(KEPT)
            .unwrap_or(Timestamp::MAX)
    }
}

#[async_trait::async_trait]
impl<S: Documents + ?Sized> Tokens for S {
    async fn add_token(&self, token: &Token) -> Result<bool, StoreError> {
        let change = |before: Option<Token>| (before.is_none().then(|| token.clone()), before);
        let before = document::change(self, &token.id, token.created_at, change).await?;
        Ok(before.is_none())
    }

    async fn token(&self, id: &str) -> Result<Option<Token>, StoreError> {
        document::read(self, id).await
    }

    async fn tokens(&self, now: Timestamp) -> Result<Vec<Token>, StoreError> {
        let mut tokens: Vec<Token> = document::all(self, now).await?;
        tokens.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(tokens)
    }

    async fn revoke_token(
        &self,
        id: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Revoked, StoreError> {
        let change = |before: Option<Token>| match before {
            None => (None, Revoked::Unknown),
            Some(before) => match before.revoked(by, now) {
                Some(after) => (Some(after.clone()), Revoked::Now(after)),
                None => (None, Revoked::Before(before)),
            },
        };
        document::change(self, id, now, change).await
    }

    async fn use_token(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let change = |before: Option<Token>| {
            let news = before.filter(|token| token.is_use_news(at));
            (news.map(|token| token.used(at)), ())
        };
        document::change(self, id, at, change).await
    }
}

impl Token {
    /// Whether it opens anything at that time.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Whether a use at that time is worth a write.
    pub fn is_use_news(&self, at: Timestamp) -> bool {
        self.last_used
            .is_none_or(|last| at.duration_since(last) >= USE_STEP)
    }

    fn used(&self, at: Timestamp) -> Self {
        Self {
            last_used: Some(at),
            ..self.clone()
        }
    }

    /// This token once somebody revoked it; `None` where that had happened.
    fn revoked(&self, by: &str, now: Timestamp) -> Option<Self> {
        self.revoked_at.is_none().then(|| Self {
            revoked_at: Some(now),
            revoked_by: Some(by.to_owned()),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_grow_and_are_spelled_one_way() {
        assert!(Scope::ALL.is_sorted());
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
        let error = "root".parse::<Scope>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`root` is no scope; use viewer, analyst or admin"
        );
    }
}

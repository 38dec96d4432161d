//! Sessions of the dashboard: who signed in, on whose word and until when, and where that is kept.

use super::StoreError;
use super::document::{self, Document, Documents};
use super::token::Scope;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whose word a session stands on; while it does not hold, neither does the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Proof {
    /// A token of the configuration, by the session's name.
    Configured,
    /// A token of the store, by its id.
    Token {
        /// `t-…`.
        id: String,
    },
    /// An identity provider, when the session began.
    Provider {
        /// `iss` of its answer.
        issuer: String,
        /// `sub` of its answer.
        subject: String,
    },
}

/// A session as a store keeps it: everything but its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Hash of its secret.
    pub id: String,
    /// Who signed in; goes into the history of what they change.
    pub name: String,
    /// What they may do.
    pub scope: Scope,
    /// Whose word that is.
    pub proof: Proof,
    /// When they signed in.
    pub created_at: Timestamp,
    /// From when on they have to sign in again.
    pub expires_at: Timestamp,
    /// When they signed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// Where sessions are kept.
#[async_trait::async_trait]
pub trait Sessions: Send + Sync {
    /// Keeps a session; `false` when its id is there already, which changes nothing.
    async fn add_session(&self, session: &Session) -> Result<bool, StoreError>;

    /// One session by its id, also one that is over; strongly consistent.
    async fn session(&self, id: &str) -> Result<Option<Session>, StoreError>;

    /// Ends a session; of one that is over or unknown, nothing.
    async fn end_session(&self, id: &str, now: Timestamp) -> Result<(), StoreError>;
}

impl Document for Session {
    const KIND: &'static str = "SES";

    fn id(&self) -> &str {
        &self.id
    }

    fn forgotten_at(&self) -> Timestamp {
        self.expires_at
    }
}

#[async_trait::async_trait]
impl<S: Documents + ?Sized> Sessions for S {
    async fn add_session(&self, session: &Session) -> Result<bool, StoreError> {
        let change = |before: Option<Session>| (before.is_none().then(|| session.clone()), before);
        let before = document::change(self, &session.id, session.created_at, change).await?;
        Ok(before.is_none())
    }

    async fn session(&self, id: &str) -> Result<Option<Session>, StoreError> {
        document::read(self, id).await
    }

    async fn end_session(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        let change = |before: Option<Session>| {
            let live = before.filter(|session| session.is_in_force(now));
            let ended = live.map(|session| Session {
                ended_at: Some(now),
                ..session
            });
            (ended, ())
        };
        document::change(self, id, now, change).await
    }
}

impl Session {
    /// Whether it opens anything at that time.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}

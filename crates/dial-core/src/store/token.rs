//! API tokens: what a token may do.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// What the holder of a token may do; each includes the ones before it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
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

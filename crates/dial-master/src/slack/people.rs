//! Who may do what from Slack: workspaces and users that the configuration names, nobody else.

use dial_core::store::token::Scope;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A person, as the configuration names a Slack user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// How the history calls them.
    pub name: String,
    /// What they may do.
    #[serde(default)]
    pub scope: Scope,
}

/// Who a request comes from, as Slack signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Workspace that the app was used in.
    pub team: String,
    /// Slack user.
    pub user: String,
    /// The user's own workspace, where Slack says it: channels can be shared with others.
    pub home: Option<String>,
}

/// Why somebody is not heard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// The workspace, or the user's own one, is not in the configuration.
    #[error("workspace {0} is not allowed")]
    Team(String),
    /// The user is not in the configuration.
    #[error("user {0} is not allowed")]
    User(String),
}

/// Who is heard.
#[derive(Debug, Clone, Default)]
pub struct People {
    teams: BTreeSet<String>,
    users: BTreeMap<String, Person>,
}

impl People {
    /// Hears these users, from these workspaces.
    pub fn new(teams: BTreeSet<String>, users: BTreeMap<String, Person>) -> Self {
        Self { teams, users }
    }

    /// The person behind a request.
    pub fn person(&self, sender: &Sender) -> Result<&Person, Stranger> {
        for team in std::iter::once(&sender.team).chain(&sender.home) {
            if !self.teams.contains(team) {
                return Err(Stranger::Team(team.clone()));
            }
        }
        self.users
            .get(&sender.user)
            .ok_or_else(|| Stranger::User(sender.user.clone()))
    }
}

/// Whether a text has the form of Slack's ids, such as `T0123456789` or `U0123456789`.
pub fn is_id(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    (2..=32).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_a_known_user_of_a_known_workspace() {
        let person = Person {
            name: "first analyst".into(),
            scope: Scope::Analyst,
        };
        let people = People::new(
            ["T1".to_owned(), "T2".to_owned()].into(),
            [("U1".to_owned(), person.clone())].into(),
        );
        let team = |id: &str| Err(Stranger::Team(id.into()));
        let cases = [
            ("known", ("T1", "U1", None), Ok(&person)),
            ("at home", ("T1", "U1", Some("T1")), Ok(&person)),
            (
                "between allowed workspaces",
                ("T1", "U1", Some("T2")),
                Ok(&person),
            ),
            (
                "other user",
                ("T1", "U2", None),
                Err(Stranger::User("U2".into())),
            ),
            ("other workspace", ("T9", "U1", None), team("T9")),
            (
                "guest of a shared channel",
                ("T1", "U1", Some("T9")),
                team("T9"),
            ),
            ("small letters", ("t1", "U1", None), team("t1")),
            ("nothing", ("", "", None), team("")),
        ];
        for (name, (team, user, home), expected) in cases {
            let sender = Sender {
                team: team.into(),
                user: user.into(),
                home: home.map(str::to_owned),
            };
            assert_eq!(people.person(&sender), expected, "{name}");
        }
        let nobody = People::default();
        let sender = Sender {
            team: "T1".into(),
            user: "U1".into(),
            home: None,
        };
        assert!(nobody.person(&sender).is_err());
    }
}

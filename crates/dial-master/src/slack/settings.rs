//! `[master.slack]`: the Slack app that takes clicks and commands.

use super::SlackApp;
use super::people::{People, Person, is_id};
use super::verify::{MIN_SECRET, SigningSecrets};
use crate::deliver::transport::{Http, Transport};
use crate::message::links::Links;
use crate::message::text::inert;
use crate::sinks::call::secret_header;
use crate::sinks::guard::Guard;
use dial_core::Secret;
use dial_core::ports::Secrets;
use dial_core::secret::SecretRef;
use reqwest::Url;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;

/// Where the app opens dialogs unless the settings say otherwise (`GovSlack` does).
const API: &str = "https://slack.com/api/";
/// Longest name of a person, characters.
const MAX_NAME: usize = 64;

/// `[master.slack]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackSettings {
    /// Signing secret of the app.
    pub signing_secret: SecretRef,
    /// The one that is to replace it; both hold meanwhile.
    #[serde(default)]
    pub next_signing_secret: Option<SecretRef>,
    /// Token of the app's bot, such as a sink has; opens dialogs.
    pub bot_token: SecretRef,
    /// Base address of Slack's API.
    #[serde(default)]
    pub api_url: Option<String>,
    /// Ids of the workspaces that may use it.
    pub teams: BTreeSet<String>,
    /// Who may use it, by Slack user id.
    pub users: BTreeMap<String, Person>,
}

/// Takes (path below the section, message with its fix).
type Report<'a> = &'a mut dyn FnMut(&str, String);

impl SlackSettings {
    /// Reports what is wrong, without fetching a secret; paths start with `slack.`.
    pub fn check(&self, guard: Guard, report: Report<'_>) {
        let report: Report<'_> = &mut |key, message| report(&format!("slack.{key}"), message);
        if let Some(Err(refused)) = self.api_url.as_deref().map(|url| guard.url(url)) {
            report("api_url", refused.to_string());
        }
        self.check_teams(report);
        self.check_users(report);
    }

    fn check_teams(&self, report: Report<'_>) {
        if self.teams.is_empty() {
            let fix = "name your workspace, such as teams = [\"T0123456789\"]";
            report("teams", format!("nobody could use it; {fix}"));
        }
        for (n, team) in self.teams.iter().enumerate() {
            if !is_id(team) || !team.starts_with(['T', 'E']) {
                let fix = "it starts with T; your workspace's address in a browser shows it";
                report(
                    &format!("teams.{n}"),
                    format!("`{team}` is no workspace id; {fix}"),
                );
            }
        }
    }

    fn check_users(&self, report: Report<'_>) {
        if self.users.is_empty() {
            let fix = "name one, such as U0123456789 = { name = \"soc\", scope = \"analyst\" }";
            report("users", format!("nobody could use it; {fix}"));
        }
        let mut names = BTreeSet::new();
        for (id, person) in &self.users {
            if !is_id(id) || !id.starts_with(['U', 'W']) {
                let fix = "it starts with U or W; copy it from the member's profile";
                report(
                    &format!("users.{id}"),
                    format!("is no Slack user id; {fix}"),
                );
            }
            let name = &person.name;
            if name.is_empty() || inert(name, MAX_NAME) != *name {
                let message = format!("use 1 to {MAX_NAME} visible characters in one line");
                report(&format!("users.{id}.name"), message);
            }
            if !names.insert(name) {
                let message = "another user has this name; the history could not tell them apart";
                report(&format!("users.{id}.name"), message.into());
            }
        }
    }

    /// The app, or every problem as (path that starts with `slack.`, message).
    pub async fn build(
        &self,
        secrets: &dyn Secrets,
        guard: Guard,
        links: Links,
    ) -> Result<SlackApp, Vec<(String, String)>> {
        let mut problems = Vec::new();
        let mut keys = vec![("signing_secret", &self.signing_secret)];
        keys.extend(
            self.next_signing_secret
                .as_ref()
                .map(|s| ("next_signing_secret", s)),
        );
        let mut signing = Vec::new();
        for (key, reference) in keys {
            let fetched = secrets.fetch(reference).await;
            signing.extend(keep(
                &mut problems,
                key,
                fetched.map_err(said).and_then(long),
            ));
        }
        let token = secrets.fetch(&self.bot_token).await.map_err(said);
        let authorization = token.and_then(|token| {
            secret_header("Bearer ", &token).ok_or_else(|| "holds what no header may hold".into())
        });
        let authorization = keep(&mut problems, "bot_token", authorization);
        let api = keep(&mut problems, "api_url", self.api(guard));
        let transport = keep(&mut problems, "api_url", Http::new(guard).map_err(said));
        match (SigningSecrets::new(signing), authorization, api, transport) {
            (Some(signing), Some(authorization), Some(api), Some(transport))
                if problems.is_empty() =>
            {
                Ok(SlackApp {
                    signing,
                    people: People::new(self.teams.clone(), self.users.clone()),
                    authorization,
                    api,
                    links,
                    transport: Arc::new(transport) as Arc<dyn Transport>,
                })
            }
            _ => Err(problems),
        }
    }

    /// The base address, with the slash that makes it one.
    fn api(&self, guard: Guard) -> Result<Url, String> {
        let base = self.api_url.as_deref().unwrap_or(API).trim_end_matches('/');
        guard.url(&format!("{base}/")).map_err(said)
    }
}

fn long(secret: Secret) -> Result<Secret, String> {
    if secret.expose().len() >= MIN_SECRET {
        Ok(secret)
    } else {
        let fix = "copy it from the app's Basic Information";
        Err(format!("is under {MIN_SECRET} characters long; {fix}"))
    }
}

fn said(error: impl Display) -> String {
    error.to_string()
}

fn keep<T>(
    problems: &mut Vec<(String, String)>,
    key: &str,
    result: Result<T, String>,
) -> Option<T> {
    result
        .map_err(|message| problems.push((format!("slack.{key}"), message)))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::secret::SecretError;

    struct Known;

    #[async_trait::async_trait]
    impl Secrets for Known {
        async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
            match reference {
                SecretRef::Env(name) if name == "SIGN" => {
                    Ok(Secret::new("0123456789abcdef0123456789abcdef"))
                }
                SecretRef::Env(name) if name == "TOKEN" => Ok(Secret::new("tok-c2VjcmV0")),
                SecretRef::Env(name) if name == "SHORT" => Ok(Secret::new("c2VjcmV0")),
                SecretRef::Env(name) if name == "BROKEN" => Ok(Secret::new("a\nb")),
                SecretRef::Env(name) => Err(SecretError::Env(name.clone())),
                _ => Err(SecretError::Literal),
            }
        }
    }

    const GOOD: &str = "signing_secret = 'env:SIGN'\nbot_token = 'env:TOKEN'\n\
        teams = ['T0123456789']\nusers = { U0123456789 = { name = 'soc', scope = 'analyst' } }\n";

    fn problems(text: &str) -> Vec<String> {
        let settings: SlackSettings = toml::from_str(text).unwrap();
        let mut list = Vec::new();
        settings.check(Guard::Public, &mut |path, message| {
            list.push(format!("{path}: {message}"));
        });
        list
    }

    #[test]
    fn every_problem_is_named_with_its_fix() {
        assert_eq!(problems(GOOD), Vec::<String>::new());
        let bad = "signing_secret = 'env:SIGN'\nbot_token = 'env:TOKEN'\n\
            api_url = 'http://127.0.0.1/'\nteams = ['example.slack.com']\n\
            users = { someone = { name = '' }, U2 = { name = 'a' }, U3 = { name = 'a' } }\n";
        let nobody =
            "signing_secret = 'env:SIGN'\nbot_token = 'env:TOKEN'\nteams = []\nusers = {}\n";
        insta::assert_snapshot!([problems(bad), problems(nobody)].concat().join("\n"));
    }

    #[tokio::test]
    async fn it_is_built_or_every_missing_secret_is_named() {
        let settings = |text: &str| toml::from_str::<SlackSettings>(text).unwrap();
        assert!(
            settings(GOOD)
                .build(&Known, Guard::Public, Links::default())
                .await
                .is_ok()
        );
        let bad = GOOD.replace("SIGN", "SHORT").replace("TOKEN", "BROKEN")
            + "next_signing_secret = 'env:GONE'\n";
        let problems = settings(&bad)
            .build(&Known, Guard::Public, Links::default())
            .await
            .err()
            .unwrap();
        let shown: Vec<String> = problems
            .iter()
            .map(|(path, text)| format!("{path}: {text}"))
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn scopes_are_words_and_the_least_is_the_default() {
        let person: Person = toml::from_str("name = 'a'").unwrap();
        assert_eq!(person.scope, dial_core::store::token::Scope::Viewer);
        assert!(toml::from_str::<Person>("name = 'a'\nscope = 'root'").is_err());
        assert!(toml::from_str::<Person>("name = 'a'\nrole = 'admin'").is_err());
    }
}

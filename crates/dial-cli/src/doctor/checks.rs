//! The checks of what lies on this machine or in AWS: store, bucket, keys, tokens.

use dial_aws::{Clients, DynamoStore, open_bucket};
use dial_core::config::Problem;
use dial_core::key::RootKey;
use dial_core::ports::Secrets;
use dial_core::store::Store;
use dial_master::config::{Auth, Master, StoreRef};
use dial_master::readers::MIN_TOKEN;
use dial_master::store::{Look, look};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::path::Path;

/// A token or key that ends sooner than this is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// Not wrong now, or not by our doing.
    Warn,
    /// Someone has to change something.
    Fail,
    /// Could not be asked.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// What, such as `sink alerts`.
    pub(super) name: String,
    /// How it ended.
    pub(super) state: State,
    /// What was seen.
    pub(super) said: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

impl Check {
    pub(super) fn new(state: State, name: &str, said: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            state,
            said: said.into(),
            fix: None,
        }
    }

    pub(super) fn good(name: &str, said: impl Into<String>) -> Self {
        Self::new(State::Ok, name, said)
    }

    pub(super) fn fail(name: &str, said: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            fix: Some(fix.into()),
            ..Self::new(State::Fail, name, said)
        }
    }

    pub(super) fn warn(name: &str, said: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            state: State::Warn,
            ..Self::fail(name, said, fix)
        }
    }

    pub(super) fn of_problem(problem: &Problem) -> Self {
        let place = problem
            .line
            .map(|n| format!("line {n}: "))
            .unwrap_or_default();
        let said = format!("{place}{}: {}", problem.path, problem.message);
        Self::new(State::Fail, "configuration", said)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.state == State::Fail
    }
}

/// Whether the store answers; a file is not touched.
pub(super) async fn store(config: &Master, clients: &Clients) -> Check {
    match &config.store {
        StoreRef::Sqlite(path) => file(path),
        StoreRef::Dynamodb(table) => {
            let store = DynamoStore::new(clients.clone(), table);
            match store.ready().await {
                Ok(()) => Check::good("store", format!("table {table} answers")),
                Err(error) => Check::fail(
                    "store",
                    format!("table {table}: {error}"),
                    "check the table's name, the region and the role's rights to the table",
                ),
            }
        }
    }
}

fn file(path: &Path) -> Check {
    let shown = path.display();
    match look(path) {
        Ok(Look::Absent) => match path.parent().filter(|p| !p.as_os_str().is_empty()) {
            Some(folder) if !folder.is_dir() => Check::fail(
                "store",
                format!("folder {} does not exist", folder.display()),
                "make it, writable for the user that runs `dial serve`",
            ),
            _ => Check::good("store", format!("{shown} will be made by `dial serve`")),
        },
        Ok(Look::Current) => Check::good("store", format!("{shown} is readable and up to date")),
        Ok(Look::Older) => Check::good("store", format!("{shown} will be brought up to date")),
        Ok(Look::Newer) => Check::fail(
            "store",
            format!("{shown} was written by a newer dial"),
            "run the newest dial",
        ),
        Err(error) => Check::fail(
            "store",
            error.to_string(),
            "name a file of DIAL, readable for this user, as `store`",
        ),
    }
}

/// Whether the bucket may be read.
pub(super) async fn bucket(config: &Master, clients: &Clients) -> Check {
    let name = &config.bucket;
    let bucket = match open_bucket(name, clients) {
        Ok(bucket) => bucket,
        Err(error) => return Check::fail("bucket", error.to_string(), "correct `bucket`"),
    };
    match bucket.list("doctor/").await {
        Ok(_) => Check::good("bucket", format!("{name} answers")),
        Err(error) if error.transient => {
            Check::warn("bucket", error.to_string(), "try again in a minute")
        }
        Err(error) => Check::fail(
            "bucket",
            error.to_string(),
            "the master needs s3:ListBucket, s3:GetObject and s3:PutObject there",
        ),
    }
}

/// Whether every root key can be fetched and is one.
pub(super) async fn root_keys(config: &Master, secrets: &dyn Secrets) -> Vec<Check> {
    let mut found = Vec::new();
    for (number, reference) in &config.root_keys {
        let name = format!("root key {number}");
        let fix = "make one with `dial keys new` and let the master read it";
        found.push(match secrets.fetch(reference).await {
            Err(error) => Check::fail(&name, error.to_string(), fix),
            Ok(secret) => match RootKey::parse(&secret) {
                Ok(_) => Check::good(&name, "is a key"),
                Err(error) => Check::fail(&name, error.to_string(), fix),
            },
        });
    }
    found
}

/// Whether every token can be fetched, is long enough and lives.
pub(super) async fn tokens(config: &Master, secrets: &dyn Secrets, now: Timestamp) -> Vec<Check> {
    let mut found = Vec::new();
    if config.auth == Auth::None {
        let said = "anyone on this machine may read (auth = \"none\")";
        return vec![Check::warn(
            "tokens",
            said,
            "name tokens before others rely on it",
        )];
    }
    for settings in &config.tokens {
        let name = format!("token {}", settings.name);
        found.push(match secrets.fetch(&settings.secret).await {
            Err(error) => Check::fail(&name, error.to_string(), "let the master read it"),
            Ok(secret) if secret.expose().len() < MIN_TOKEN => Check::fail(
                &name,
                format!("is under {MIN_TOKEN} characters long"),
                "make one with `openssl rand -hex 32`",
            ),
            Ok(_) => lifetime(&name, settings.expires, now),
        });
    }
    found
}

fn lifetime(name: &str, expires: Option<Timestamp>, now: Timestamp) -> Check {
    let fix = "make another and give it to those who use this one";
    match expires {
        Some(end) if end <= now => Check::warn(name, format!("expired at {end}"), fix),
        Some(end) if end.duration_since(now) < SOON => {
            Check::warn(name, format!("expires at {end}"), fix)
        }
        _ => Check::good(name, "is there"),
    }
}

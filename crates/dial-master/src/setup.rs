//! Makes the parts of a running master from its configuration, or lists all that is in the way.

use crate::api::{Parts, Rate, State, system_clock};
use crate::config::{Auth, Master, StoreRef};
use crate::readers::{MIN_TOKEN, Readers, Token};
use crate::sinks::Sinks;
use crate::store::Sqlite;
use dial_aws::{AwsSecrets, Clients, DynamoStore, open_bucket};
use dial_core::config::Problem;
use dial_core::key::{RootKey, RootKeys};
use dial_core::ports::{Bucket, Secrets};
use dial_core::store::Store;
use jiff::SignedDuration;
use std::sync::Arc;

/// Why a master cannot start; each problem with its path and its fix.
#[derive(Debug, thiserror::Error)]
#[error("{}", listed(.0))]
pub struct SetupError(pub Vec<Problem>);

/// A master that is ready to serve.
pub struct Setup {
    /// What the API needs.
    pub state: Arc<State>,
    /// The same store, for the deliverer.
    pub store: Arc<dyn Store>,
    /// Where findings are sent.
    pub sinks: Sinks,
}

/// Fetches the secrets and opens store and bucket; all problems at once.
pub async fn setup(config: &Master, clients: &Clients) -> Result<Setup, SetupError> {
    let secrets = &AwsSecrets::new(clients.clone());
    let mut problems = Vec::new();
    let mut report = |path: &str, message: String| {
        problems.push(Problem {
            line: None,
            path: format!("master.{path}"),
            message,
        });
    };
    let roots = root_keys(config, secrets, &mut report).await;
    let readers = readers(config, secrets, &mut report).await;
    let sinks = sinks(config, secrets, &mut report).await;
    let bucket = bucket(config, clients, &mut report);
    let store = store(config, clients, &mut report);
    let (Some(bucket), Some(store), true) = (bucket, store, problems.is_empty()) else {
        return Err(SetupError(problems));
    };
    let parts = Parts {
        store: Arc::clone(&store),
        bucket,
        roots,
        readers,
        aggregators: config.aggregators.iter().map(|s| s.0.clone()).collect(),
        sinks: sinks.names(),
        retention: SignedDuration::from_hours(24 * i64::from(config.retention_days)),
        rate: Rate {
            per_second: config.rate.per_second,
            burst: config.rate.burst,
        },
        clock: system_clock(),
    };
    Ok(Setup {
        state: Arc::new(State::new(parts)),
        store,
        sinks,
    })
}

type Report<'a> = &'a mut dyn FnMut(&str, String);

async fn root_keys(config: &Master, secrets: &dyn Secrets, report: Report<'_>) -> RootKeys {
    let mut roots = RootKeys::default();
    for (number, reference) in &config.root_keys {
        let path = format!("root_keys.{number}");
        let fetched = secrets.fetch(reference).await.map_err(|e| e.to_string());
        let key = fetched.and_then(|secret| RootKey::parse(&secret).map_err(|e| e.to_string()));
        match (number.parse(), key) {
            (Ok(number), Ok(key)) => roots = roots.with(number, key),
            (Err(_), _) => report(&path, "a root key's name is its number".into()),
            (_, Err(message)) => report(&path, message),
        }
    }
    roots
}

async fn readers(config: &Master, secrets: &dyn Secrets, report: Report<'_>) -> Readers {
    if config.auth == Auth::None {
        return Readers::Loopback;
    }
    let mut tokens = Vec::new();
    for (n, settings) in config.tokens.iter().enumerate() {
        let path = format!("tokens.{n}.secret");
        match secrets.fetch(&settings.secret).await {
            Err(error) => report(&path, error.to_string()),
            Ok(secret) => match Token::new(&settings.name, &secret, settings.expires) {
                Some(token) => tokens.push(token),
                None => report(
                    &path,
                    format!(
                        "token is shorter than {MIN_TOKEN} characters; make one with `openssl rand -hex 32`"
                    ),
                ),
            },
        }
    }
    Readers::Tokens(tokens)
}

async fn sinks(config: &Master, secrets: &dyn Secrets, report: Report<'_>) -> Sinks {
    match Sinks::build(&config.sinks, secrets, config.guard()).await {
        Ok(sinks) => sinks,
        Err(problems) => {
            for (path, message) in problems {
                report(&path, message);
            }
            Sinks::default()
        }
    }
}

fn bucket(config: &Master, clients: &Clients, report: Report<'_>) -> Option<Arc<dyn Bucket>> {
    open_bucket(&config.bucket, clients)
        .map_err(|error| report("bucket", error.to_string()))
        .ok()
}

fn store(config: &Master, clients: &Clients, report: Report<'_>) -> Option<Arc<dyn Store>> {
    match &config.store {
        StoreRef::Dynamodb(table) => Some(Arc::new(DynamoStore::new(clients.clone(), table))),
        StoreRef::Sqlite(path) => match Sqlite::open(path) {
            Ok(store) => Some(Arc::new(store)),
            Err(error) => {
                report("store", error.to_string());
                None
            }
        },
    }
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    lines.join("\n")
}

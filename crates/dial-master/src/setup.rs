//! Makes the parts of a running master from its configuration, or lists all that is in the way.

use crate::api::{Parts, Rate, State, system_clock};
use crate::archive::Archive;
use crate::catalogue::Shelf;
use crate::config::{Auth, Master, StoreRef};
use crate::deliver::Deliverer;
use crate::enrolment::Enroller;
use crate::fleet::Watch;
use crate::message::links::Links;
use crate::readers::{MIN_TOKEN, Readers, Token};
use crate::routes::Desk;
use crate::sign_in::ProxySettings;
use crate::sinks::Sinks;
use crate::slack::SlackApp;
use crate::store::Sqlite;
use crate::upkeep::Upkeep;
use crate::web::Dashboard;
use dial_aws::{AwsSigner, Clients, DynamoStore, open_bucket};
use dial_core::config::Problem;
use dial_core::key::{RootKey, RootKeys};
use dial_core::ports::{Bucket, Secrets};
use dial_core::store::Store;
use jiff::SignedDuration;
use std::fmt::Display;
use std::sync::Arc;

/// Why a master cannot start; each problem with its path and its fix.
#[derive(Debug, thiserror::Error)]
#[error("{}", listed(.0))]
pub struct SetupError(pub Vec<Problem>);

/// Turns configuration into parts; keeps what is wrong until somebody asks for the whole.
pub struct Setup<'c> {
    config: &'c Master,
    clients: &'c Clients,
    secrets: &'c dyn Secrets,
    problems: Vec<Problem>,
}

/// Both halves of a master in one process.
pub struct Whole {
    /// What the API shares.
    pub state: Arc<State>,
    /// What brings findings to the sinks.
    pub deliverer: Arc<Deliverer>,
    /// What looks after the workers.
    pub fleet: Watch,
    /// What keeps the store in order.
    pub upkeep: Upkeep,
}

impl<'c> Setup<'c> {
    /// Fetches secrets with `secrets`, opens what lies in AWS with `clients`.
    pub fn new(config: &'c Master, clients: &'c Clients, secrets: &'c dyn Secrets) -> Self {
        Self {
            config,
            clients,
            secrets,
            problems: Vec::new(),
        }
    }

    /// API and deliverer over one store.
    pub async fn whole(mut self) -> Result<Whole, SetupError> {
        let door = self.door().await;
        let sinks = self.sinks().await;
        let links = self.links();
        let store = self.store();
        let deliverer = self.deliverer(store.clone(), sinks, links);
        match (door, store, deliverer, self.problems.is_empty()) {
            (Some(door), Some(store), Some(deliverer), true) => Ok(Whole {
                fleet: watch(self.config, Arc::clone(&store)),
                upkeep: upkeep(self.config, &door.bucket, &store),
                state: Arc::new(State::new(door.parts(self.config, store))),
                deliverer: Arc::new(deliverer),
            }),
            _ => Err(SetupError(self.problems)),
        }
    }

    /// The API alone: needs no sink's secret.
    pub async fn api(mut self) -> Result<Arc<State>, SetupError> {
        if self.config.auth == Auth::None {
            self.report("auth", "\"none\" is for loopback only; name tokens");
        }
        if self.config.sign_in.loopback {
            self.report("sign_in.loopback", "there is no loopback here; remove it");
        }
        if self.config.sign_in.proxy.is_some() {
            let fix = "whoever calls could be anybody; remove it, and use sign_in.oidc";
            let message = format!("behind an HTTP API no address is a proxy's: {fix}");
            self.report("sign_in.proxy", &message);
        }
        let door = self.door().await;
        let store = self.store();
        match (door, store, self.problems.is_empty()) {
            (Some(door), Some(store), true) => {
                Ok(Arc::new(State::new(door.parts(self.config, store))))
            }
            _ => Err(SetupError(self.problems)),
        }
    }

    /// What looks after the workers; needs no secret at all.
    pub fn watch(mut self) -> Result<Watch, SetupError> {
        let store = self.store().ok_or(SetupError(self.problems))?;
        Ok(watch(self.config, store))
    }

    /// The deliverer alone, with its store: needs no root key and no token.
    pub async fn delivery(mut self) -> Result<(Arc<dyn Store>, Deliverer), SetupError> {
        let sinks = self.sinks().await;
        let links = self.links();
        let store = self.store();
        let deliverer = self.deliverer(store.clone(), sinks, links);
        match (store, deliverer, self.problems.is_empty()) {
            (Some(store), Some(deliverer), true) => Ok((store, deliverer)),
            _ => Err(SetupError(self.problems)),
        }
    }

    /// The deliverer and the upkeep, for a sweep.
    pub async fn sweep(mut self) -> Result<(Deliverer, Upkeep), SetupError> {
        let opened = open_bucket(&self.config.bucket, self.clients);
        let bucket = self.keep("bucket", opened);
        let config = self.config;
        let (store, deliverer) = self.delivery().await?;
        // Without a bucket there was a problem, which ended the line before.
        let bucket = bucket.ok_or_else(|| SetupError(Vec::new()))?;
        Ok((deliverer, upkeep(config, &bucket, &store)))
    }

    async fn door(&mut self) -> Option<Door> {
        let roots = self.root_keys().await;
        let readers = self.readers().await;
        let slack = self.slack().await;
        let enrolment = self.enrolment();
        let dashboard = self.dashboard().await;
        let opened = open_bucket(&self.config.bucket, self.clients);
        let bucket = self.keep("bucket", opened)?;
        Some(Door {
            roots,
            readers,
            bucket,
            slack,
            enrolment,
            dashboard,
        })
    }

    /// How people sign in to the pages.
    async fn dashboard(&mut self) -> Dashboard {
        let (settings, base_url) = (&self.config.sign_in, self.config.base_url.as_deref());
        let oidc = match &settings.oidc {
            None => None,
            Some(oidc) => oidc
                .build(base_url, self.secrets)
                .await
                .map_err(|(key, message)| self.report(&format!("sign_in.oidc.{key}"), &message))
                .ok(),
        };
        let proxy = settings.proxy.as_ref().and_then(ProxySettings::build);
        let given = self.config.catalogue.clone().map(Shelf::of);
        let catalogue = given.unwrap_or_else(Shelf::beside_program);
        let dashboard = Dashboard {
            open: settings.loopback,
            oidc: oidc.map(Arc::new),
            proxy: proxy.map(Arc::new),
            session: SignedDuration::from_hours(settings.session_hours.into()),
            catalogue: catalogue.into(),
            ..Dashboard::default()
        };
        dashboard.under(base_url)
    }

    fn enrolment(&mut self) -> Option<Enroller> {
        let settings = self.config.enrolment.as_ref()?;
        let base_url = self.config.base_url.as_deref();
        let built = Enroller::build(settings, base_url, self.clients);
        self.keep("enrolment.audience", built)
    }

    async fn slack(&mut self) -> Option<SlackApp> {
        let settings = self.config.slack.as_ref()?;
        let links = self.links()?;
        let built = settings.build(self.secrets, self.config.guard(), links);
        match built.await {
            Ok(app) => Some(app),
            Err(problems) => {
                for (path, message) in problems {
                    self.report(&path, &message);
                }
                None
            }
        }
    }

    async fn root_keys(&mut self) -> RootKeys {
        let mut roots = RootKeys::default();
        for (number, reference) in &self.config.root_keys {
            let path = format!("root_keys.{number}");
            let fetched = self.secrets.fetch(reference).await;
            let key = self
                .keep(&path, fetched)
                .and_then(|secret| self.keep(&path, RootKey::parse(&secret)));
            let number = number
                .parse()
                .map_err(|_| "a root key's name is its number");
            if let (Some(number), Some(key)) = (self.keep(&path, number), key) {
                roots = roots.with(number, key);
            }
        }
        roots
    }

    async fn readers(&mut self) -> Readers {
        if self.config.auth == Auth::None {
            return Readers::Loopback;
        }
        let mut tokens = Vec::new();
        for (n, settings) in self.config.tokens.iter().enumerate() {
            let path = format!("tokens.{n}.secret");
            let fetched = self.secrets.fetch(&settings.secret).await;
            let Some(secret) = self.keep(&path, fetched) else {
                continue;
            };
            let token = Token::new(settings.caller(), &secret, settings.expires).ok_or_else(|| {
                format!("is under {MIN_TOKEN} characters long; try `openssl rand -hex 32`")
            });
            tokens.extend(self.keep(&path, token));
        }
        Readers::Tokens(tokens)
    }

    async fn sinks(&mut self) -> Option<Sinks> {
        let config = self.config;
        match Sinks::build(&config.sinks, self.secrets, config.guard()).await {
            Ok(sinks) => Some(sinks),
            Err(problems) => {
                for (path, message) in problems {
                    self.report(&path, &message);
                }
                None
            }
        }
    }

    fn links(&mut self) -> Option<Links> {
        let links = Links::new(self.config.base_url.as_deref());
        self.keep("base_url", links)
    }

    /// Called last, so that a file is only made for a configuration that is otherwise good.
    fn store(&mut self) -> Option<Arc<dyn Store>> {
        if !self.problems.is_empty() {
            return None;
        }
        match &self.config.store {
            StoreRef::Dynamodb(table) => {
                Some(Arc::new(DynamoStore::new(self.clients.clone(), table)))
            }
            StoreRef::Sqlite(path) => {
                let store = self.keep("store", Sqlite::open(path))?;
                Some(Arc::new(store))
            }
        }
    }

    fn deliverer(
        &mut self,
        store: Option<Arc<dyn Store>>,
        sinks: Option<Sinks>,
        links: Option<Links>,
    ) -> Option<Deliverer> {
        let signer = Arc::new(AwsSigner::new(self.clients.clone()));
        let deliverer = Deliverer::new(store?, sinks?, links?, signer);
        let routing = Arc::new(self.config.routing());
        let deliverer = self.keep("sinks", deliverer)?;
        Some(deliverer.routed(routing))
    }

    fn keep<T>(&mut self, path: &str, result: Result<T, impl Display>) -> Option<T> {
        result
            .map_err(|error| self.report(path, &error.to_string()))
            .ok()
    }

    fn report(&mut self, path: &str, message: &str) {
        self.problems.push(Problem {
            line: None,
            path: format!("master.{path}"),
            message: message.to_owned(),
        });
    }
}

/// What keeps a store in order, with the bucket of the archive.
pub fn upkeep(config: &Master, bucket: &Arc<dyn Bucket>, store: &Arc<dyn Store>) -> Upkeep {
    let archive = config.archive.map(|settings| {
        let ahead = SignedDuration::from_hours(24 * i64::from(settings.days_ahead));
        Archive::new(Arc::clone(store), Arc::clone(bucket), ahead)
    });
    Upkeep::new(Arc::clone(store), archive)
}

/// What the API needs beside the store.
struct Door {
    roots: RootKeys,
    readers: Readers,
    bucket: Arc<dyn Bucket>,
    slack: Option<SlackApp>,
    enrolment: Option<Enroller>,
    dashboard: Dashboard,
}

impl Door {
    fn parts(self, config: &Master, store: Arc<dyn Store>) -> Parts {
        Parts {
            store,
            bucket: self.bucket,
            roots: self.roots,
            readers: self.readers,
            aggregators: config.aggregators.iter().map(|s| s.0.clone()).collect(),
            sinks: config.sinks.keys().cloned().collect(),
            desk: Arc::new(Desk::new(config)),
            retention: retention(config),
            rate: Rate {
                per_second: config.rate.per_second,
                burst: config.rate.burst,
            },
            token_rate: Rate {
                per_second: config.token_rate.per_second,
                burst: config.token_rate.burst,
            },
            silent_after: silent_after(config),
            dashboard: self.dashboard,
            slack: self.slack,
            enrolment: self.enrolment,
            clock: system_clock(),
        }
    }
}

fn silent_after(config: &Master) -> SignedDuration {
    SignedDuration::from_mins(config.workers.silent_after_minutes.into())
}

fn retention(config: &Master) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(config.retention_days))
}

/// Who looks after the workers.
fn watch(config: &Master, store: Arc<dyn Store>) -> Watch {
    let expected = config.workers.expected.iter();
    Watch {
        store,
        sinks: config.sinks.keys().cloned().collect(),
        expected: expected.map(|worker| worker.0.clone()).collect(),
        silent_after: silent_after(config),
        retention: retention(config),
    }
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    lines.join("\n")
}

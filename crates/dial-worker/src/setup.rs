//! From the environment to a worker that can start, or the list of everything that stops it.

use crate::abuseipdb::{self, AbuseIpdb};
use crate::config;
use crate::drift::DriftReport;
use crate::enrol::{self, EnrolledKey};
use crate::heartbeat::Pulse;
use crate::keyring::{Keyring, OwnKey};
use crate::letters::Letters;
use crate::post::SharedClient;
use crate::send::{Sender, Settings};
use crate::worker::{Buckets, Worker};
use async_trait::async_trait;
use dial_aws::{AwsSecrets, AwsSigner, Clients, Location, S3Bucket, open_bucket, read_object};
use dial_core::config::{Problems, section};
use dial_core::ports::{Bucket, IpReputation, Secrets};
use dial_core::wire::WorkerInfo;
use dial_core::{Region, WorkerId};
use dial_detect::Pipeline;
use dial_detect::envelope::trail;
use dial_detect::patterns::PatternSet;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, warn};

/// Variable that names the configuration: a file or `s3://…`.
const CONFIG: &str = "DIAL_CONFIG";
/// What is read where the variable is not set; need not exist.
const DEFAULT_CONFIG: &str = "dial.toml";
/// Most bytes of a configuration.
const MAX_CONFIG: usize = 1024 * 1024;
/// Most bytes of event patterns: 300 of 2,048 characters, with the names of rules.
const MAX_PATTERNS: usize = 4 * 1024 * 1024;

/// Environment variables, as an argument.
pub type Env = BTreeMap<String, String>;

/// Why a worker cannot start; the text names every problem.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The configuration could not be read.
    #[error("configuration {place} cannot be read: {reason}")]
    Unreadable {
        /// Where it should lie.
        place: String,
        /// Why.
        reason: String,
    },
    /// The configuration is wrong.
    #[error("configuration is wrong:\n{0}")]
    Config(#[from] Problems),
    /// Something that the configuration points at is wrong.
    #[error("worker cannot start:\n{}", .0.join("\n"))]
    Parts(Vec<String>),
}

/// Reads the `[worker]` section from where the environment says, with its overrides.
pub async fn read_config(env: &Env, clients: &Clients) -> Result<config::Worker, SetupError> {
    let named = env.get(CONFIG);
    let place = named.map_or(DEFAULT_CONFIG, String::as_str);
    let unreadable = |reason: String| SetupError::Unreadable {
        place: place.to_owned(),
        reason,
    };
    let location: Location = place
        .parse()
        .map_err(|e: dial_aws::LocationError| unreadable(e.to_string()))?;
    let found = read_object(&location, MAX_CONFIG, clients).await;
    let text = match found.map_err(|e| unreadable(e.to_string()))? {
        Some(bytes) => {
            String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".into()))?
        }
        None if named.is_some() => {
            return Err(unreadable("there is no such file or object".into()));
        }
        None => String::new(),
    };
    Ok(section(place, &text, "worker", env.clone())?)
}

/// Reads the event patterns that are deployed, where the configuration names them.
pub async fn read_patterns(
    config: &config::Worker,
    clients: &Clients,
) -> Result<Option<PatternSet>, SetupError> {
    let Some(place) = config.patterns.as_deref() else {
        return Ok(None);
    };
    let wrong =
        |reason: String| SetupError::Parts(vec![format!("worker.patterns: {place}: {reason}")]);
    let location: Location = place
        .parse()
        .map_err(|e: dial_aws::LocationError| wrong(e.to_string()))?;
    let found = read_object(&location, MAX_PATTERNS, clients).await;
    let text = found.map_err(|e| wrong(e.to_string()))?;
    let text = text.ok_or_else(|| wrong("there is no such file or object".into()))?;
    PatternSet::read(&text).map(Some).map_err(wrong)
}

/// Puts a worker together; connects to nothing yet.
pub fn worker(config: config::Worker, env: &Env, clients: &Clients) -> Result<Worker, SetupError> {
    let parts = Parts::of(config, env, clients).map_err(SetupError::Parts)?;
    let client = SharedClient::default();
    let keyring = parts.keyring(clients, &client);
    let keyring = keyring.map_err(|problem| SetupError::Parts(vec![problem]))?;
    let config = parts.config;
    let info = WorkerInfo {
        account: parts.id.account.to_string(),
        region: parts.id.region.to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
        rules: String::new(),
    };
    check_expiries(&config.detect, Timestamp::now())?;
    let pipeline = Pipeline::new(&config.detect, info)
        .map_err(|errors| SetupError::Parts(errors.iter().map(ToString::to_string).collect()))?;
    for error in pipeline.left_out() {
        error!(
            file = error.file,
            line = error.line,
            reason = error.message,
            "rule left out"
        );
    }
    let info = pipeline.worker().clone();
    let secrets: Arc<dyn Secrets> = Arc::new(AwsSecrets::new(clients.clone()));
    let settings = Settings {
        timeout: Duration::from_secs(config.timeout_seconds),
        ..Settings::to(parts.master)
    };
    Ok(Worker {
        pipeline: Arc::new(pipeline),
        letters: Letters::new(parts.bucket, info.clone()),
        info,
        sender: Sender::sharing(settings, keyring, client),
        reputation: config
            .abuseipdb
            .map(|settings| reputation(settings, secrets)),
        buckets: Arc::new(S3Buckets(clients.clone())),
        limits: trail::Limits::default(),
        drift: DriftReport::default(),
        pulse: Pulse::new(None),
        metrics: env
            .get(dial_core::emf::VARIABLE)
            .filter(|name| !name.is_empty())
            .cloned(),
    })
}

/// A suppression that ends too late stops the start; one that is over, or soon will be, is told.
fn check_expiries(detect: &dial_detect::Settings, now: Timestamp) -> Result<(), SetupError> {
    let (wrong, told): (Vec<_>, Vec<_>) = detect
        .expiries(now)
        .into_iter()
        .partition(dial_detect::settings::Expiry::is_too_far);
    for expiry in told {
        warn!(suppression = expiry.id, "{}", expiry.message());
    }
    let path = |index| format!("worker.detect.suppressions.{index}.expires");
    let wrong = wrong.iter();
    let wrong: Vec<String> = wrong
        .map(|expiry| format!("{}: {}", path(expiry.index), expiry.message()))
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(SetupError::Parts(wrong))
    }
}

/// What the configuration's check has promised to be there, taken out of its options.
struct Parts {
    config: config::Worker,
    id: WorkerId,
    master: reqwest::Url,
    bucket: Arc<dyn Bucket>,
}

impl Parts {
    fn of(config: config::Worker, env: &Env, clients: &Clients) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let region = region(&config, env).map_err(|e| problems.push(e)).ok();
        let master = reqwest::Url::parse(&config.master_url);
        let master = master
            .map_err(|e| problems.push(format!("worker.master_url: {e}")))
            .ok();
        let bucket = open_bucket(config.bucket.as_deref().unwrap_or_default(), clients);
        let bucket = bucket
            .map_err(|e| problems.push(format!("worker.bucket: {e}")))
            .ok();
        for (path, missing) in [
            ("account", config.account.is_none()),
            ("key", config.key.is_none() && !config.enrol),
        ] {
            if missing {
                problems.push(format!("worker.{path}: missing"));
            }
        }
        match (region, master, bucket, config.account.clone()) {
            (Some(region), Some(master), Some(bucket), Some(account)) if problems.is_empty() => {
                Ok(Self {
                    id: WorkerId { account, region },
                    config,
                    master,
                    bucket,
                })
            }
            _ => Err(problems),
        }
    }

    /// The key that lies somewhere, or the one that the master gives.
    fn keyring(
        &self,
        clients: &Clients,
        client: &SharedClient,
    ) -> Result<Arc<dyn Keyring>, String> {
        let worker = self.id.clone();
        if let Some(key) = self.config.key.clone() {
            let secrets = Arc::new(AwsSecrets::new(clients.clone()));
            return Ok(Arc::new(OwnKey::new(
                worker,
                self.config.key_id,
                key,
                secrets,
            )));
        }
        let settings = enrol::Settings {
            master: self.master.clone(),
            worker,
            timeout: Duration::from_secs(self.config.timeout_seconds),
        };
        let signer = Arc::new(AwsSigner::new(clients.clone()));
        let clock = Arc::new(Timestamp::now);
        let key = EnrolledKey::new(settings, signer, client.clone(), clock);
        key.map(|key| Arc::new(key) as Arc<dyn Keyring>)
            .map_err(|error| format!("worker.enrol: {error}"))
    }
}

fn region(config: &config::Worker, env: &Env) -> Result<Region, String> {
    let missing = "worker.region: missing, and AWS_REGION is not set";
    match (&config.region, env.get("AWS_REGION")) {
        (Some(region), _) => Ok(region.clone()),
        (None, Some(text)) => Region::parse(text).map_err(|e| format!("AWS_REGION: {e}")),
        (None, None) => Err(missing.into()),
    }
}

fn reputation(settings: config::AbuseIpdb, secrets: Arc<dyn Secrets>) -> Arc<dyn IpReputation> {
    let endpoint = abuseipdb::ENDPOINT.parse().expect("a constant URL");
    Arc::new(AbuseIpdb::new(settings, endpoint, secrets))
}

/// Buckets of S3, by the worker's own credentials.
struct S3Buckets(Clients);

#[async_trait]
impl Buckets for S3Buckets {
    async fn named(&self, name: &str) -> Arc<dyn Bucket> {
        Arc::new(S3Bucket::new(self.0.clone(), name, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[worker]
master_url = "https://dial.example.com"
key = "env:K"
account = "111122223333"
bucket = "/var/dial"
"#;

    fn env(pairs: &[(&str, &str)]) -> Env {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    async fn read(text: &str, pairs: &[(&str, &str)]) -> Result<config::Worker, SetupError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dial.toml");
        std::fs::write(&path, text).unwrap();
        let mut env = env(pairs);
        env.insert(CONFIG.into(), path.display().to_string());
        read_config(&env, &Clients::new()).await
    }

    async fn start(text: &str, pairs: &[(&str, &str)]) -> Result<Worker, String> {
        let config = read(text, pairs).await.unwrap();
        worker(config, &env(pairs), &Clients::new()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn the_environment_overrides_the_file() {
        let pairs = [("DIAL__WORKER__BUCKET", "s3://letters/x")];
        let config = read(GOOD, &pairs).await.unwrap();
        assert_eq!(config.bucket.as_deref(), Some("s3://letters/x"));
    }

    #[tokio::test]
    async fn the_region_is_the_configured_one_or_that_of_the_function() {
        let named = format!("{GOOD}region = \"eu-north-1\"\n");
        let cases = [
            (
                "configured",
                named.as_str(),
                Some("eu-west-1"),
                Ok("eu-north-1"),
            ),
            ("of the function", GOOD, Some("eu-west-1"), Ok("eu-west-1")),
            ("none", GOOD, None, Err("worker.region: missing")),
            ("malformed", GOOD, Some("Mars"), Err("AWS_REGION: `Mars`")),
        ];
        for (name, text, variable, expected) in cases {
            let pairs: Vec<_> = variable.map(|v| ("AWS_REGION", v)).into_iter().collect();
            match (start(text, &pairs).await, expected) {
                (Ok(worker), Ok(region)) => assert_eq!(worker.info.region, region, "{name}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{name}: {error}"),
                (worker, _) => panic!("{name}: {:?}", worker.map(|w| w.info)),
            }
        }
    }

    #[tokio::test]
    async fn deployed_patterns_are_read_or_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event_patterns.json");
        let named = format!("{GOOD}patterns = {:?}\n", path.display().to_string());
        let config = read(&named, &[]).await.unwrap();
        let found = |text: Option<&str>| {
            match text {
                Some(text) => std::fs::write(&path, text).unwrap(),
                None => drop(std::fs::remove_file(&path)),
            }
            let config = config.clone();
            async move {
                read_patterns(&config, &Clients::new())
                    .await
                    .map_err(|e| e.to_string())
            }
        };
        let good =
            r#"{"hash":"a","rules_hash":"b","patterns":[],"prerequisites":[],"undelivered":[]}"#;
        assert_eq!(found(Some(good)).await.unwrap().unwrap().hash, "a");
        for (text, part) in [
            (None, "there is no such file"),
            (Some("{"), "EOF"),
            (Some("{}"), "missing field"),
        ] {
            let error = found(text).await.unwrap_err();
            assert!(
                error.contains("worker.patterns") && error.contains(part),
                "{error}"
            );
        }
        let unnamed = read(GOOD, &[]).await.unwrap();
        assert_eq!(
            read_patterns(&unnamed, &Clients::new()).await.unwrap(),
            None
        );
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_named() {
        let text = format!(
            "{GOOD}[worker.detect]\nrules = \"/nowhere/rules\"\n[worker.detect.enrich.geoip]\ncity = \"/nowhere/city.mmdb\"\n"
        );
        let error = start(&text, &[("AWS_REGION", "eu-west-1")])
            .await
            .map(|w| w.info);
        let error = error.unwrap_err();
        for part in ["/nowhere/rules", "/nowhere/city.mmdb"] {
            assert!(error.contains(part), "{error}");
        }
        let text = format!(
            "{GOOD}[[worker.detect.suppressions]]\nrule = \"cloudtrail_trail_stopped\"\nowner = \"o\"\nreason = \"r\"\nexpires = 9999-01-31\n"
        );
        let error = start(&text, &[("AWS_REGION", "eu-west-1")])
            .await
            .map(|w| w.info);
        assert!(
            error
                .unwrap_err()
                .contains("worker.detect.suppressions.0.expires: s-"),
            "a suppression without end"
        );
        let unreadable = read_config(&env(&[(CONFIG, "ftp://x")]), &Clients::new()).await;
        assert!(matches!(unreadable, Err(SetupError::Unreadable { .. })));
    }
}

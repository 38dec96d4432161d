//! The SDK's clients, each made when first used: a cold start that calls no AWS service pays for none.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest single try of S3 and Secrets Manager, up to the head of the answer.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Longest call of S3 and Secrets Manager with its retries; an HTTP API gives up after 30 s.
const OPERATION: Duration = Duration::from_secs(25);
/// Longest single try of DynamoDB, which answers in milliseconds or not at all.
const TABLE_ATTEMPT: Duration = Duration::from_secs(3);
/// Longest call of DynamoDB with its retries.
const TABLE_OPERATION: Duration = Duration::from_secs(8);
/// Tries of one call that the SDK makes by itself, with exponential back-off and jitter.
const ATTEMPTS: u32 = 3;

/// Endpoints of emulators; a part that is absent is the real service.
#[derive(Clone, Default)]
pub struct Emulators {
    /// URL of a DynamoDB emulator.
    pub dynamodb: Option<String>,
    /// URL of an S3 emulator.
    pub s3: Option<String>,
    /// URL of a Secrets Manager emulator.
    pub secrets: Option<String>,
    /// URL of an STS emulator.
    pub sts: Option<String>,
    /// URL of an emulator of what is called without a client, such as Systems Manager.
    pub services: Option<String>,
    /// Access key and its secret, for emulators that check them; else `test` and `testtest`.
    pub keys: Option<(String, String)>,
    /// Session token that goes with the keys of a role.
    pub token: Option<String>,
}

/// Clients that share one configuration; cheap to clone, loaded on first use.
///
/// Region, credentials and endpoints come from the SDK's own variables and files (`AWS_REGION`,
/// `AWS_PROFILE`, `AWS_ENDPOINT_URL_S3` …).
#[derive(Clone, Default)]
pub struct Clients(Arc<Inner>);

#[derive(Default)]
struct Inner {
    emulators: Option<Emulators>,
    config: OnceCell<SdkConfig>,
    dynamodb: OnceCell<aws_sdk_dynamodb::Client>,
    s3: OnceCell<aws_sdk_s3::Client>,
    secrets: OnceCell<aws_sdk_secretsmanager::Client>,
}

impl Clients {
    /// Clients of the environment's account; loads nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Clients of emulators, in region us-east-1.
    pub fn emulated(emulators: Emulators) -> Self {
        Self(Arc::new(Inner {
            emulators: Some(emulators),
            ..Inner::default()
        }))
    }

    pub(crate) async fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        let load = || async {
            let config = self.config().await;
            let emulated = self.emulator(|e| &e.dynamodb);
            let timeouts = timeouts(TABLE_ATTEMPT, TABLE_OPERATION);
            let mut builder =
                aws_sdk_dynamodb::config::Builder::from(config).timeout_config(timeouts);
            if emulated.is_some() {
                builder.set_endpoint_url(emulated);
            }
            aws_sdk_dynamodb::Client::from_conf(builder.build())
        };
        self.0.dynamodb.get_or_init(load).await
    }

    pub(crate) async fn s3(&self) -> &aws_sdk_s3::Client {
        let load = || async {
            let config = self.config().await;
            let mut builder = aws_sdk_s3::config::Builder::from(config);
            let emulated = self.emulator(|e| &e.s3);
            // Emulators rarely have a host name for each bucket.
            builder.set_force_path_style(Some(emulated.is_some() || has_own_endpoint()));
            if emulated.is_some() {
                builder.set_endpoint_url(emulated);
            }
            aws_sdk_s3::Client::from_conf(builder.build())
        };
        self.0.s3.get_or_init(load).await
    }

    pub(crate) async fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        let load = || async {
            let config = self.config().await;
            let mut builder = aws_sdk_secretsmanager::config::Builder::from(config);
            let emulated = self.emulator(|e| &e.secrets);
            if emulated.is_some() {
                builder.set_endpoint_url(emulated);
            }
            aws_sdk_secretsmanager::Client::from_conf(builder.build())
        };
        self.0.secrets.get_or_init(load).await
    }

    /// A client of STS in a region: roles are assumed where they are used.
    pub(crate) async fn sts(&self, region: &str) -> aws_sdk_sts::Client {
        let config = self.config().await;
        let mut builder =
            aws_sdk_sts::config::Builder::from(config).region(Region::new(region.to_owned()));
        if let Some(emulated) = self.emulator(|e| &e.sts) {
            builder = builder.endpoint_url(emulated);
        }
        aws_sdk_sts::Client::from_conf(builder.build())
    }

    /// Where services without a client are emulated.
    pub(crate) fn services_emulator(&self) -> Option<String> {
        self.emulator(|e| &e.services)
    }

    pub(crate) async fn config(&self) -> &SdkConfig {
        self.0.config.get_or_init(|| self.load()).await
    }

    async fn load(&self) -> SdkConfig {
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts(ATTEMPT, OPERATION));
        let Some(emulators) = &self.0.emulators else {
            return loader.load().await;
        };
        let keys = emulators.keys.as_ref();
        let (key, secret) = keys.map_or(("test", "testtest"), |(key, secret)| (key, secret));
        let token = emulators.token.clone();
        let test = aws_sdk_s3::config::Credentials::new(key, secret, token, None, "emulator");
        loader
            .region(Region::from_static("us-east-1"))
            .credentials_provider(test)
            .load()
            .await
    }

    fn emulator(&self, part: impl Fn(&Emulators) -> &Option<String>) -> Option<String> {
        self.0.emulators.as_ref().and_then(|e| part(e).clone())
    }
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clients")
            .field("emulated", &self.0.emulators.is_some())
            .finish_non_exhaustive()
    }
}

fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

/// Whether the SDK's own variables send S3 calls somewhere else than to AWS.
fn has_own_endpoint() -> bool {
    ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
        .into_iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn making_and_cloning_loads_nothing() {
        let clients = Clients::new();
        let clone = clients.clone();
        assert!(clone.0.config.get().is_none());
        assert!(clone.0.dynamodb.get().is_none());
        assert!(Arc::ptr_eq(&clients.0, &clone.0));
    }

    #[tokio::test]
    async fn one_client_leaves_the_others_unloaded() {
        let clients = Clients::emulated(Emulators::default());
        clients.s3().await;
        assert!(clients.0.s3.get().is_some());
        assert!(clients.0.dynamodb.get().is_none());
        assert!(clients.0.secrets.get().is_none());
    }
}

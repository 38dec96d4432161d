//! A worker and a master as processes, configured and wired together as an operator would.

use crate::events::{ACCOUNT, REGION};
use crate::poll;
use crate::processes::{Process, binary};
use crate::receivers::Receiver;
use crate::runtime_api::RuntimeApi;
use dial_core::dead_letter::DeadLetter;
use dial_core::folder::Folder;
use dial_core::key::{KEY_BYTES, KeyId, RootKey, WorkerKey};
use dial_core::ports::Bucket;
use dial_core::{Secret, WorkerId};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Token that the test reads the master's API with.
pub const TOKEN: &str = "test-token-0123456789abcdef0123456789abcdef";

/// The root key that every test's master knows as number 1.
pub fn root_key() -> RootKey {
    RootKey::from_bytes([7; KEY_BYTES])
}

/// The worker of the fixtures.
pub fn worker_id() -> WorkerId {
    format!("{ACCOUNT}/{REGION}")
        .parse()
        .expect("account and region are well formed")
}

/// Its key, derived from root key 1.
pub fn worker_key() -> WorkerKey {
    root_key().worker_key(&worker_id(), 0)
}

/// The id of that key.
pub fn key_id() -> KeyId {
    "1/0".parse().expect("a key id")
}

fn expose(secret: &Secret) -> String {
    secret.expose().to_owned()
}

/// How a worker is set up.
pub struct WorkerSetup {
    /// Base URL of the master.
    pub master: String,
    /// Where dead letters go; `None` = a folder of the test.
    pub bucket: Option<String>,
    /// Further lines of `[worker]`.
    pub extra: String,
    /// Further environment variables.
    pub env: Vec<(String, String)>,
    /// The binary; `None` = the one that is shipped.
    pub program: Option<PathBuf>,
}

impl WorkerSetup {
    /// A worker that sends to that master.
    pub fn to(master: &str) -> Self {
        Self {
            master: master.to_owned(),
            bucket: None,
            extra: String::new(),
            env: Vec::new(),
            program: None,
        }
    }
}

/// A worker process on a Runtime API of its own.
pub struct Worker {
    /// Invokes it.
    pub api: RuntimeApi,
    /// The process.
    pub process: Process,
    folder: TempDir,
}

impl Worker {
    /// Starts a worker; it waits for its first event at once.
    pub async fn start(setup: WorkerSetup) -> Self {
        let api = RuntimeApi::start().await;
        let folder = tempfile::tempdir().expect("a folder for the worker");
        let letters = folder.path().join("bucket");
        let bucket = setup
            .bucket
            .unwrap_or_else(|| letters.display().to_string());
        let config = format!(
            "[worker]\nmaster_url = {:?}\nkey = \"env:WORKER_KEY\"\naccount = {ACCOUNT:?}\nregion = {REGION:?}\nbucket = {bucket:?}\n{}",
            setup.master, setup.extra,
        );
        let path = folder.path().join("dial.toml");
        std::fs::write(&path, config).expect("the configuration is written");
        let mut env = lambda(&api);
        env.push(("DIAL_CONFIG".into(), path.display().to_string()));
        env.push(("WORKER_KEY".into(), expose(&worker_key().to_secret())));
        env.extend(setup.env);
        let program = setup.program.unwrap_or_else(|| binary("dial-worker"));
        let process = Process::start("dial-worker", &program, &[], env);
        Self {
            api,
            process,
            folder,
        }
    }

    /// The dead letters in the worker's folder, by key.
    pub async fn letters(&self) -> Vec<DeadLetter> {
        letters(&Folder::new(self.folder.path().join("bucket"))).await
    }
}

/// Every dead letter of a bucket, by key.
pub async fn letters(bucket: &dyn Bucket) -> Vec<DeadLetter> {
    let mut letters = Vec::new();
    let keys = bucket.list(dial_core::dead_letter::PREFIX).await;
    for key in keys.expect("the bucket can be listed") {
        let body = bucket
            .get(&key, 16 << 20)
            .await
            .expect("the bucket can be read");
        let body = body.expect("a listed key is there");
        let letter: DeadLetter = serde_json::from_slice(&body).expect("a letter is JSON");
        assert_eq!(letter.key(), key, "a letter lies under its own key");
        letters.push(letter);
    }
    letters
}

/// What Lambda puts into a function's environment.
pub fn lambda(api: &RuntimeApi) -> Vec<(String, String)> {
    let pairs = [
        ("AWS_LAMBDA_RUNTIME_API", api.address()),
        ("AWS_LAMBDA_FUNCTION_NAME", "dial"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_REGION", REGION),
    ];
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// The products that a master delivers to.
pub struct Receivers {
    /// Slack, by incoming webhook.
    pub slack: Receiver,
    /// TheHive 5.
    pub thehive: Receiver,
    /// A signed generic webhook.
    pub webhook: Receiver,
}

/// Secret that the generic webhook is signed with.
pub const HOOK_SECRET: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

impl Receivers {
    /// All three, up and friendly.
    pub async fn start() -> Self {
        Self {
            slack: Receiver::slack_webhook().await,
            thehive: Receiver::thehive().await,
            webhook: Receiver::webhook().await,
        }
    }

    /// A master's setup with all three as sinks.
    pub fn setup(&self) -> MasterSetup {
        let (slack, hook) = self.slack_and_webhook();
        let hive = format!(
            "[master.sinks.hive]\ntype = \"thehive\"\nurl = {:?}\napi_key = \"env:HIVE_KEY\"\n",
            self.thehive.url(),
        );
        let secrets = [
            (
                "SLACK_URL",
                format!("{}/services/T0/B0/x", self.slack.url()),
            ),
            ("HIVE_KEY", "hive-api-key".to_owned()),
            ("HOOK_SECRET", HOOK_SECRET.to_owned()),
        ];
        MasterSetup {
            keys: String::new(),
            lines: format!("{slack}{hive}{hook}{EACH}"),
            env: secrets
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            store: None,
        }
    }

    /// The same without TheHive and Slack, whose pace is a message a second.
    pub fn webhook_only(&self) -> MasterSetup {
        MasterSetup {
            lines: self.slack_and_webhook().1,
            ..self.setup()
        }
    }

    fn slack_and_webhook(&self) -> (String, String) {
        let slack = "[master.sinks.slack]\ntype = \"slack\"\nwebhook_url = \"env:SLACK_URL\"\n";
        let hook = format!(
            "[master.sinks.hook]\ntype = \"webhook\"\nurl = {:?}\nsecret = \"env:HOOK_SECRET\"\n",
            format!("{}/dial", self.webhook.url()),
        );
        (slack.to_owned(), hook)
    }
}

/// Every finding is told for itself, so that tests can count messages.
const EACH: &str = "[master.route]\ngroup_window_minutes = 0\n";

/// What a master has beside its keys, store and token.
#[derive(Debug, Clone, Default)]
pub struct MasterSetup {
    /// Further keys of `[master]`.
    pub keys: String,
    /// Further sections.
    pub lines: String,
    /// Environment variables that they refer to.
    pub env: Vec<(String, String)>,
    /// Where findings are kept; `None` = a SQLite file of the test.
    pub store: Option<StoreAt>,
}

/// A store, and what a process needs to reach it.
#[derive(Debug, Clone)]
pub struct StoreAt {
    /// As the configuration writes it.
    pub reference: String,
    /// Environment variables.
    pub env: Vec<(String, String)>,
}

/// The configuration of a master and what it refers to.
pub fn master_config(
    store: &str,
    bucket: &str,
    setup: &MasterSetup,
) -> (String, Vec<(String, String)>) {
    let config = format!(
        "[master]\nlisten = \"127.0.0.1:0\"\nstore = {store:?}\nbucket = {bucket:?}\nroot_keys = {{ 1 = \"env:ROOT_KEY\" }}\ndangerous_allow_private_sinks = true\n{}\n\n[[master.tokens]]\nname = \"test\"\nsecret = \"env:TOKEN\"\nscope = \"admin\"\n\n{}",
        setup.keys, setup.lines,
    );
    let mut env = setup.env.clone();
    env.push(("ROOT_KEY".into(), expose(&root_key().to_secret())));
    env.push(("TOKEN".into(), TOKEN.into()));
    (config, env)
}

/// A master process over SQLite.
pub struct Master {
    /// The process.
    pub process: Process,
    setup: MasterSetup,
    folder: TempDir,
    address: String,
}

impl Master {
    /// Starts a master on a free port.
    pub async fn start(setup: MasterSetup) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the master");
        let mut master = Self {
            process: Self::spawn(folder.path(), &setup),
            setup,
            folder,
            address: String::new(),
        };
        master.address = master.listening().await;
        master
    }

    /// Starts it again over the same files, on another port; kills it first if it runs.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = Self::spawn(self.folder.path(), &self.setup);
        self.address = self.listening().await;
    }

    fn spawn(folder: &Path, setup: &MasterSetup) -> Process {
        let file = || format!("sqlite:{}/dial.db", folder.display());
        let store = setup.store.as_ref();
        let bucket = format!("{}/bucket", folder.display());
        let reference = store.map_or_else(file, |at| at.reference.clone());
        let (config, mut env) = master_config(&reference, &bucket, setup);
        env.extend(store.into_iter().flat_map(|at| at.env.clone()));
        let path = folder.join("dial.toml");
        std::fs::write(&path, config).expect("the configuration is written");
        env.push(("DIAL_CONFIG".into(), path.display().to_string()));
        Process::start("dial-master", &binary("dial-master"), &[], env)
    }

    /// The address, from the log line that says so.
    async fn listening(&self) -> String {
        poll::until("the master's address in its log", || async {
            let output = self.process.output();
            let refused = output.contains("cannot go on");
            assert!(!refused, "the master does not start: {output}");
            output.lines().find_map(address_of)
        })
        .await
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder that stands in for the master's bucket.
    pub fn bucket(&self) -> Folder {
        Folder::new(self.folder.path().join("bucket"))
    }
}

fn address_of(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    (line["message"] == "serving").then(|| line["address"].as_str().map(str::to_owned))?
}

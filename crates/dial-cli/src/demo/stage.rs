//! Everything the demo runs on: a temporary folder, look-alikes, the master, two workers.
//!
//! Master and workers read the same configuration files that operators write, so that nothing in
//! them is there for the demo alone.

use super::arrivals::{Arrival, Arrivals};
use super::slack::{CHANNEL, Workspace};
use super::thehive::Organisation;
use crate::{catalogue, keys};
use anyhow::{Context, Result, bail};
use dial_aws::{AwsSecrets, Clients};
use dial_core::config::section;
use dial_core::{Secret, WorkerId};
use dial_master::config::Master;
use dial_master::serve::{self, Running};
use dial_worker::{Worker, setup};
use rand::TryRng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;

/// The account that the incident happens in, and the regions that have a worker.
const ACCOUNT: &str = "111122223333";
const REGIONS: [&str; 2] = ["us-east-1", "eu-central-1"];

/// What an EventBridge schedule hands to a worker.
const SCHEDULE: &[u8] = br#"{"source":"aws.events","detail-type":"Scheduled Event"}"#;
/// How long a worker may take to be heard.
const PATIENCE: Duration = Duration::from_secs(10);

/// Synthetic places, networks and bad addresses over documentation ranges.
const DATA: [(&str, &[u8]); 3] = [
    (
        "city.mmdb",
        include_bytes!("../../../../geoip/test/city.mmdb"),
    ),
    (
        "asn.mmdb",
        include_bytes!("../../../../geoip/test/asn.mmdb"),
    ),
    (
        "bad.netset",
        include_bytes!("../../../../geoip/test/bad.netset"),
    ),
];

/// The stage while the demo plays.
pub(super) struct Stage {
    /// One worker for each region.
    pub(super) workers: BTreeMap<&'static str, Worker>,
    /// What the look-alikes receive.
    pub(super) arrivals: UnboundedReceiver<Arrival>,
    /// Address of the master.
    pub(super) url: reqwest::Url,
    /// Token of its API.
    pub(super) token: Secret,
    master: Running,
    folder: TempDir,
}

impl Stage {
    /// Starts everything; only loopback is used.
    pub(super) async fn set(listen: SocketAddr) -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let props = Props::lay_out(folder.path())?;
        let (noted, arrivals) = Arrivals::new();
        let slack = Workspace::new(props.slack.expose(), noted.clone()).api();
        let thehive = Organisation::new(props.thehive.expose(), noted).api();
        let (slack, thehive) = (play(slack).await?, play(thehive).await?);
        let config = props.master(listen, slack, thehive)?;
        let secrets = AwsSecrets::new(Clients::new());
        let master = serve::start(&config, &secrets).await;
        let master =
            master.context("the demo's master does not start (--listen chooses its address)")?;
        let url: reqwest::Url = format!("http://{}", master.address()).parse()?;
        let mut workers = BTreeMap::new();
        for region in REGIONS {
            workers.insert(region, props.worker(region, &url).await?);
        }
        Ok(Self {
            workers,
            arrivals,
            url,
            token: props.token,
            master,
            folder,
        })
    }

    /// Lets every worker say that it lives, as its schedule does every five minutes.
    pub(super) async fn beat(&self) -> Result<()> {
        for worker in self.workers.values() {
            let deadline = tokio::time::Instant::now() + PATIENCE;
            worker.handle(SCHEDULE, deadline).await?;
        }
        Ok(())
    }

    /// Ends the master and removes the folder.
    pub(super) async fn strike(self) -> Result<()> {
        self.master.stop().await;
        self.folder
            .close()
            .context("the temporary folder cannot be removed")
    }
}

/// Serves a look-alike on a free port.
async fn play(app: axum::Router) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// Keys, tokens and data in the temporary folder.
struct Props {
    folder: PathBuf,
    token: Secret,
    slack: Secret,
    thehive: Secret,
}

impl Props {
    fn lay_out(folder: &Path) -> Result<Self> {
        let props = Self {
            folder: folder.to_owned(),
            token: token("dial-demo-")?,
            slack: token("xoxb-demo-")?,
            thehive: token("thehive-")?,
        };
        let root = keys::random()?;
        props.write("root.key", root.to_secret().expose())?;
        for region in REGIONS {
            let worker: WorkerId = format!("{ACCOUNT}/{region}").parse()?;
            let key = root.worker_key(&worker, 0).to_secret();
            props.write(&format!("{region}.key"), key.expose())?;
        }
        props.write("token", props.token.expose())?;
        props.write("slack", props.slack.expose())?;
        props.write("thehive", props.thehive.expose())?;
        for (name, content) in DATA {
            props.write(name, content)?;
        }
        Ok(props)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path(name);
        std::fs::write(&path, content).with_context(|| format!("{path} cannot be written"))
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn secret(&self, name: &str) -> String {
        format!("file:{}", self.path(name))
    }

    fn master(&self, listen: SocketAddr, slack: SocketAddr, thehive: SocketAddr) -> Result<Master> {
        let file = toml(&json!({"master": {
            "listen": listen.to_string(),
            "store": format!("sqlite:{}", self.path("dial.db")),
            "bucket": self.path("bucket"),
            "root_keys": {"1": self.secret("root.key")},
            "tokens": [{"name": "demo", "secret": self.secret("token"), "scope": "admin"}],
            // Whoever is on this machine looks without a token; from elsewhere they show it.
            "sign_in": {"loopback": listen.ip().is_loopback()},
            "dangerous_allow_private_sinks": true,
            // Each finding is told as it comes, for the demo counts them.
            "route": {"group_window_minutes": 0},
            "sinks": {
                "slack": {
                    "type": "slack",
                    "bot_token": self.secret("slack"),
                    "channel": CHANNEL,
                    "api_url": format!("http://{slack}/api/"),
                    // The look-alike has no rate limit.
                    "min_interval_ms": 0,
                    "digest_above": 0,
                },
                "thehive": {
                    "type": "thehive",
                    "url": format!("http://{thehive}"),
                    "api_key": self.secret("thehive"),
                    "digest_above": 0,
                },
            },
        }}))?;
        let mut master: Master = section("demo", &file, "master", [])?;
        master.catalogue = Some(catalogue::of_configuration(None));
        Ok(master)
    }

    async fn worker(&self, region: &str, master: &reqwest::Url) -> Result<Worker> {
        let file = toml(&json!({"worker": {
            "master_url": master.as_str(),
            "account": ACCOUNT,
            "region": region,
            "key": self.secret(&format!("{region}.key")),
            "key_id": "1/0",
            "bucket": self.path("letters"),
            "detect": {
                "known_accounts": [ACCOUNT, "444455556666"],
                "enrich": {
                    "accounts": {ACCOUNT: "shop-production"},
                    "geoip": {"city": self.path("city.mmdb"), "asn": self.path("asn.mmdb")},
                    "reputation": [{
                        "name": "demo_blocklist",
                        "category": "attacker",
                        "path": self.path("bad.netset"),
                    }],
                },
            },
        }}))?;
        let name = format!("{region}.toml");
        self.write(&name, file)?;
        let env = BTreeMap::from([("DIAL_CONFIG".to_owned(), self.path(&name))]);
        let clients = Clients::new();
        let config = setup::read_config(&env, &clients).await?;
        Ok(setup::worker(config, &env, &clients)?)
    }
}

fn toml(value: &Value) -> Result<String> {
    toml::to_string(value).context("the demo's configuration is no TOML")
}

/// 32 hexadecimal digits of the system's random numbers.
fn token(prefix: &str) -> Result<Secret> {
    let mut bytes = [0; 16];
    if rand::rngs::SysRng.try_fill_bytes(&mut bytes).is_err() {
        bail!("the system gave no random numbers");
    }
    let digits = dial_core::dead_letter::hex(&bytes);
    Ok(Secret::new(&format!("{prefix}{digits}")))
}

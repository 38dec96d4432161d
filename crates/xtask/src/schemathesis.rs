//! `cargo xtask schemathesis`: what the API's document allows and forbids, asked of a live master.

use crate::run::{command, run, target};
use crate::tools;
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the master is told, and how schemathesis asks.
const SETTINGS: &str = "tests/schemathesis.toml";
/// Signs what is asked of the routes that take signatures only.
const SIGNED: &str = "tests/schemathesis_signed.py";
/// Requests of one operation in the short form.
const SHORT: usize = 25;
/// How long the master may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much to ask.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// Requests of one operation that are made up.
    #[arg(long, default_value_t = SHORT)]
    examples: usize,
    /// Seed of what is made up.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Builds `dial` and asks its master.
pub(crate) fn schemathesis(options: &Options) -> anyhow::Result<()> {
    run(&mut command(&[
        "cargo", "build", "--quiet", "-p", "dial-cli",
    ]))?;
    ask(&target().join("debug").join("dial"), options)
}

/// The short form, for the check; `dial` is built.
pub(crate) fn short(dial: &Path) -> anyhow::Result<()> {
    let (examples, seed) = (SHORT, 1);
    ask(dial, &Options { examples, seed })
}

fn ask(dial: &Path, options: &Options) -> anyhow::Result<()> {
    let Some(python) = tools::openapi_python()? else {
        return Ok(());
    };
    run(Command::new(&python).args([
        "-m",
        "openapi_spec_validator",
        "docs/reference/openapi.json",
    ]))?;
    let place = tempfile::tempdir()?;
    let master = Master::start(dial, place.path())?;
    let findings = master.fill(dial)?;
    let first = findings[0]["id"].as_str().context("a finding has an id")?;
    let settings = std::fs::read_to_string(SETTINGS)?.replace("$FINDING", first);
    let given = place.path().join("signed.json");
    std::fs::write(&given, master.given(&findings)?.to_string())?;
    let config = place.path().join("schemathesis.toml");
    std::fs::write(&config, settings)?;
    run(Command::new(python.with_file_name("schemathesis"))
        .arg("--config-file")
        .arg(&config)
        .args(["run", &format!("{}/openapi.json", master.url)])
        .args(["--max-examples", &options.examples.to_string()])
        .args(["--seed", &options.seed.to_string()])
        .env("SCHEMATHESIS_HOOKS", SIGNED)
        .env("DIAL_SIGNED", &given)
        .env("DIAL_TOKEN", TOKEN))
}

/// A token as the configuration may hold it; it opens a master that lives for seconds on loopback.
const TOKEN: &str = "schemathesis-0123456789-abcdefghij";
/// The secret of a Slack app that is nowhere.
const SIGNING_SECRET: &str = "schemathesis-0123456789-signing";

/// A master in a folder of its own, ended with this value.
struct Master {
    process: Child,
    url: String,
    key: PathBuf,
    /// Where a Slack that says yes will listen.
    slack: u16,
}

impl Master {
    fn start(dial: &Path, place: &Path) -> anyhow::Result<Self> {
        let key = place.join("root.key");
        let mut new = Command::new(dial);
        new.args(["keys", "new", "--out"]).arg(&key);
        run(new.stdout(Stdio::null()).stderr(Stdio::null()))?;
        let (port, slack) = (free_port()?, free_port()?);
        let url = format!("http://127.0.0.1:{port}");
        std::fs::write(
            place.join("webhook"),
            format!("http://127.0.0.1:{slack}/hook"),
        )?;
        let config = place.join("dial.toml");
        std::fs::write(&config, settings(place, port, slack))?;
        let mut process = Command::new(dial)
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .env("DIAL_TOKEN", TOKEN)
            .env("DIAL_SIGNING_SECRET", SIGNING_SECRET)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("dial serve does not start")?;
        let errors = process.stderr.take().context("dial serve has no stderr")?;
        let mut master = Self {
            process,
            url,
            key,
            slack,
        };
        // Its log is read, so that it never waits for a reader; an error of its own ends the run.
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if line.contains("ERROR") || line.contains("panicked") {
                    eprintln!("master: {line}");
                }
            }
        });
        master.wait(port)?;
        Ok(master)
    }

    fn wait(&mut self, port: u16) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("dial serve ended ({status})");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("dial serve did not listen within {PATIENCE:?}")
    }

    /// What makes signatures that the master takes, and findings that it has.
    fn given(&self, findings: &[Value]) -> anyhow::Result<Value> {
        let key = std::fs::read_to_string(&self.key)?;
        Ok(json!({
            "root_key": key.trim(), "signing_secret": SIGNING_SECRET, "slack": self.slack,
            "findings": findings,
        }))
    }

    /// Sends findings; those that were made.
    fn fill(&self, dial: &Path) -> anyhow::Result<Vec<Value>> {
        let output = Command::new(dial)
            .args([
                "scan",
                "tests/fixtures/s3",
                "--format",
                "jsonl",
                "--send",
                &self.url,
            ])
            .arg("--root-key-file")
            .arg(&self.key)
            .stderr(Stdio::inherit())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let findings: Vec<Value> = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        if findings.is_empty() {
            bail!("no finding was made to ask about");
        }
        Ok(findings)
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        // It may have ended; there is nothing else to do about it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Free a moment ago; nothing else on this machine waits for it.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// One sink refuses everything, so that there are deliveries to try again.
fn settings(place: &Path, port: u16, slack: u16) -> String {
    let place = place.display();
    format!(
        "[master]\nlisten = '127.0.0.1:{port}'\nstore = 'sqlite:{place}/dial.db'\n\
         bucket = '{place}/bucket'\nroot_keys = {{ '1' = 'file:{place}/root.key' }}\n\
         token_rate = {{ per_second = 100000, burst = 100000 }}\n\
         rate = {{ per_second = 100000, burst = 100000 }}\n\
         dangerous_allow_private_sinks = true\n\
         [[master.tokens]]\nname = 'schemathesis'\nsecret = 'env:DIAL_TOKEN'\nscope = 'admin'\n\
         [master.sinks.refused]\ntype = 'slack'\nwebhook_url = 'file:{place}/webhook'\n\
         [master.slack]\nsigning_secret = 'env:DIAL_SIGNING_SECRET'\n\
         bot_token = 'env:DIAL_TOKEN'\napi_url = 'http://127.0.0.1:{slack}/api/'\n\
         teams = ['T0123456789']\n\
         users = {{ U0123456789 = {{ name = 'somebody', scope = 'analyst' }} }}\n"
    )
}

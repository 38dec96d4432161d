//! Emulators of DynamoDB, S3 and, where there is a Python, other services of AWS and OpenSearch, up
//! as long as the value lives.

use crate::run::{command, run};
use crate::tools::{self, DYNAMODB, S3};
use anyhow::{Context, bail};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for an emulator to answer.
const START: Duration = Duration::from_mins(1);
/// What S3 accepts.
const ACCESS_KEY: &str = "test";
const SECRET_KEY: &str = "testtest";
/// Becomes the program that the package brings; it has no command of its own.
const OPENSEARCH: &str = "import os, sys, osmem_server\n\
     program = osmem_server.resolve_binary()\n\
     os.execv(program, [program, *sys.argv[1:]])";

/// The emulators; stopped on drop.
pub(crate) struct Emulators {
    dynamodb: Server,
    s3: Server,
    /// SNS, EventBridge, Security Hub, STS and others, which check signatures when told to.
    aws: Option<Server>,
    /// A search server.
    opensearch: Option<Server>,
    python: Option<PathBuf>,
    _objects: tempfile::TempDir,
}

struct Server {
    child: Child,
    url: String,
}

impl Emulators {
    /// Installs them where they are missing, and starts them.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let objects = tempfile::tempdir()?;
        let (dynoxide, s3s) = (DYNAMODB.path()?, S3.path()?);
        let dynamodb = Server::start(|port| {
            let mut command = Command::new(&dynoxide);
            command.args([
                "serve",
                "--host",
                "127.0.0.1",
                "--log",
                "quiet",
                "--port",
                port,
            ]);
            command
        })?;
        let s3 = Server::start(|port| {
            let mut command = Command::new(&s3s);
            command.args(["--host", "127.0.0.1", "--port", port]);
            command.args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]);
            command.arg(objects.path());
            command
        })?;
        let python = tools::python()?;
        let aws = python.as_ref().map(|python| {
            Server::start(|port| {
                let mut command = Command::new(python);
                command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", port]);
                command
            })
        });
        let opensearch = tools::opensearch_python()?.map(|python| {
            Server::start(|port| {
                let mut command = Command::new(&python);
                let address = format!("127.0.0.1:{port}");
                command.args(["-c", OPENSEARCH, "-no-stdin-watch", "-addr", &address]);
                command
            })
        });
        Ok(Self {
            dynamodb,
            s3,
            aws: aws.transpose()?,
            opensearch: opensearch.transpose()?,
            python,
            _objects: objects,
        })
    }

    /// Tells a command where they are.
    pub(crate) fn environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("DIAL_TEST_DYNAMODB", &self.dynamodb.url)
            .env("DIAL_TEST_S3", &self.s3.url)
            .envs(self.aws.iter().map(|aws| ("DIAL_TEST_AWS", &aws.url)))
            .envs(
                self.opensearch
                    .iter()
                    .map(|search| ("DIAL_TEST_OPENSEARCH", &search.url)),
            )
            .envs(self.python.iter().map(|path| ("DIAL_TEST_PYTHON", path)))
    }
}

impl Server {
    fn start(build: impl Fn(&str) -> Command) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = build(&port.to_string());
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut server = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        server.wait(port)?;
        Ok(server)
    }

    fn wait(&mut self, port: u16) -> anyhow::Result<()> {
        let until = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("emulator at {} ended at once ({status})", self.url);
            }
            if Instant::now() > until {
                bail!("emulator at {} does not answer after {START:?}", self.url);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command with the emulators up.
pub(crate) fn around(words: &[String]) -> anyhow::Result<()> {
    let emulators = Emulators::start()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run(emulators.environment(&mut command(&words)))
}

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free loopback port")?;
    Ok(listener.local_addr()?.port())
}

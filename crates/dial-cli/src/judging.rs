//! The pipeline that judges on this machine: the arguments that choose its rules and settings.

use crate::config_file::ConfigFile;
use crate::exit;
use anyhow::{Result, bail};
use clap::Args;
use dial_core::config::Check;
use dial_core::dead_letter::hex;
use dial_core::wire::WorkerInfo;
use dial_detect::{Pipeline, Settings, SetupError};
use dial_worker::config::Worker;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Arguments that choose rules and settings.
#[derive(Debug, Args)]
pub(crate) struct Judging {
    /// Folder of Sigma rules beside the built-in ones; one of the same name replaces it
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
    /// Configuration file, whose [worker] section tunes the rules [default:
    /// `$DIAL_CONFIG`, then `dial.toml` where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl Judging {
    /// Loads rules and data; the error lists everything that is wrong.
    pub(crate) fn pipeline(&self) -> Result<Pipeline> {
        self.load(self.rules.as_deref())
    }

    /// As [`Judging::pipeline`], with the rules of this folder or file beside the pack.
    pub(crate) fn with_rules(&self, rules: &Path) -> Result<Pipeline> {
        self.load(Some(rules))
    }

    /// As [`Judging::pipeline`], with a hash of the rules and of all settings.
    pub(crate) fn with_hash(&self) -> Result<(Pipeline, String)> {
        let settings = self.settings(self.rules.as_deref())?;
        let pipeline = load(&settings)?;
        let mut hash = Sha256::new();
        hash.update(pipeline.hash());
        hash.update(format!("{settings:?}"));
        let hash = hex(&hash.finalize()[..8]);
        Ok((pipeline, hash))
    }

    fn load(&self, rules: Option<&Path>) -> Result<Pipeline> {
        load(&self.settings(rules)?)
    }

    fn settings(&self, rules: Option<&Path>) -> Result<Settings> {
        let file = ConfigFile::find(self.config.as_deref())?;
        let Tuning(worker) = file.section("worker")?;
        let rules = rules.map(Path::to_owned);
        let rules = rules.or_else(|| worker.detect.rules.clone());
        Ok(Settings {
            rules,
            ..worker.detect
        })
    }
}

/// `[worker]` as far as judging needs it: a scan works without a master, key or bucket.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Tuning(Worker);

impl Check for Tuning {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        let below = &mut |path: &str, message| report(&format!("detect.{path}"), message);
        self.0.detect.check(below);
    }
}

/// Loads the pipeline of this machine.
pub(crate) fn load(settings: &Settings) -> Result<Pipeline> {
    match build(settings) {
        Ok(pipeline) => {
            for error in pipeline.left_out() {
                exit::problem(&format!("rule left out: {error}"));
            }
            Ok(pipeline)
        }
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            bail!("{}", lines.join("\n"))
        }
    }
}

/// As [`load`], with every problem by itself.
pub(crate) fn build(settings: &Settings) -> Result<Pipeline, Vec<SetupError>> {
    Pipeline::new(settings, worker_info(""))
}

/// How findings made on this machine name their worker.
fn worker_info(rules: &str) -> WorkerInfo {
    WorkerInfo {
        account: "local".into(),
        region: "local".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        rules: rules.into(),
    }
}

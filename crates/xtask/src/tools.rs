//! Tools that the check needs: installed once, at a pinned version, into the user's cache folder.

use crate::run::{command, run, succeeds};
use anyhow::Context;
use std::path::PathBuf;
use std::process::Command;

/// A program that cargo can install.
pub(crate) struct Tool {
    package: &'static str,
    version: &'static str,
    program: &'static str,
    features: &'static [&'static str],
}

/// DynamoDB, in memory.
pub(crate) const DYNAMODB: Tool = Tool {
    package: "dynoxide-rs",
    version: "3.2.0",
    program: "dynoxide",
    features: &[
        "--no-default-features",
        "--features",
        "native-sqlite,http-server,cli",
    ],
};

/// S3 over a folder, with real signature and checksum checks.
pub(crate) const S3: Tool = Tool {
    package: "s3s-fs",
    version: "0.14.1",
    program: "s3s-fs",
    features: &["--features", "binary"],
};

/// Coverage-guided fuzzing.
pub(crate) const FUZZ: Tool = Tool {
    package: "cargo-fuzz",
    version: "0.13.2",
    program: "cargo-fuzz",
    features: &[],
};

const NEXTEST: Tool = Tool {
    package: "cargo-nextest",
    version: "0.9.143",
    program: "cargo-nextest",
    features: &[],
};

impl Tool {
    /// The program's path, after installing it where it is missing.
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        let home = cache()?.join(format!("{}-{}", self.package, self.version));
        let program = home.join("bin").join(self.program);
        if !program.exists() {
            eprintln!(
                "installing {} {} into {} (once; a few minutes)",
                self.package,
                self.version,
                home.display()
            );
            self.install(&home)?;
        }
        Ok(program)
    }

    fn install(&self, home: &std::path::Path) -> anyhow::Result<()> {
        let build = tempfile::tempdir().context("no temporary folder to build in")?;
        let mut install = command(&["cargo", "install", self.package, "--locked", "--quiet"]);
        install
            .args(["--version", self.version])
            .args(self.features)
            .arg("--root")
            .arg(home)
            .env("CARGO_TARGET_DIR", build.path())
            // Whoever waits for a check wants them soon. Optimised as they are: an emulator that
            // answers late makes tests of time fail.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        run(&mut install)
    }
}

/// Python packages that check what leaves the process, pinned; all in one virtual environment.
const PACKAGES: &[&str] = &[
    "ocsf-json-schema==1.2.0",
    "jsonschema==4.26.0",
    // Brings cfn-lint, which the check of the organisation's template runs.
    "moto[server]==5.2.1",
    "slack_sdk==3.47.0",
    "thehive4py==2.1.0",
];

/// A search server that speaks OpenSearch, in memory; apart, for it is a program that not every
/// machine can run.
const OPENSEARCH: &[&str] = &["osmem-server==0.1.6"];

/// Python packages that check the API's document and what answers to it, in one of their own.
const OPENAPI: &[&str] = &["schemathesis==4.32.5", "openapi-spec-validator==0.9.0"];

/// A Python with what checks messages and events; see [`environment`].
pub(crate) fn python() -> anyhow::Result<Option<PathBuf>> {
    environment(PACKAGES)
}

/// A Python with the search server; see [`environment`].
pub(crate) fn opensearch_python() -> anyhow::Result<Option<PathBuf>> {
    environment(OPENSEARCH)
}

/// A Python with what checks the API; see [`environment`].
pub(crate) fn openapi_python() -> anyhow::Result<Option<PathBuf>> {
    environment(OPENAPI)
}

/// A Python with these packages, installing them where they are missing.
///
/// `None`, after saying why, where there is no `python3` or no package index: these checks are a
/// second opinion, not a need.
fn environment(packages: &[&str]) -> anyhow::Result<Option<PathBuf>> {
    let home = cache()?.join(format!("python-{}", packages.join("-").replace("==", "-")));
    let program = home.join("bin").join("python");
    // Written last, so that half an environment is made again.
    let complete = home.join("complete");
    if complete.exists() {
        return Ok(Some(program));
    }
    if !succeeds(&["python3", "-c", "import venv, ensurepip"]) {
        println!("skipped: checks in Python (there is no python3 with venv)");
        return Ok(None);
    }
    eprintln!(
        "installing {} into {} (once)",
        packages.join(", "),
        home.display()
    );
    run(command(&["python3", "-m", "venv", "--clear"]).arg(&home))?;
    let mut install = Command::new(&program);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    if let Err(error) = run(install.args(packages)) {
        println!("skipped: checks in Python ({error:#})");
        return Ok(None);
    }
    std::fs::write(&complete, "")?;
    Ok(Some(program))
}

/// The words that run nextest, installing it where cargo does not know it.
pub(crate) fn nextest() -> anyhow::Result<Vec<String>> {
    if succeeds(&["cargo", "nextest", "--version"]) {
        return Ok(vec!["cargo".into(), "nextest".into()]);
    }
    let path = NEXTEST.path()?;
    Ok(vec![path.display().to_string(), "nextest".into()])
}

/// `$XDG_CACHE_HOME/dial/tools`, else `~/.cache/dial/tools`.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor a home folder is set")?;
    Ok(base.join("dial").join("tools"))
}

//! The dashboard in a real browser: Chromium and the script that drives it, installed where that may be.

use crate::run::{command, run, succeeds, target};
use crate::tools;
use anyhow::Context;
use clap::Args;
use std::path::{Path, PathBuf};

/// What drives the browser, what looks for barriers and where people sign in, pinned.
const PACKAGES: [&str; 3] = [
    "playwright-core@1.65.1",
    "axe-core@4.14.1",
    "oidc-provider@9.13.3",
];
/// Names of the program, the first that is there is taken.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const INSTALL: &str = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium";
/// What stands before a reason why nothing was tested.
const SKIPPED: &str = "skipped: the dashboard in a browser";
const SCRIPT: &str = "tests/browser/dashboard.mjs";
/// Findings in a store that has been in use for long.
const MANY: &str = "100000";

/// Arguments of `browser`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Take pictures of the demo into this folder instead
    #[arg(long, value_name = "DIR")]
    screenshots: Option<PathBuf>,
    /// Print how long pages take over as many findings instead
    #[arg(long, value_name = "N")]
    many: Option<u32>,
    /// Profile whose `dial` is used; built already
    #[arg(long, default_value = "release")]
    profile: String,
}

/// Runs `cargo xtask browser`.
pub(crate) fn browser(options: &Options) -> anyhow::Result<()> {
    let mut more = Vec::new();
    if let Some(folder) = &options.screenshots {
        more.extend(["--screenshots".to_owned(), folder.display().to_string()]);
    }
    if let Some(count) = options.many {
        more.extend(["--many".to_owned(), count.to_string()]);
    }
    drive(&target().join(&options.profile).join("dial"), &more)
}

/// The tests, then every page over a full store; says what is missing where they cannot run.
pub(crate) fn check(dial: &Path) -> anyhow::Result<()> {
    drive(dial, &[])?;
    drive(dial, &["--many", MANY].map(str::to_owned))
}

fn drive(dial: &Path, more: &[String]) -> anyhow::Result<()> {
    let chromium = match chromium() {
        Ok(chromium) => chromium,
        Err(reason) => {
            println!("{SKIPPED}: {reason}");
            return Ok(());
        }
    };
    let Some(modules) = modules()? else {
        return Ok(());
    };
    let mut node = command(&["node", SCRIPT]);
    node.arg(dial).arg(chromium).args(more);
    run(node.env("DIAL_NODE_MODULES", modules))
}

/// Chromium's program, from the system's packages where root may install them; else why not.
fn chromium() -> Result<PathBuf, String> {
    if let Some(program) = found() {
        return Ok(program);
    }
    let names = PROGRAMS.join(", ");
    if !succeeds(&["sh", "-c", "command -v apt-get"]) {
        return Err(format!(
            "none of {names} is on PATH, nor apt-get to install one; install it and try again"
        ));
    }
    if !succeeds(&["sh", "-c", "test $(id -u) = 0"]) {
        return Err(format!(
            "none of {names} is on PATH, and only root may install one: apt-get install chromium"
        ));
    }
    eprintln!("installing chromium from the system's packages (once): {INSTALL}");
    run(&mut command(&["sh", "-c", INSTALL]))
        .map_err(|error| format!("chromium cannot be installed: {error:#}"))?;
    found().ok_or_else(|| format!("chromium was installed, but none of {names} starts"))
}

/// Its whole path: whoever drives it does not search for it.
fn found() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let paths = PROGRAMS
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let mut paths = paths.filter(|path| path.is_file());
    paths.find(|path| succeeds(&[&*path.to_string_lossy(), "--version"]))
}

/// A folder with the packages, after installing them where they are missing.
fn modules() -> anyhow::Result<Option<PathBuf>> {
    let name = PACKAGES.join("-").replace('@', "-");
    let home = tools::cache()?.join(format!("node-{name}"));
    // Written last, so that half an installation is made again.
    let complete = home.join("complete");
    if complete.exists() {
        return Ok(Some(home));
    }
    if !succeeds(&["node", "--version"]) || !succeeds(&["npm", "--version"]) {
        println!("{SKIPPED}: there is no node with npm on PATH; install them and try again");
        return Ok(None);
    }
    std::fs::create_dir_all(&home).with_context(|| format!("{}", home.display()))?;
    eprintln!(
        "installing {} into {} (once)",
        PACKAGES.join(", "),
        home.display()
    );
    let mut install = command(&[
        "npm",
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--prefix",
    ]);
    if let Err(error) = run(install.arg(&home).args(PACKAGES)) {
        println!("{SKIPPED}: {error:#}");
        return Ok(None);
    }
    std::fs::write(&complete, "")?;
    Ok(Some(home))
}

//! `cargo xtask check`: everything that must hold before a change lands.

use crate::emulators::Emulators;
use crate::run::{command, run, succeeds, target};
use crate::{browser, cost, layers, map, package, proofs, schemathesis, terraform, tools};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Runs every step; the first failure ends it.
pub(crate) fn check(quick: bool) -> anyhow::Result<()> {
    let started = Instant::now();
    step("format", || {
        run(&mut command(&["cargo", "fmt", "--all", "--check"]))
    })?;
    step("layers", layers::check)?;
    step("code map", map::check)?;
    step("proofs", proofs::check)?;
    step("licences and bans", licences)?;
    step("terraform", terraform::check)?;
    step("clippy", clippy)?;
    if quick {
        step("tests", || tests(None))?;
        step("reference", reference)?;
        println!("\nskipped by --quick: packages, end-to-end tests, the dashboard in a browser");
    } else {
        let fault_worker = step("programs", programs)?;
        step("reference", reference)?;
        step("schemathesis", || schemathesis::short(&built("dial")))?;
        let packages = step("packages", packages)?;
        step("tests", || {
            tests(Some(&Built {
                fault_worker,
                packages,
            }))
        })?;
        step("browser", || browser::check(&built("dial")))?;
    }
    println!("\ncheck passed in {:.0?}", started.elapsed());
    Ok(())
}

fn step<T>(name: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    println!("\n== {name}");
    let started = Instant::now();
    let result = work().with_context(|| format!("step `{name}`"))?;
    println!("== {name}: {:.1?}", started.elapsed());
    Ok(result)
}

fn licences() -> anyhow::Result<()> {
    if !succeeds(&["cargo", "deny", "--version"]) {
        println!("skipped: cargo-deny is not installed (cargo install cargo-deny --locked)");
        return Ok(());
    }
    run(&mut command(&[
        "cargo", "deny", "check", "bans", "licenses", "sources",
    ]))
}

fn clippy() -> anyhow::Result<()> {
    let words = [
        "cargo",
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ];
    run(&mut command(&words))
}

/// Builds what is tested, and a worker that can be made to panic, which it returns.
///
/// In the profile of the tests and always with one of them: where no test is built, cargo chooses
/// other features for what all share, and builds that again.
fn programs() -> anyhow::Result<PathBuf> {
    let words = ["cargo", "build", "--quiet", "--workspace"];
    let faulty = ["--features", "dial-worker/fault-injection"];
    let chosen = ["--bin", "dial-worker", "--test", "authors"];
    run(command(&words).args(chosen).args(faulty))?;
    let folder = target().join("fault-injection");
    std::fs::create_dir_all(&folder)?;
    let copy = folder.join("dial-worker");
    std::fs::copy(built("dial-worker"), &copy)?;
    run(command(&words).arg("--all-targets"))?;
    Ok(copy)
}

/// A program in the profile of the tests.
fn built(program: &str) -> PathBuf {
    target().join("debug").join(program)
}

/// Packs what was built; the end-to-end tests deploy it.
fn packages() -> anyhow::Result<PathBuf> {
    let out = target().join("check-packages");
    package::package(&package::Options {
        arch: None,
        profile: "dev".into(),
        out: out.clone(),
        with: Vec::new(),
        no_build: true,
    })?;
    Ok(out)
}

/// What the end-to-end tests run.
struct Built {
    fault_worker: PathBuf,
    packages: PathBuf,
}

/// Whether pages and event patterns are what the rules say; built already.
fn reference() -> anyhow::Result<()> {
    let dial = built("dial");
    patterns(&dial)?;
    schemas(&dial)?;
    cost::check()?;
    run(command(&[&*dial.to_string_lossy()])
        .args(["rules", "docs", "--check", "--out", "docs/reference/rules"])
        .args(["--left-out", "crates/dial-detect/data/left_out"]))
}

/// Whether the worker module deploys what the pack needs.
fn patterns(dial: &Path) -> anyhow::Result<()> {
    let file = "infra/modules/worker/event_patterns.json";
    let derived = Command::new(dial)
        .args(["rules", "patterns", "--format", "json"])
        .output()?;
    if std::fs::read(file)? != derived.stdout {
        bail!(
            "{file} is stale; run `cargo dial rules patterns --format json > {file}`, \
             then `cargo xtask terraform --write`"
        );
    }
    Ok(())
}

/// Whether the documents that other programs read are those of the code.
fn schemas(dial: &Path) -> anyhow::Result<()> {
    for (of, file) in [
        ("openapi", "docs/reference/openapi.json"),
        ("finding", "docs/reference/finding.schema.json"),
    ] {
        let made = Command::new(dial).args(["schema", of]).output()?;
        if std::fs::read(file)? != made.stdout {
            bail!("{file} is stale; run `cargo dial schema {of} > {file}`");
        }
    }
    Ok(())
}

fn tests(built: Option<&Built>) -> anyhow::Result<()> {
    let emulators = Emulators::start()?;
    let nextest = tools::nextest()?;
    let words: Vec<&str> = nextest.iter().map(String::as_str).collect();
    let mut tests = command(&words);
    tests.args(["run", "--workspace", "--no-fail-fast"]);
    tests.env("INSTA_UPDATE", "no");
    terraform::one_copy_of_providers(&mut tests)?;
    match built {
        Some(built) => tests
            .env("DIAL_BIN_DIR", target().join("debug"))
            .env("DIAL_FAULT_WORKER", &built.fault_worker)
            .env("DIAL_PACKAGES", &built.packages),
        None => tests.args(["-E", "not (binary(e2e) or binary(chaos))"]),
    };
    if std::env::var_os("DIAL_CORPUS").is_none() {
        println!("skipped: corpus tests (DIAL_CORPUS names no folder with events)");
    }
    run(emulators.environment(&mut tests))
}

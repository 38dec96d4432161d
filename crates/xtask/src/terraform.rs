//! Terraform: format, validity and tests of the modules, and the tables of their READMEs.

mod tables;

use crate::run::{command, root, run, succeeds, target};
use crate::stack_set;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Checks everything below `infra/`; says what it skipped where Terraform is missing.
pub(crate) fn check() -> anyhow::Result<()> {
    let modules = folders("infra/modules")?;
    let examples = folders("infra/examples")?;
    for folder in modules.iter().chain(&examples) {
        tables::check(folder)?;
    }
    stack_set::check()?;
    if !succeeds(&["terraform", "version"]) {
        println!("skipped: terraform is not installed (format, validity and tests of infra/)");
        return Ok(());
    }
    run(&mut command(&[
        "terraform",
        "fmt",
        "-check",
        "-diff",
        "-recursive",
        "infra",
        "tests/deployment",
    ]))?;
    for module in &modules {
        validate(module)?;
        run(terraform(module)?.args(["test", "-no-color"]))?;
    }
    // What the end-to-end tests apply.
    for applied in ["tests/deployment", "tests/deployment/organization"] {
        validate(&root().join(applied))?;
    }
    examples.iter().try_for_each(|example| validate(example))
}

/// Writes the tables of all modules and examples, and the template of the organisation's workers.
pub(crate) fn write_tables() -> anyhow::Result<()> {
    stack_set::write()?;
    for below in ["infra/modules", "infra/examples"] {
        for folder in folders(below)? {
            tables::write(&folder)?;
        }
    }
    Ok(())
}

fn validate(folder: &Path) -> anyhow::Result<()> {
    println!("{}", folder.display());
    let mut init = terraform(folder)?;
    init.args(["init", "-backend=false", "-input=false", "-no-color"]);
    let output = init.output().context("cannot start terraform")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("terraform init in {} failed:\n{said}", folder.display());
    }
    run(terraform(folder)?.args(["validate", "-no-color"]))
}

/// Terraform in a folder, with one copy of the providers for all of them.
fn terraform(folder: &Path) -> anyhow::Result<Command> {
    let mut terraform = command(&["terraform"]);
    terraform.current_dir(folder);
    one_copy_of_providers(&mut terraform)?;
    Ok(terraform)
}

/// Lets Terraform, wherever a command starts it, keep its providers in one folder.
pub(crate) fn one_copy_of_providers(command: &mut Command) -> anyhow::Result<()> {
    let cache = target().join("terraform");
    std::fs::create_dir_all(&cache)?;
    command
        .env("TF_PLUGIN_CACHE_DIR", cache)
        // Without a lock file of its own a folder takes the providers from the cache.
        .env("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "true");
    Ok(())
}

/// The folders with Terraform in them, by name.
fn folders(below: &str) -> anyhow::Result<Vec<PathBuf>> {
    let below = root().join(below);
    if !below.exists() {
        return Ok(Vec::new());
    }
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&below)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("main.tf").exists())
        .collect();
    folders.sort();
    Ok(folders)
}

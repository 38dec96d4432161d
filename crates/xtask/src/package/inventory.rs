//! The crates that the programs are made of, as cargo resolved them for one target.

use crate::run::command;
use anyhow::{Context, bail};
use cargo_metadata::{Metadata, MetadataCommand, Package};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A crate that is part of a program.
#[derive(Debug, Clone)]
pub(super) struct Crate {
    /// Name on the registry.
    pub(super) name: String,
    /// Version.
    pub(super) version: String,
    /// SPDX expression, as the crate states it.
    pub(super) licence: String,
    /// Where its sources lie.
    pub(super) folder: PathBuf,
    /// Whether it is one of the project's own.
    pub(super) own: bool,
    /// SHA-256 of the crate file in hex, where it comes from a registry.
    pub(super) checksum: Option<String>,
    /// The crates that it needs, as `name@version`.
    pub(super) needs: Vec<String>,
}

impl Crate {
    /// `name@version`.
    pub(super) fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// Everything that is linked into these packages on a target, by name and version; neither what
/// only builds them nor what only tests them.
pub(super) fn of(packages: &[&str], triple: &str) -> anyhow::Result<Vec<Crate>> {
    let linked = linked(packages, triple)?;
    let metadata = MetadataCommand::new()
        .other_options(["--locked".into(), format!("--filter-platform={triple}")])
        .exec()?;
    let checksums = checksums()?;
    let needs = needs(&metadata, &linked);
    let mut crates: Vec<Crate> = metadata
        .packages
        .iter()
        .filter(|package| linked.contains(&id(package)))
        .map(|package| describe(package, &checksums, &needs))
        .collect::<anyhow::Result<_>>()?;
    crates.sort_by_key(Crate::id);
    if crates.len() != linked.len() {
        bail!("cargo tree and cargo metadata do not agree on the crates");
    }
    Ok(crates)
}

/// `cargo tree` resolves features for these packages alone, as their build does.
fn linked(packages: &[&str], triple: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut tree = command(&["cargo", "tree", "--locked", "--edges", "normal"]);
    tree.args(["--target", triple, "--prefix", "none", "--format", "{p}"]);
    for package in packages {
        tree.args(["-p", package]);
    }
    let output = tree.output().context("cannot start cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter_map(line).collect())
}

/// `name@version` of a line `name v1.2.3 (from where)`.
fn line(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let version = words.next()?.strip_prefix('v')?;
    Some(format!("{name}@{version}"))
}

fn id(package: &Package) -> String {
    format!("{}@{}", package.name, package.version)
}

fn describe(
    package: &Package,
    checksums: &BTreeMap<String, String>,
    needs: &BTreeMap<String, Vec<String>>,
) -> anyhow::Result<Crate> {
    let id = id(package);
    let licence = package.license.clone();
    Ok(Crate {
        name: package.name.to_string(),
        version: package.version.to_string(),
        licence: licence.with_context(|| format!("{id} states no licence"))?,
        folder: package
            .manifest_path
            .parent()
            .map(PathBuf::from)
            .unwrap_or_default(),
        own: package.source.is_none(),
        checksum: checksums.get(&id).cloned(),
        needs: needs.get(&id).cloned().unwrap_or_default(),
    })
}

/// The linked crates that each of the linked crates names.
fn needs(metadata: &Metadata, linked: &BTreeSet<String>) -> BTreeMap<String, Vec<String>> {
    let ids: BTreeMap<_, _> = metadata.packages.iter().map(|p| (&p.id, id(p))).collect();
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let of = nodes.filter_map(|node| {
        let names = node
            .dependencies
            .iter()
            .filter_map(|needed| ids.get(needed));
        let names: BTreeSet<&String> = names.filter(|name| linked.contains(*name)).collect();
        Some((
            ids.get(&node.id)?.clone(),
            names.into_iter().cloned().collect(),
        ))
    });
    of.collect()
}

/// `Cargo.lock` has what was downloaded.
fn checksums() -> anyhow::Result<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let lock: Lock = toml::from_str(&std::fs::read_to_string("Cargo.lock")?)?;
    let known = lock.package.into_iter().filter_map(|package| {
        let id = format!("{}@{}", package.name, package.version);
        Some((id, package.checksum?))
    });
    Ok(known.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_tree_are_read() {
        let cases = [
            ("serde v1.0.229", Some("serde@1.0.229")),
            ("serde v1.0.229 (*)", Some("serde@1.0.229")),
            (
                "dial-core v0.1.0 (/src/crates/dial-core)",
                Some("dial-core@0.1.0"),
            ),
            (
                "serde_derive v1.0.229 (proc-macro)",
                Some("serde_derive@1.0.229"),
            ),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(line(text).as_deref(), expected, "{text}");
        }
    }
}

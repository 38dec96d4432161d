//! Who may know whom: dependencies between the crates point down only.

use crate::run::command;
use anyhow::{Context, bail};
use serde_json::Value;

/// Each crate, and the crates of ours that it may name.
const LAYERS: &[(&str, &[&str])] = &[
    ("dial-core", &[]),
    ("dial-detect", &["dial-core"]),
    ("dial-aws", &["dial-core"]),
    ("dial-worker", &["dial-core", "dial-detect", "dial-aws"]),
    ("dial-master", &["dial-core", "dial-aws"]),
    (
        "dial-cli",
        &[
            "dial-core",
            "dial-detect",
            "dial-aws",
            "dial-worker",
            "dial-master",
        ],
    ),
    (
        "dial-tests",
        &[
            "dial-core",
            "dial-detect",
            "dial-aws",
            "dial-worker",
            "dial-master",
        ],
    ),
    ("xtask", &[]),
];

/// Dependencies that one crate alone may name.
const RESERVED: &[(&str, &str)] = &[
    ("aws-sdk-", "dial-aws"),
    ("aws-config", "dial-aws"),
    ("rsigma-", "dial-detect"),
];

/// Reserved dependencies that tests and benchmarks of another package compare with.
const COMPARED: &[(&str, &str)] = &[("rsigma-", "dial-tests")];

/// What decides must not reach out: no client, runtime or clock source in these.
const BARRED: &[(&str, &[&str])] = &[
    ("dial-core", &["tokio", "reqwest", "axum", "hyper"]),
    ("dial-detect", &["tokio", "reqwest", "axum", "hyper"]),
];

/// Checks every dependency of every member.
pub(crate) fn check() -> anyhow::Result<()> {
    let output = command(&["cargo", "metadata", "--format-version", "1", "--no-deps"]).output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let faults: Vec<String> = packages.iter().flat_map(faults).collect();
    if !faults.is_empty() {
        bail!("layers:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

fn faults(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        return vec![format!(
            "{name} has no place in the layers; give it one in xtask"
        )];
    };
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    dependencies
        .filter_map(|dependency| fault(name, allowed, dependency))
        .collect()
}

fn fault(name: &str, allowed: &[&str], dependency: &Value) -> Option<String> {
    let needs = dependency["name"].as_str().unwrap_or_default();
    let for_tests = dependency["kind"] == "dev";
    let ours = LAYERS.iter().any(|(layer, _)| *layer == needs);
    let reserved = RESERVED
        .iter()
        .find(|(prefix, owner)| needs.starts_with(prefix) && *owner != name)
        .filter(|(prefix, _)| !(for_tests && COMPARED.contains(&(*prefix, name))));
    let barred = BARRED
        .iter()
        .any(|(of, barred)| *of == name && barred.contains(&needs) && !for_tests);
    if ours && !allowed.contains(&needs) {
        Some(format!("{name} may not name {needs}"))
    } else if let Some((_, owner)) = reserved {
        Some(format!("{name} may not name {needs}, only {owner} may"))
    } else if barred {
        Some(format!("{name} may not name {needs}: it does no I/O"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn upward_reserved_and_barred_dependencies_are_faults() {
        let package = |name: &str, needs: &str| json!({"name": name, "dependencies": [{"name": needs, "kind": null}]});
        let cases = [
            ("dial-worker", "dial-detect", 0),
            ("dial-worker", "dial-master", 1),
            ("dial-detect", "dial-aws", 1),
            ("dial-master", "aws-sdk-s3", 1),
            ("dial-detect", "tokio", 1),
            ("dial-core", "serde", 0),
            ("newcomer", "serde", 1),
        ];
        for (name, needs, expected) in cases {
            assert_eq!(
                faults(&package(name, needs)).len(),
                expected,
                "{name} {needs}"
            );
        }
    }

    /// Reading address databases without copying them needs it; see the reason there.
    #[test]
    fn unsafe_code_stands_in_one_place() {
        let root = crate::run::root();
        let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("unsafe_code = \"deny\""));
        let mut folders = vec![root.join("crates"), root.join("tests")];
        let mut found = Vec::new();
        let word = ["unsafe", " {"].concat();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|it| it == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let many = text.matches(&word).count();
                    found.extend(std::iter::repeat_n(path, many));
                }
            }
        }
        let only = root.join("crates/dial-detect/src/enrich/geoip.rs");
        assert_eq!(found, [only]);
    }

    #[test]
    fn every_foreign_package_is_pinned_by_its_checksum() {
        let lock = std::fs::read_to_string(crate::run::root().join("Cargo.lock")).unwrap();
        let mut foreign = 0;
        for package in lock.split("[[package]]").skip(1) {
            let name = package.lines().nth(1).unwrap_or_default();
            let source = package.lines().find(|line| line.starts_with("source"));
            let Some(source) = source else { continue };
            foreign += 1;
            let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
            assert_eq!(source, registry, "{name}");
            assert!(package.contains("checksum = \""), "{name}");
        }
        assert!(foreign > 100, "{foreign}");
    }
}

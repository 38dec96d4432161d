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
}

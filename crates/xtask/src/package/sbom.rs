//! The bill of materials: `CycloneDX` 1.5, with neither time nor random number, so that it is
//! the same for the same crates.

use super::inventory::Crate;
use anyhow::bail;
use cyclonedx_bom::models::bom::{Bom, SpecVersion};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::prelude::{Purl, Validate as _};

const VERSION: SpecVersion = SpecVersion::V1_5;

/// The JSON document about these crates.
pub(super) fn json(crates: &[Crate]) -> anyhow::Result<Vec<u8>> {
    let whole = Component::new(
        Classification::Application,
        "dial",
        env!("CARGO_PKG_VERSION"),
        Some("dial".into()),
    );
    let components: Result<Vec<_>, _> = crates.iter().map(component).collect();
    let bom = Bom {
        serial_number: None,
        metadata: Some(Metadata {
            component: Some(whole),
            ..Metadata::default()
        }),
        components: Some(Components(components?)),
        dependencies: Some(Dependencies(dependencies(crates))),
        spec_version: VERSION,
        ..Bom::default()
    };
    let checked = bom.validate_version(VERSION);
    if !checked.passed() {
        bail!("the bill of materials is wrong: {checked:?}");
    }
    let mut json = Vec::new();
    bom.output_as_json(&mut json, VERSION)?;
    json.push(b'\n');
    Ok(json)
}

fn component(part: &Crate) -> anyhow::Result<Component> {
    let kind = Classification::Library;
    let mut component = Component::new(kind, &part.name, &part.version, Some(part.id()));
    let expression = part.licence.replace('/', " OR ");
    component.licenses = Some(Licenses(vec![LicenseChoice::expression(&expression)]));
    if !part.own {
        component.purl = Some(Purl::new("cargo", &part.name, &part.version)?);
    }
    component.hashes = part.checksum.as_ref().map(|checksum| {
        Hashes(vec![Hash {
            alg: HashAlgorithm::SHA_256,
            content: HashValue(checksum.clone()),
        }])
    });
    Ok(component)
}

/// The programs hang below the whole, and so does everything.
fn dependencies(crates: &[Crate]) -> Vec<Dependency> {
    let programs = crates
        .iter()
        .filter(|part| super::PACKAGES.contains(&&*part.name));
    let whole = Dependency {
        dependency_ref: "dial".into(),
        dependencies: programs.map(Crate::id).collect(),
    };
    let parts = crates.iter().map(|part| Dependency {
        dependency_ref: part.id(),
        dependencies: part.needs.clone(),
    });
    std::iter::once(whole).chain(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_bill_names_every_crate_and_what_it_needs() {
        let part = |name: &str, own, needs: &[&str]| Crate {
            name: name.into(),
            version: "0.1.0".into(),
            licence: "MIT/Apache-2.0".into(),
            folder: std::path::PathBuf::new(),
            own,
            checksum: (!own).then(|| "0".repeat(64)),
            needs: needs.iter().map(|&need| need.into()).collect(),
        };
        let crates = [
            part("dial-cli", true, &["base64@0.1.0"]),
            part("base64", false, &[]),
        ];
        let first = json(&crates).unwrap();
        assert_eq!(first, json(&crates).unwrap());
        let bill: Value = serde_json::from_slice(&first).unwrap();
        assert_eq!(bill["specVersion"], "1.5");
        assert_eq!(bill["components"][1]["purl"], "pkg:cargo/base64@0.1.0");
        assert_eq!(bill["components"][1]["hashes"][0]["alg"], "SHA-256");
        let expression = &bill["components"][0]["licenses"][0]["expression"];
        assert_eq!(expression, "MIT OR Apache-2.0");
        assert_eq!(
            bill["dependencies"],
            json!([
                {"ref": "dial", "dependsOn": ["dial-cli@0.1.0"]},
                {"ref": "dial-cli@0.1.0", "dependsOn": ["base64@0.1.0"]},
                {"ref": "base64@0.1.0"},
            ])
        );
    }
}

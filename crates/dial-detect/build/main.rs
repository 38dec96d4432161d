//! Compiles the rule pack, so that no program reads YAML to start.
//!
//! Writes `pack.rs`: of every rule what the index needs, ready made, and the rest as JSON that
//! is read when the rule is first asked for. A rule that cannot be read fails the build.

#[path = "../src/engine/gate.rs"]
#[expect(dead_code, reason = "gates are judged at run time")]
mod gate;
#[path = "../src/engine/known.rs"]
mod known;
#[path = "../src/engine/outline.rs"]
mod outline;
#[path = "../src/engine/place.rs"]
mod place;
mod render;
#[path = "../src/engine/rule.rs"]
#[expect(unreachable_pub, reason = "the crate shows it to others")]
mod rule;
#[path = "../src/engine/truth.rs"]
mod truth;
#[path = "../src/engine/words.rs"]
mod words;

use outline::Outline;
use rsigma_ir::{IrRule, IrRuleMetadata, LowerOptions};
use rule::{Origin, Pack, RuleInfo};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Folder of the audit rules.
const AUDIT: &str = "audit";

/// One rule of the pack.
struct Compiled {
    digest: [u8; 32],
    info: RuleInfo,
    rule: IrRule,
    outline: Outline,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=rules");
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("rules");
    let mut paths = Vec::new();
    walk(&root, &mut paths)?;
    paths.sort();
    let mut rules = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path)?;
        let below = path.strip_prefix(&root)?;
        let name = rule::name_of(below);
        let compiled = compile(below, &name, &text);
        rules.push(compiled.map_err(|error| format!("{}: {error}", path.display()))?);
    }
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("pack.rs");
    fs::write(out, render::pack(&rules)?)?;
    Ok(())
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, paths)?;
        } else if rule::is_rule(&path) {
            paths.push(path);
        }
    }
    Ok(())
}

fn compile(file: &Path, name: &str, text: &str) -> Result<Compiled, Box<dyn Error>> {
    let collection = rsigma_parser::parse_sigma_yaml(text)?;
    if let Some(error) = collection.errors.first() {
        return Err(error.as_str().into());
    }
    let [parsed] = collection.rules.as_slice() else {
        return Err("a file of the pack holds one rule".into());
    };
    if !collection.filters.is_empty() || !collection.correlations.is_empty() {
        return Err("the pack holds neither filters nor correlations".into());
    }
    let origin = Origin {
        file: &file.display().to_string(),
        name,
        pack: if file.starts_with(AUDIT) {
            Pack::Audit
        } else {
            Pack::Core
        },
    };
    let info = RuleInfo::of(parsed, &origin)?;
    let mut rule = rsigma_ir::lower_rule(parsed, &LowerOptions::default())?;
    // The rest is in `info`; these two are what filters name a rule by.
    rule.metadata = IrRuleMetadata {
        id: Some(info.id.clone()),
        title: info.title.clone(),
        ..IrRuleMetadata::default()
    };
    let outline = Outline::of(&rule);
    Ok(Compiled {
        digest: Sha256::digest(text).into(),
        info,
        rule,
        outline,
    })
}

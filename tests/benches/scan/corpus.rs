//! The corpus: delivery files, compressed, in memory.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// A folder written by `cargo xtask corpus`.
pub(crate) struct Corpus {
    /// Its delivery files.
    pub(crate) trail: PathBuf,
    /// Number of events in them.
    pub(crate) events: f64,
    /// Their bytes.
    pub(crate) files: Vec<Vec<u8>>,
}

impl Corpus {
    pub(crate) fn read(folder: &Path) -> Self {
        let text = std::fs::read(folder.join("truth.json")).expect("truth.json");
        let truth: Value = serde_json::from_slice(&text).expect("truth.json");
        let trail = folder.join("trail");
        let paths = files_below(&trail, &["gz"]);
        let files = paths
            .iter()
            .map(|path| std::fs::read(path).expect("readable"));
        Self {
            events: truth["events"].as_f64().expect("a number"),
            files: files.collect(),
            trail,
        }
    }
}

/// All files below a folder that end so, in order.
pub(crate) fn files_below(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                folders.push(path);
            } else if extension.is_some_and(|extension| extensions.contains(&extension)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

//! The rules that the dashboard knows: given by whoever starts the master, else read from the file
//! beside the program when a page first asks.

use dial_core::catalogue::{Catalogue, FILE};
use std::io::Read as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Largest file, bytes; the one of the built-in rules has less than one.
const MAX: u64 = 16 * 1024 * 1024;

/// A catalogue that is there or can be read.
pub struct Shelf(LazyLock<Catalogue, Box<dyn FnOnce() -> Catalogue + Send>>);

/// Why a file is no catalogue.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    /// It could not be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is not what `dial rules catalogue` writes.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It is over [`MAX`].
    #[error("over {MAX} bytes")]
    Large,
}

impl Shelf {
    /// With this catalogue.
    pub fn of(catalogue: Catalogue) -> Self {
        Self(LazyLock::new(Box::new(|| catalogue)))
    }

    /// With the file beside this program; without one, with no rule. No catalogue keeps a master
    /// from starting, and accepting findings never reads it.
    pub fn beside_program() -> Self {
        let program = std::env::current_exe().ok();
        let file = program.map(|program| program.with_file_name(FILE));
        Self(LazyLock::new(Box::new(|| found(file))))
    }
}

impl Deref for Shelf {
    type Target = Catalogue;

    fn deref(&self) -> &Catalogue {
        &self.0
    }
}

fn found(file: Option<PathBuf>) -> Catalogue {
    let Some(file) = file.filter(|file| file.exists()) else {
        return Catalogue::default();
    };
    read(&file).unwrap_or_else(|error| {
        let file = file.display().to_string();
        tracing::warn!(file, %error, "the catalogue of rules cannot be read");
        Catalogue::default()
    })
}

fn read(file: &Path) -> Result<Catalogue, ReadError> {
    let mut text = Vec::new();
    std::fs::File::open(file)?
        .take(MAX + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > MAX {
        return Err(ReadError::Large);
    }
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_that_is_missing_or_broken_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let good = r#"{ "hash": "0a1b", "version": "0.1.0", "rules": [] }"#;
        for (name, text, hash) in [
            ("good", Some(good), "0a1b"),
            ("broken", Some("{"), ""),
            ("something else", Some("[]"), ""),
            ("missing", None, ""),
        ] {
            let file = folder.path().join(name);
            if let Some(text) = text {
                std::fs::write(&file, text).unwrap();
            }
            assert_eq!(found(Some(file)).hash, hash, "{name}");
        }
        assert_eq!(found(None), Catalogue::default());
    }
}

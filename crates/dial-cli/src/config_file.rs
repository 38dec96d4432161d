//! Finds and reads `dial.toml`: `--config`, then `DIAL_CONFIG`, then `./dial.toml`.

use anyhow::{Context, Result};
use dial_aws::{Clients, Location, read_object};
use dial_core::config::{self, Check};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

const DEFAULT: &str = "dial.toml";
/// Larger than any configuration; bounds what is read.
const MAX: usize = 4 * 1024 * 1024;

/// A configuration file's name and text.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    /// Where it was read, for messages; empty where there is none.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
}

impl ConfigFile {
    /// Reads the file that was asked for; without one, an empty configuration.
    pub(crate) fn find(given: Option<&Path>) -> Result<Self> {
        let asked = given
            .map(Path::to_owned)
            .or_else(|| std::env::var_os("DIAL_CONFIG").map(PathBuf::from));
        match asked {
            Some(path) => Self::read(&path),
            None if Path::new(DEFAULT).exists() => Self::read(Path::new(DEFAULT)),
            None => Ok(Self {
                name: "environment".into(),
                text: String::new(),
            }),
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let wrong = || format!("configuration {name} cannot be read");
        let location: Location = name.parse().with_context(wrong)?;
        let clients = Clients::new();
        let reading = read_object(&location, MAX, &clients);
        let bytes = crate::runtime()?.block_on(reading).with_context(wrong)?;
        let bytes = bytes.with_context(|| format!("configuration {name} does not exist"))?;
        let text = String::from_utf8(bytes).with_context(wrong)?;
        Ok(Self { name, text })
    }

    /// Reads one section, with `DIAL__…` variables over it.
    pub(crate) fn section<T: DeserializeOwned + Check>(
        &self,
        name: &str,
    ) -> Result<T, config::Problems> {
        config::section(&self.name, &self.text, name, environment())
    }
}

/// Variables that are Unicode; others cannot name a key.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
}

//! Reads the checked-in tables; a table that does not fit its shape fails with its name and line.

use super::tables;
use serde::de::DeserializeOwned;

/// Reads `tests/quality/FILE`.
///
/// # Panics
/// When it is not there or does not fit.
pub(super) fn read<T: DeserializeOwned>(file: &str) -> T {
    let path = tables().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
    toml::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"))
}

//! Finds and reads `dial.toml`.

use crate::config::Master;
use dial_core::config::{Problem, Problems, section};

/// Variable that names the file where the command line does not.
pub const VARIABLE: &str = "DIAL_CONFIG";
const DEFAULT: &str = "dial.toml";

/// Reads `[master]` from `path`, else from the file that `DIAL_CONFIG` names, else `./dial.toml`.
pub fn load(path: Option<&str>) -> Result<Master, Problems> {
    let named = path.map(str::to_owned).or(std::env::var(VARIABLE).ok());
    let file = named.unwrap_or_else(|| DEFAULT.into());
    let text = std::fs::read_to_string(&file).map_err(|error| Problems {
        file: file.clone(),
        list: vec![Problem {
            line: None,
            path: String::new(),
            message: format!("cannot be read: {error}; name it with --config or {VARIABLE}"),
        }],
    })?;
    section(&file, &text, "master", std::env::vars())
}

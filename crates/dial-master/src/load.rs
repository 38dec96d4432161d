//! Finds and reads `dial.toml`.

use crate::config::Master;
use dial_aws::{Clients, Location, read_object};
use dial_core::config::{Problem, Problems, section};

/// Variable that names the file where the command line does not.
pub const VARIABLE: &str = "DIAL_CONFIG";
const DEFAULT: &str = "dial.toml";
/// Largest file, bytes.
const LIMIT: usize = 1024 * 1024;

/// Reads `[master]` from `path`, else from what `DIAL_CONFIG` names (a file or `s3://…`), else
/// from `./dial.toml`.
pub async fn load(path: Option<&str>, clients: &Clients) -> Result<Master, Problems> {
    let named = path.map(str::to_owned).or(std::env::var(VARIABLE).ok());
    let file = named.unwrap_or_else(|| DEFAULT.into());
    let unreadable = |why: &str| Problems {
        file: file.clone(),
        list: vec![Problem {
            line: None,
            path: String::new(),
            message: format!("cannot be read: {why}; name another with --config or {VARIABLE}"),
        }],
    };
    let location: Location = file
        .parse()
        .map_err(|e: dial_aws::LocationError| unreadable(&e.to_string()))?;
    let bytes = read_object(&location, LIMIT, clients)
        .await
        .map_err(|e| unreadable(&e.to_string()))?
        .ok_or_else(|| unreadable("there is none"))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8"))?;
    section(&file, &text, "master", std::env::vars())
}

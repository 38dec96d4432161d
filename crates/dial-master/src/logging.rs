//! Logs: one JSON object a line on standard error, so that no input can forge a line.

use tracing_subscriber::EnvFilter;

/// Variable that chooses what is logged, such as `info` or `dial_master=debug`.
const FILTER: &str = "DIAL_LOG";

/// Starts logging; a second call changes nothing.
pub fn start() {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}

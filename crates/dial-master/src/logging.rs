//! Logs: one JSON object a line on standard error, so that no input can forge a line.

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Variable that chooses what is logged, such as `info` or `dial_master=debug`.
const FILTER: &str = "DIAL_LOG";

/// Starts logging; a second call changes nothing.
pub fn start() {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let _ = lines(std::io::stderr, filter).try_init();
}

/// What writes events as lines.
pub(crate) fn lines<W>(out: W, filter: EnvFilter) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(out)
        // A full disk must not become a panic: the library would say so on standard error.
        .log_internal_errors(false)
        .finish()
}

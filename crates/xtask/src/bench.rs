//! stub
use clap::Args;
/// What to measure.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {}
pub(crate) fn bench(_options: &Options) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}

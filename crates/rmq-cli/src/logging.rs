//! Where the libraries' log goes: nowhere, unless somebody asks.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// Sends events that pass the filter to standard error.
pub(crate) fn start(filter: Option<&str>) -> anyhow::Result<()> {
    let Some(filter) = filter.map(str::trim).filter(|filter| !filter.is_empty()) else { return Ok(()) };
    let filter = EnvFilter::try_new(filter)
        .context("--log is no filter: write for example debug, or rmq_remoting=trace,info")?;
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
    Ok(())
}

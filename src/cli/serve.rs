//! `mooring serve`.

use std::path::Path;

use crate::app;
use crate::config;
use crate::telemetry::Metrics;

use super::error::CliError;

/// Runs the daemon until it is told to stop.
pub(super) async fn serve(config: &Path) -> Result<u8, CliError> {
    let settings = config::load(config)?;
    for warning in &settings.warnings {
        tracing::warn!("{}: {warning}", config.display());
    }
    app::serve(settings, Metrics::install()?).await?;
    Ok(0)
}

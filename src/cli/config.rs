//! `mooring config`: validate, schema, example, tables.

use clap::Subcommand;

use crate::config::{example, load, schema};

use super::ConfigFile;
use super::error::CliError;
use super::output::print;
use super::tables::{self, TablesArgs};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Validate the configuration: every mistake with file, line, cause and remedy.
    Check(ConfigFile),
    /// Print the JSON Schema, for editors and CI.
    Schema,
    /// Print a commented example.
    Example,
    /// Print the tables by which findings are judged: severity, noise, what cannot be undone.
    Tables(TablesArgs),
}

/// Does it.
pub(super) fn config(command: &ConfigCommand) -> Result<u8, CliError> {
    match command {
        ConfigCommand::Check(args) => {
            let settings = load(&args.config)?;
            let (sources, notifiers) = (settings.sources.len(), settings.notify.notifiers.len());
            print(&format!(
                "{}: valid ({sources} sources, {notifiers} notifiers)\n",
                args.config.display()
            ))?;
        }
        ConfigCommand::Schema => print(&schema())?,
        ConfigCommand::Example => print(&example())?,
        ConfigCommand::Tables(args) => tables::tables(args)?,
    }
    Ok(0)
}

//! `mooring config`: validate, schema, example, tables, templates.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::config::{example, load, schema};
use crate::notify::{ABOUT, Part};

use super::ConfigFile;
use super::error::CliError;
use super::output::print;
use super::report::policies;
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
    /// Tell what templates of mails can use, or write the built-in ones, to begin with.
    Templates(TemplatesArgs),
}

/// Arguments of `config templates`.
#[derive(Debug, Args)]
pub(super) struct TemplatesArgs {
    /// Write the built-in templates into this directory; files that are there are left alone.
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Does it.
pub(super) fn config(command: &ConfigCommand) -> Result<u8, CliError> {
    match command {
        ConfigCommand::Check(args) => {
            let settings = load(&args.config)?;
            policies(&settings)?;
            for warning in &settings.warnings {
                print(&format!("{}: warning: {warning}\n", args.config.display()))?;
            }
            let (sources, notifiers) = (settings.sources.len(), settings.notify.notifiers.len());
            print(&format!(
                "{}: valid ({sources} sources, {notifiers} notifiers)\n",
                args.config.display()
            ))?;
        }
        ConfigCommand::Schema => print(&schema())?,
        ConfigCommand::Example => print(&example())?,
        ConfigCommand::Tables(args) => tables::tables(args)?,
        ConfigCommand::Templates(args) => match &args.output {
            Some(directory) => write_templates(directory)?,
            None => print(ABOUT)?,
        },
    }
    Ok(0)
}

/// What people have written is never overwritten.
fn write_templates(directory: &Path) -> Result<(), CliError> {
    let failed = |path: &Path, cause| CliError::Write {
        name: path.display().to_string(),
        cause,
    };
    fs::create_dir_all(directory).map_err(|cause| failed(directory, cause))?;
    for part in Part::ALL {
        let path = directory.join(part.file());
        if path.exists() {
            print(&format!("{} is there already\n", path.display()))?;
            continue;
        }
        fs::write(&path, part.built_in()).map_err(|cause| failed(&path, cause))?;
        print(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

//! `mooring config`: validate, schema, example, tables, templates.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::config::{example, load, parse_repository, repository_schema, schema};
use crate::discover::SETTINGS_FILE;
use crate::notify::{ABOUT, Part};

use super::ConfigFile;
use super::error::CliError;
use super::output::print;
use super::report::policies;
use super::tables::{self, TablesArgs};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Validate the configuration, or the `.mooring.yaml` of a repository: every mistake with file, line,
    /// cause and remedy.
    Check(CheckArgs),
    /// Print the JSON Schema, for editors and CI.
    Schema(SchemaArgs),
    /// Print a commented example.
    Example,
    /// Print the tables by which findings are judged: severity, noise, what cannot be undone.
    Tables(TablesArgs),
    /// Tell what templates of mails can use, or write the built-in ones, to begin with.
    Templates(TemplatesArgs),
}

/// Arguments of `config check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The file; one called `.mooring.yaml` is that of a repository. Default: that of `--config`.
    file: Option<PathBuf>,
    #[command(flatten)]
    configuration: ConfigFile,
}

/// Arguments of `config schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// That of `.mooring.yaml`, which stands in a repository.
    #[arg(long)]
    repository: bool,
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
            let file = args.file.as_ref().unwrap_or(&args.configuration.config);
            if file.file_name().is_some_and(|name| name == SETTINGS_FILE) {
                check_repository(file)?;
            } else {
                check(file)?;
            }
        }
        ConfigCommand::Schema(args) if args.repository => print(&repository_schema())?,
        ConfigCommand::Schema(_) => print(&schema())?,
        ConfigCommand::Example => print(&example())?,
        ConfigCommand::Tables(args) => tables::tables(args)?,
        ConfigCommand::Templates(args) => match &args.output {
            Some(directory) => write_templates(directory)?,
            None => print(ABOUT)?,
        },
    }
    Ok(0)
}

fn check(file: &Path) -> Result<(), CliError> {
    let settings = load(file)?;
    policies(&settings)?;
    let name = file.display();
    for warning in &settings.warnings {
        print(&format!("{name}: warning: {warning}\n"))?;
    }
    let (sources, notifiers) = (settings.sources.len(), settings.notify.notifiers.len());
    print(&format!(
        "{name}: valid ({sources} sources, {notifiers} notifiers)\n"
    ))
}

fn check_repository(file: &Path) -> Result<(), CliError> {
    let name = file.display().to_string();
    let bytes = fs::read(file).map_err(|cause| CliError::Usage {
        message: format!("{name} cannot be read: {cause}"),
        hint: "name a file that exists and may be read".to_owned(),
    })?;
    let said = parse_repository(&bytes, &name)?;
    let rules = said.policy.rules.len();
    print(&format!("{name}: valid ({rules} rules)\n"))
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

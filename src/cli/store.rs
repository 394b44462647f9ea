//! `mooring store`: where the records are, moved, backed up and put back.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::app::records::{self, Done};
use crate::config;

use super::ConfigFile;
use super::error::CliError;
use super::output::print;
use super::remote::table;

/// What to do with the records.
#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Move all records from the file in the data directory to the PostgreSQL database of the
    /// configuration, or back. The daemon has to be stopped, and the new place empty.
    MigrateTo(MigrateArgs),
    /// Write all records, as they are now, into a new file. The daemon may be at work.
    Backup(FileArgs),
    /// Put the records of a backup into an empty database. The daemon has to be stopped.
    Restore(FileArgs),
}

/// Where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// The database that `store` in the configuration names.
    Postgres,
    /// A file in the data directory.
    Sqlite,
}

/// Arguments of `store migrate-to`.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// Where they go. For both ways the configuration has to name the PostgreSQL database.
    #[arg(value_enum)]
    to: Engine,
    #[command(flatten)]
    configuration: ConfigFile,
}

/// Arguments of `store backup` and `store restore`.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// The backup: an SQLite file, wherever the records are.
    file: PathBuf,
    #[command(flatten)]
    configuration: ConfigFile,
}

/// `mooring store`.
pub(super) async fn store(command: StoreCommand) -> Result<u8, CliError> {
    let configuration = match &command {
        StoreCommand::MigrateTo(args) => &args.configuration,
        StoreCommand::Backup(args) | StoreCommand::Restore(args) => &args.configuration,
    };
    let settings = config::load(&configuration.config)?;
    let done = match &command {
        StoreCommand::MigrateTo(args) => match args.to {
            Engine::Postgres => records::to_server(&settings).await?,
            Engine::Sqlite => records::to_file(&settings).await?,
        },
        StoreCommand::Backup(args) => records::backup(&settings, &args.file).await?,
        StoreCommand::Restore(args) => records::restore(&settings, &args.file).await?,
    };
    tell(&done)
}

/// What was brought over, and what to do now. A chain that did not hold before is told and makes the
/// exit code 1: nothing was lost, but somebody ought to look.
fn tell(done: &Done) -> Result<u8, CliError> {
    let mut rows = table(&["TABLE", "ROWS", "SHA-256"]);
    for sum in &done.records.tables {
        let digest = sum.digest.get(..16).unwrap_or(&sum.digest).to_owned();
        rows.add_row([sum.name.clone(), sum.rows.to_string(), digest]);
    }
    print(&format!("{rows}\nread back and compared: all the same\n"))?;
    let code = match &done.records.audit {
        Ok(head) => {
            let (hash, seq) = (&head.hash, head.seq);
            print(&format!(
                "audit log: the chain holds, head {hash} (entry {seq})\n"
            ))?;
            0
        }
        Err(broken) => {
            print(&format!(
                "audit log: brought over as it was, but the chain does not hold {broken}\n"
            ))?;
            1
        }
    };
    print(&format!("{}\n", done.next))?;
    Ok(code)
}

//! `mooring artifacts`: what is kept of a run.

use std::path::PathBuf;

use clap::Args;

use super::client::{Client, ServerArgs};
use super::error::CliError;
use super::output::{self, print};
use super::remote::{ListFormat, ago, items, table, text};

/// Arguments of `artifacts`.
#[derive(Debug, Args)]
pub(super) struct ArtifactsArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The run, as `mooring runs` lists it.
    run: String,
    /// The artifact to write; without it they are listed.
    name: Option<String>,
    /// Write it to a file instead of standard output.
    #[arg(long, short, value_name = "FILE", requires = "name")]
    output: Option<PathBuf>,
    /// Form of the list.
    #[arg(long, value_enum, default_value_t, conflicts_with = "name")]
    format: ListFormat,
}

/// `mooring artifacts`.
pub(super) async fn artifacts(args: ArtifactsArgs) -> Result<u8, CliError> {
    output::require_writable(args.output.as_deref())?;
    let client = Client::new(&args.server)?;
    if let Some(name) = &args.name {
        let path = ["runs", &args.run, "artifacts", name];
        let bytes = client.bytes(&path, &[]).await?;
        output::deliver(&bytes, args.output.as_deref())?;
        return Ok(0);
    }
    let answer = client.get(&["runs", &args.run, "artifacts"], &[]).await?;
    if args.format == ListFormat::Json {
        print(&format!("{answer:#}\n"))?;
        return Ok(0);
    }
    let mut table = table(&["NAME", "BYTES", "TYPE", "KEPT"]);
    for artifact in items(&answer, "artifacts") {
        table.add_row([
            text(&artifact["name"]),
            text(&artifact["bytes"]),
            text(&artifact["content_type"]),
            ago(&artifact["at"]),
        ]);
    }
    print(&format!("{table}\n"))?;
    Ok(0)
}

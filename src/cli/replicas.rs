//! `mooring replicas`: the processes that share the database, and what each has.

use clap::Args;

use super::CliError;
use super::client::{Client, ServerArgs};
use super::output::print;
use super::remote::{ListFormat, items, table, text};

/// Arguments of `replicas`.
#[derive(Debug, Args)]
pub(super) struct ReplicasArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Form of the list.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// `mooring replicas`.
pub(super) async fn replicas(args: ReplicasArgs) -> Result<u8, CliError> {
    let client = Client::new(&args.server)?;
    let answer = client.get(&["replicas"], &[]).await?;
    if args.format == ListFormat::Json {
        print(&format!("{answer:#}\n"))?;
        return Ok(0);
    }
    if answer["answered"].is_null() {
        print("one daemon has the database, a file, to itself\n")?;
        return Ok(0);
    }
    let mut table = table(&[
        "REPLICA",
        "NAME",
        "VERSION",
        "CONFIGURATION",
        "RUNS",
        "LEADS",
    ]);
    for replica in items(&answer, "replicas") {
        let configuration = text(&replica["configuration"]);
        let leads = match replica["leads"].as_bool() {
            Some(true) => "yes",
            Some(false) | None => "",
        };
        let runs = format!("{} of {}", text(&replica["runs"]), text(&replica["jobs"]));
        table.add_row([
            text(&replica["replica"]),
            text(&replica["name"]),
            text(&replica["version"]),
            configuration.chars().take(12).collect(),
            runs,
            leads.to_owned(),
        ]);
    }
    print(&format!("{table}\n"))?;
    Ok(0)
}

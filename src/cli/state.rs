//! `mooring state`: snapshots of a stack's state, and the way back to one.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::CliError;
use super::client::{ByArgs, Client, ServerArgs};
use super::output::{self, print};
use super::remote::{ListFormat, ago, items, table, text};
use crate::domain::shell::quoted;

/// What can be done with snapshots.
#[derive(Debug, Subcommand)]
pub(super) enum StateCommand {
    /// List the snapshots of a stack's state.
    List(ListArgs),
    /// Write the state in a snapshot, with every secret that is in it.
    Show(ShowArgs),
    /// Put a snapshot in the place of the state there is.
    ///
    /// Without --confirm it changes nothing: it says what that would mean, what stands against it, and
    /// what to confirm. Afterwards the stack is on hold until `mooring resume`.
    Restore(RestoreArgs),
}

/// Arguments of `state list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The stack, as `mooring stacks` lists it.
    stack: String,
    /// Form of the list.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// Arguments of `state show`.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The stack, as `mooring stacks` lists it.
    stack: String,
    /// The snapshot, as `mooring state list` lists it.
    snapshot: String,
    /// Write it to a file that only you can read, instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    by: ByArgs,
}

/// Arguments of `state restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The stack, as `mooring stacks` lists it.
    stack: String,
    /// The snapshot, as `mooring state list` lists it.
    snapshot: String,
    /// An object that the state has and the snapshot lacks, and that may be forgotten: it goes on to
    /// exist, and nothing manages it. Give each one.
    #[arg(long, value_name = "ADDRESS")]
    forget: Vec<String>,
    /// The snapshot may be of another lineage than the state.
    #[arg(long)]
    other_lineage: bool,
    /// Do it: what was printed without this.
    #[arg(long, value_name = "DIGEST")]
    confirm: Option<String>,
    #[command(flatten)]
    by: ByArgs,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// `mooring state`.
pub(super) async fn state(command: StateCommand) -> Result<u8, CliError> {
    match command {
        StateCommand::List(args) => list(args).await,
        StateCommand::Show(args) => show(args).await,
        StateCommand::Restore(args) => restore(args).await,
    }
}

async fn list(args: ListArgs) -> Result<u8, CliError> {
    let path = ["stacks", args.stack.as_str(), "snapshots"];
    let answer = Client::new(&args.server)?.get(&path, &[]).await?;
    if args.format == ListFormat::Json {
        print(&format!("{answer:#}\n"))?;
        return Ok(0);
    }
    let mut table = table(&["SNAPSHOT", "MADE", "REASON", "SERIAL", "LINEAGE", "OBJECTS"]);
    for snapshot in items(&answer, "snapshots") {
        table.add_row([
            text(&snapshot["snapshot"]),
            ago(&snapshot["made_at"]),
            text(&snapshot["reason"]).replace('_', " "),
            text(&snapshot["serial"]),
            text(&snapshot["lineage"]),
            text(&snapshot["objects"]),
        ]);
    }
    print(&format!("{table}\n"))?;
    Ok(0)
}

async fn show(args: ShowArgs) -> Result<u8, CliError> {
    output::require_writable(args.output.as_deref())?;
    let path = ["stacks", &args.stack, "snapshots", &args.snapshot, "open"];
    let client = Client::new(&args.server)?;
    let state = client.post_for_bytes(&path, &client.by(args.by)).await?;
    match &args.output {
        Some(path) => write_private(path, &state)?,
        None => output::deliver(&state, None)?,
    }
    Ok(0)
}

/// A state holds secrets, so a new file is readable by its owner only.
fn write_private(path: &Path, state: &[u8]) -> Result<(), CliError> {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    let written = file.and_then(|mut file| file.write_all(state));
    written.map_err(|cause| CliError::Write {
        name: path.display().to_string(),
        cause,
    })
}

async fn restore(args: RestoreArgs) -> Result<u8, CliError> {
    let path = [
        "stacks",
        &args.stack,
        "snapshots",
        &args.snapshot,
        "restore",
    ];
    let client = Client::new(&args.server)?;
    let by = client
        .by(args.by.clone())
        .into_iter()
        .next()
        .map(|(_, by)| by);
    let body = json!({
        "by": by,
        "choices": {"forget": args.forget, "other_lineage": args.other_lineage},
        "confirm": args.confirm,
    });
    let answer = client.post_json(&path, &body).await?;
    if args.format == ListFormat::Json {
        print(&format!("{answer:#}\n"))?;
    } else {
        print(&told(&answer, &args))?;
    }
    Ok(0)
}

/// What putting a snapshot back means, or that it is done.
fn told(answer: &Value, args: &RestoreArgs) -> String {
    let mut lines = Vec::new();
    let (now, then) = (&answer["now"], &answer["then"]);
    if now.is_null() {
        lines.push("The state: there is none".to_owned());
    } else {
        lines.push(format!(
            "The state:     serial {}, lineage {}",
            text(&now["serial"]),
            text(&now["lineage"])
        ));
    }
    lines.push(format!(
        "The snapshot:  serial {}, lineage {}",
        text(&then["serial"]),
        text(&then["lineage"])
    ));
    for (key, what) in [
        (
            "forgotten",
            "Forgotten (they go on to exist, and nothing manages them)",
        ),
        ("returning", "Back in the state (whether they exist or not)"),
    ] {
        let mut objects = items(answer, key).peekable();
        if objects.peek().is_some() {
            lines.push(format!("{what}:"));
            lines.extend(objects.map(|address| format!("  {}", text(address))));
        }
    }
    let mut different = items(answer, "different").peekable();
    if different.peek().is_some() {
        lines.push("Recorded differently:".to_owned());
        lines.extend(different.map(|object| {
            let names: Vec<String> = items(object, "attributes").map(text).collect();
            format!("  {} ({})", text(&object["address"]), names.join(", "))
        }));
    }
    lines.push(format!("The same in both: {}", text(&answer["same"])));
    if answer["restored"] == true {
        lines.push(format!(
            "Restored as serial {}; the stack is planned now, and on hold until: mooring resume {}",
            text(&answer["serial"]),
            quoted(&args.stack)
        ));
        if !answer["before"].is_null() {
            lines.push(format!(
                "What was there is kept as {}",
                text(&answer["before"])
            ));
        }
    } else if answer["confirm"].is_null() {
        lines.push("Nothing was changed. Against it stands:".to_owned());
        lines.extend(items(answer, "objections").map(|said| format!("  {}", text(said))));
    } else {
        lines.push("Nothing was changed. To do exactly this:".to_owned());
        let forget = args.forget.iter();
        let forget: String = forget
            .map(|address| format!(" --forget {}", quoted(address)))
            .collect();
        let lineage = if args.other_lineage {
            " --other-lineage"
        } else {
            ""
        };
        lines.push(format!(
            "  mooring state restore {} {}{forget}{lineage} --confirm {}",
            quoted(&args.stack),
            quoted(&args.snapshot),
            text(&answer["confirm"])
        ));
    }
    lines.join("\n") + "\n"
}

//! `mooring audit`: who did what, as a list, as a file, and whether the chain holds.

mod file;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::Value;

use crate::domain::audit::Entry;
use crate::domain::posture::Moment;
use crate::report::terminal;

use super::CliError;
use super::client::{Client, ServerArgs};
use super::output::{deliver, print, require_writable};
use super::remote::{ListFormat, table, text};

use verify::VerifyArgs;

/// Entries asked for at once.
const PAGE: usize = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List the newest entries.
    List(ListArgs),
    /// Write the entries, oldest first, in a form that can be verified without the daemon.
    Export(ExportArgs),
    /// Say whether nothing in the log was altered, removed, put in or moved: exit code 0 if so.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Only what is about this stack.
    #[arg(long)]
    stack: Option<String>,
    /// How many, newest first.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Form of the list.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// How entries are written to a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// A line of JSON each.
    #[default]
    Jsonl,
    /// A row each, below a header.
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Only from this time on: how long ago (`7d`, `24h`, `2w`), a day (`2026-11-18`, UTC) or a time.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Form of the entries.
    #[arg(long, value_enum, default_value_t)]
    format: ExportFormat,
    /// Write them to a file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `mooring audit`.
pub(super) async fn audit(command: AuditCommand) -> Result<u8, CliError> {
    match command {
        AuditCommand::List(args) => list(args).await,
        AuditCommand::Export(args) => export(args).await,
        AuditCommand::Verify(args) => verify::verify(args).await,
    }
}

async fn list(args: ListArgs) -> Result<u8, CliError> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.stack.map(|stack| ("stack", stack)));
    let answer = Client::new(&args.server)?.get(&["audit"], &query).await?;
    if args.format == ListFormat::Json {
        print(&format!("{answer:#}\n"))?;
        return Ok(0);
    }
    let mut table = table(&["ENTRY", "AT", "WHO", "WHAT", "ABOUT"]);
    for entry in entries(answer)? {
        table.add_row([
            entry.seq.to_string(),
            entry.at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            terminal(&entry.who()),
            what(&entry),
            about(&entry.subject),
        ]);
    }
    print(&format!("{table}\n"))?;
    Ok(0)
}

/// What was done, with what tells most about it.
fn what(entry: &Entry) -> String {
    let done = terminal(&entry.action).replace('_', " ");
    let details = &entry.details;
    let told = [
        &details["outcome"]["kind"],
        &details["name"],
        &details["version"],
    ];
    match told.into_iter().find(|value| !value.is_null()) {
        Some(told) => format!("{done}: {}", text(told).replace('_', " ")),
        None => done,
    }
}

/// What it was done to: the stack, and the rest by its kind.
fn about(subject: &Value) -> String {
    let fields = subject.as_object().into_iter().flatten();
    let (stack, others): (Vec<_>, Vec<_>) = fields.partition(|(name, _)| *name == "stack");
    let stack = stack.into_iter().map(|(_, stack)| text(stack));
    let others = others
        .into_iter()
        .map(|(name, id)| format!("{} {}", terminal(name), text(id)));
    let parts: Vec<String> = stack.chain(others).collect();
    if parts.is_empty() {
        "-".to_owned()
    } else {
        parts.join(", ")
    }
}

async fn export(args: ExportArgs) -> Result<u8, CliError> {
    let since = args.since.as_deref().map(moment).transpose()?;
    require_writable(args.output.as_deref())?;
    let mut file = match args.format {
        ExportFormat::Jsonl => file::Writer::lines(),
        ExportFormat::Csv => file::Writer::rows()?,
    };
    let client = Client::new(&args.server)?;
    each(&client, since, |entry| file.write(&entry)).await?;
    deliver(file.end()?, args.output.as_deref())?;
    Ok(0)
}

fn moment(text: &str) -> Result<Timestamp, CliError> {
    let moment: Moment = text.parse().map_err(|_| CliError::Usage {
        message: format!("`{text}` is no time"),
        hint: "write how long ago (`7d`, `24h`, `2w`), a day (`2026-11-18`) or a time \
               (`2026-11-18T08:00:00Z`)"
            .to_owned(),
    })?;
    Ok(moment.before(Timestamp::now()))
}

/// Every entry of the daemon's log from a time on, oldest first.
async fn each(
    client: &Client,
    since: Option<Timestamp>,
    mut take: impl FnMut(Entry) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut after = 0;
    loop {
        let mut query = vec![("after", after.to_string()), ("limit", PAGE.to_string())];
        query.extend(since.map(|since| ("since", since.to_string())));
        let page = entries(client.get(&["audit"], &query).await?)?;
        let Some(last) = page.last().map(|entry| entry.seq.max(after + 1)) else {
            return Ok(());
        };
        after = last;
        page.into_iter().try_for_each(&mut take)?;
    }
}

fn entries(mut answer: Value) -> Result<Vec<Entry>, CliError> {
    serde_json::from_value(answer["entries"].take()).map_err(|error| CliError::Daemon {
        message: format!("the answer is no audit log: {error}"),
        hint: "is this a mooring daemon, and of this version?".to_owned(),
    })
}

//! `mooring messages`: what people were told and what they were not, and sending it again.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::CliError;
use super::client::{ByArgs, Client, ServerArgs};
use super::output::print;
use super::remote::{ListFormat, ago, items, moment, table, text};

/// Arguments of `messages`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct MessagesArgs {
    #[command(subcommand)]
    command: Option<MessagesCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum MessagesCommand {
    /// Show one message with its text.
    Show(ShowArgs),
    /// Have messages that were given up sent again, as the same messages.
    Retry(RetryArgs),
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum State {
    /// To be sent.
    Waiting,
    /// The receiver accepted it.
    Delivered,
    /// It will not be tried again.
    GivenUp,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Only messages in this state.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only messages to this receiver.
    #[arg(long, value_name = "NAME")]
    notifier: Option<String>,
    /// How many, newest first.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Form of the list.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The message, as `mooring messages` lists it.
    message: String,
    /// Form of the message.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

#[derive(Debug, Args)]
struct RetryArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The messages, as `mooring messages` lists them.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    messages: Vec<String>,
    /// All that were given up.
    #[arg(long)]
    all: bool,
    /// With --all, only those to this receiver.
    #[arg(long, value_name = "NAME", requires = "all")]
    notifier: Option<String>,
    #[command(flatten)]
    by: ByArgs,
}

/// `mooring messages`.
pub(super) async fn messages(args: MessagesArgs) -> Result<u8, CliError> {
    match args.command {
        None => list(args.list).await,
        Some(MessagesCommand::Show(args)) => show(args).await,
        Some(MessagesCommand::Retry(args)) => retry(args).await,
    }
}

async fn list(args: ListArgs) -> Result<u8, CliError> {
    let mut query = vec![("limit", args.limit.to_string())];
    let state = args.state.and_then(|state| state.to_possible_value());
    query.extend(state.map(|state| ("state", state.get_name().to_owned())));
    query.extend(args.notifier.map(|notifier| ("notifier", notifier)));
    let client = Client::new(&args.server)?;
    let answer = client.get(&["messages"], &query).await?;
    if args.format == ListFormat::Json {
        print(&format!("{answer:#}\n"))?;
        return Ok(0);
    }
    let mut table = table(&["MESSAGE", "MADE", "TO", "STATE", "TRIES", "ABOUT"]);
    for message in items(&answer, "messages") {
        table.add_row([
            text(&message["id"]),
            ago(&message["created_at"]),
            to(message),
            text(&message["state"]).replace('_', " "),
            text(&message["attempts"]),
            text(&message["about"]),
        ]);
    }
    let mut out = format!("{table}\n");
    for message in items(&answer, "messages").filter(|message| !message["last_error"].is_null()) {
        out.push_str(&format!(
            "{}: {}\n",
            text(&message["id"]),
            text(&message["last_error"])
        ));
    }
    let channels = client.get(&["channels"], &[]).await?;
    for channel in items(&channels, "channels").filter(|channel| channel["state"] != "closed") {
        out.push_str(&format!(
            "{} takes no messages since {}: {} waiting, {} given up: {}\n",
            text(&channel["name"]),
            ago(&channel["since"]),
            text(&channel["waiting"]),
            text(&channel["given_up"]),
            text(&channel["last_error"])
        ));
    }
    print(&out)?;
    Ok(0)
}

fn to(message: &Value) -> String {
    let notifier = text(&message["notifier"]);
    if message["recipient"].is_null() {
        notifier
    } else {
        format!("{notifier}: {}", text(&message["recipient"]))
    }
}

async fn show(args: ShowArgs) -> Result<u8, CliError> {
    let path = ["messages", args.message.as_str()];
    let message = Client::new(&args.server)?.get(&path, &[]).await?;
    if args.format == ListFormat::Json {
        print(&format!("{message:#}\n"))?;
        return Ok(0);
    }
    let mut out = String::new();
    let mut row = |name: &str, value: String| out.push_str(&format!("{name:<11} {value}\n"));
    row("message", text(&message["id"]));
    row("to", to(&message));
    row("about", text(&message["about"]));
    row("state", text(&message["state"]).replace('_', " "));
    row("tries", text(&message["attempts"]));
    for (name, field) in [
        ("made", "created_at"),
        ("delivered", "delivered_at"),
        ("next try", "next_at"),
        ("last error", "last_error"),
    ] {
        if !message[field].is_null() {
            row(name, moment(&message[field]));
        }
    }
    // The text has lines of its own.
    let said = message["text"].as_str().unwrap_or_default();
    let said: Vec<String> = said.lines().map(crate::report::terminal).collect();
    out.push_str(&format!("\n{}\n", said.join("\n").trim_end()));
    print(&out)?;
    Ok(0)
}

async fn retry(args: RetryArgs) -> Result<u8, CliError> {
    let client = Client::new(&args.server)?;
    let mut query = client.by(args.by);
    if args.all {
        query.extend(args.notifier.map(|notifier| ("notifier", notifier)));
        let answer = client.post_with(&["messages", "retry"], &query).await?;
        let count = answer["messages"].as_u64().unwrap_or_default();
        print(&format!("to be sent again: {count}\n"))?;
        return Ok(0);
    }
    for message in &args.messages {
        let path = ["messages", message.as_str(), "retry"];
        client.post_with(&path, &query).await?;
        print(&format!(
            "to be sent again: {}\n",
            crate::report::terminal(message)
        ))?;
    }
    Ok(0)
}

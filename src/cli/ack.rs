//! `mooring ack`: a person takes the troubles of a stack on, or those of one cause.

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::CliError;
use super::client::{ByArgs, Client, ServerArgs};
use super::output::print;
use super::remote::moment;

/// Arguments of `ack`.
#[derive(Debug, Args)]
pub(super) struct AckArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The stack, as `mooring stacks` lists it.
    #[arg(required_unless_present = "cause", conflicts_with = "cause")]
    stack: Option<String>,
    /// The cause that several stacks have in common, as a message about them names it.
    #[arg(long, value_name = "KEY")]
    cause: Option<String>,
    /// For how long (`4h`, `2d`); without it until the trouble grows.
    #[arg(long = "for", value_name = "DURATION")]
    duration: Option<String>,
    /// Why, for the others.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    by: ByArgs,
}

/// `mooring ack`.
pub(super) async fn ack(args: AckArgs) -> Result<u8, CliError> {
    let client = Client::new(&args.server)?;
    let mut query = client.by(args.by);
    if let Some(duration) = &args.duration {
        query.push(("until", end(duration)?.to_string()));
    }
    query.extend(args.reason.map(|reason| ("reason", reason)));
    let path = match (&args.stack, &args.cause) {
        (Some(stack), _) => ["stacks", stack.as_str(), "ack"],
        (None, cause) => ["causes", cause.as_deref().unwrap_or_default(), "ack"],
    };
    let answer = client.post_with(&path, &query).await?;
    let alerts = answer["alerts"].as_u64().unwrap_or_default();
    let until = match &answer["until"] {
        Value::Null => "the trouble grows".to_owned(),
        until => moment(until),
    };
    print(&format!("acknowledged until {until}: {alerts} open\n"))?;
    Ok(0)
}

pub(super) fn end(duration: &str) -> Result<Timestamp, CliError> {
    let wrong = || CliError::Usage {
        message: format!("`{duration}` is no time to come"),
        hint: "write for example `--for 4h` or `--for 48h`".to_owned(),
    };
    let duration: SignedDuration = duration.parse().map_err(|_| wrong())?;
    if !duration.is_positive() {
        return Err(wrong());
    }
    Timestamp::now().checked_add(duration).map_err(|_| wrong())
}

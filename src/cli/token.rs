//! `mooring token`: tokens of people for the API.

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::Value;

use crate::domain::identity::{Scope, UnknownScope};

use super::CliError;
use super::client::{ByArgs, Client, ServerArgs};
use super::output::{note, print};
use super::remote::{ListFormat, ago, items, table, text};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token for a person, and print it: it is told this once.
    Create(CreateArgs),
    /// List the tokens, without what opens anything.
    List(ListArgs),
    /// Take tokens back, for good.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The person's name, by which everything done with the token is recorded.
    #[arg(long)]
    name: String,
    /// The groups that the person is in.
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    groups: Vec<String>,
    /// The person's mail addresses, as commits name them.
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    emails: Vec<String>,
    /// What it opens: `read` what there is to see, `plan` stacks now, `ack` troubles and have messages
    /// sent again, `approve` what changes something, `admin` tokens.
    #[arg(long, value_name = "SCOPE", value_delimiter = ',', required = true, value_parser = scope)]
    scopes: Vec<Scope>,
    /// For how long (`12h`, `90d`, `1y`).
    #[arg(long, value_name = "DURATION", default_value = "90d")]
    expires: String,
    #[command(flatten)]
    by: ByArgs,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Form of the list.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The ids of the tokens, as `mooring token list` shows them.
    #[arg(required = true)]
    tokens: Vec<String>,
    #[command(flatten)]
    by: ByArgs,
}

fn scope(word: &str) -> Result<Scope, UnknownScope> {
    word.parse()
}

/// `mooring token`.
pub(super) async fn token(command: TokenCommand) -> Result<u8, CliError> {
    match command {
        TokenCommand::Create(args) => create(args).await,
        TokenCommand::List(args) => list(args).await,
        TokenCommand::Revoke(args) => revoke(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<u8, CliError> {
    let expires = end(&args.expires, Timestamp::now())?;
    let scopes: Vec<&str> = args.scopes.iter().map(|scope| scope.as_str()).collect();
    let client = Client::new(&args.server)?;
    let mut query = client.by(args.by);
    query.extend([
        ("name", args.name),
        ("groups", args.groups.join(",")),
        ("emails", args.emails.join(",")),
        ("scopes", scopes.join(",")),
        ("expires_at", expires.to_string()),
    ]);
    let answer = client.post_with(&["tokens"], &query).await?;
    // Alone on standard output, so that it can be put where it belongs.
    print(&format!("{}\n", text(&answer["token"])))?;
    note(&format!(
        "This is the only time that it is shown. Its id is {}; it opens {} for {} until {}.",
        text(&answer["id"]),
        words(&answer["scopes"]),
        text(&answer["name"]),
        text(&answer["expires_at"]),
    ));
    Ok(0)
}

async fn list(args: ListArgs) -> Result<u8, CliError> {
    let answer = Client::new(&args.server)?.get(&["tokens"], &[]).await?;
    if args.format == ListFormat::Json {
        print(&format!("{answer:#}\n"))?;
        return Ok(0);
    }
    let header = [
        "TOKEN", "NAME", "GROUPS", "SCOPES", "STATE", "EXPIRES", "USED",
    ];
    let mut table = table(&header);
    for token in items(&answer, "tokens") {
        table.add_row([
            text(&token["id"]),
            text(&token["name"]),
            words(&token["groups"]),
            words(&token["scopes"]),
            text(&token["state"]),
            day(&token["expires_at"]),
            ago(&token["last_used_at"]),
        ]);
    }
    print(&format!("{table}\n"))?;
    Ok(0)
}

async fn revoke(args: RevokeArgs) -> Result<u8, CliError> {
    let client = Client::new(&args.server)?;
    let query = client.by(args.by);
    for token in &args.tokens {
        let path = ["tokens", token.as_str(), "revoke"];
        client.post_with(&path, &query).await?;
        print(&format!("revoked: {}\n", crate::report::terminal(token)))?;
    }
    Ok(0)
}

/// A list in a line; a dash if it is empty.
fn words(list: &Value) -> String {
    let words: Vec<String> = list.as_array().into_iter().flatten().map(text).collect();
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(", ")
    }
}

/// The day of a time, in UTC.
fn day(time: &Value) -> String {
    let time = text(time);
    time.get(..10).unwrap_or(&time).to_owned()
}

/// The moment after a time as people write it; days are those of the calendar, in UTC.
fn end(duration: &str, now: Timestamp) -> Result<Timestamp, CliError> {
    let wrong = || CliError::Usage {
        message: format!("`{duration}` is no time to come"),
        hint: "write for example `--expires 90d` or `--expires 12h`".to_owned(),
    };
    let span: Span = duration.parse().map_err(|_| wrong())?;
    if !span.is_positive() {
        return Err(wrong());
    }
    let end = now.to_zoned(TimeZone::UTC).checked_add(span);
    Ok(end.map_err(|_| wrong())?.timestamp())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_written_as_people_do_and_lies_ahead() {
        let now: Timestamp = "2026-01-31T08:00:00Z".parse().unwrap();
        for (written, means) in [
            ("90d", "2026-05-01T08:00:00Z"),
            ("12h", "2026-01-31T20:00:00Z"),
            ("1y", "2027-01-31T08:00:00Z"),
        ] {
            let end = end(written, now).unwrap();
            assert_eq!(end, means.parse().unwrap(), "{written}");
        }
        for wrong in ["0d", "-1d", "soon", "90", "99999y", ""] {
            assert_eq!(end(wrong, now).unwrap_err().exit_code(), 64, "{wrong}");
        }
    }
}

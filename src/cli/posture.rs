//! `mooring report`: the posture of a daemon's stacks over a time.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::domain::finding::Severity;
use crate::domain::posture::{Moment, Posture, Window};
use crate::report::Options;
use crate::report::posture::{KEPT, PostureFormat, render};

use super::Global;
use super::client::{Client, ServerArgs};
use super::error::CliError;
use super::output;
use super::remote::{ago, items, table, text};
use super::select::SelectArgs;

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(super) struct PostureArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Where the report's time begins: how long before its end (`7d`, `24h`, `2w`), a day
    /// (`2026-11-18`, UTC) or a time.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: String,
    /// Where it ends [default: now].
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    which: SelectArgs,
    /// Only alerts of this severity or a worse one: critical, high, medium, low, info.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    severity: Option<Severity>,
    /// One of the reports that were made on a schedule, as it was; without an id they are listed.
    #[arg(
        long,
        value_name = "ID",
        num_args = 0..=1,
        conflicts_with_all = ["since", "until", "stacks", "sources", "labels", "owners", "severity"]
    )]
    kept: Option<Option<String>>,
    /// Form of the report; in text, `-v` shows long lists whole.
    #[arg(long, value_enum, default_value_t)]
    format: PostureFormat,
    /// Write the report to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl PostureArgs {
    /// What is wrong with the arguments is told before anything is sent.
    fn query(&self, global: &Global) -> Result<Vec<(&'static str, String)>, CliError> {
        let since = moment(&self.since)?;
        let until = self.until.as_deref().map(moment).transpose()?;
        Window::resolve(since, until, Timestamp::now()).map_err(|error| CliError::Usage {
            message: error.to_string(),
            hint: "for example `--since 7d`, or `--since 2026-11-01 --until 2026-11-08`".to_owned(),
        })?;
        let mut query = vec![("since", self.since.clone())];
        query.extend(self.until.iter().map(|until| ("until", until.clone())));
        query.extend(self.which.query()?);
        query.extend(
            self.severity
                .map(|least| ("severity", least.as_str().to_owned())),
        );
        query.push(("format", self.format.as_str().to_owned()));
        if self.format == PostureFormat::Text {
            let options = self.options(global);
            query.push(("width", options.width.to_string()));
            query.push(("color", options.color.to_string()));
            query.push(("verbose", options.verbose.to_string()));
        }
        Ok(query)
    }

    fn options(&self, global: &Global) -> Options {
        Options {
            width: output::width(),
            color: self.output.is_none() && output::color(),
            verbose: global.verbose > 0,
            why: false,
        }
    }
}

pub(super) fn moment(text: &str) -> Result<Moment, CliError> {
    text.parse::<Moment>().map_err(|_| CliError::Usage {
        message: format!("`{text}` is no time"),
        hint: "write how long ago (`7d`, `24h`, `2w`), a day (`2026-11-18`) or a time \
               (`2026-11-18T08:00:00Z`)"
            .to_owned(),
    })
}

fn severity(word: &str) -> Result<Severity, String> {
    let known = "one of critical, high, medium, low, info";
    Severity::parse(word).ok_or_else(|| known.to_owned())
}

/// `mooring report`.
pub(super) async fn report(args: PostureArgs, global: &Global) -> Result<u8, CliError> {
    let query = args.query(global)?;
    output::require_writable(args.output.as_deref())?;
    let client = Client::new(&args.server)?;
    let report = match &args.kept {
        None => client.text(&["report"], &query).await?,
        Some(None) => list(&client, args.format).await?,
        Some(Some(id)) => kept(&client, id, args.format, &args.options(global)).await?,
    };
    output::deliver(&report, args.output.as_deref())?;
    Ok(0)
}

/// The kept reports, newest first.
async fn list(client: &Client, format: PostureFormat) -> Result<String, CliError> {
    let answer = client.get(&["reports"], &[]).await?;
    match format {
        PostureFormat::Json => Ok(format!("{answer:#}\n")),
        PostureFormat::Text => {
            let mut table = table(&["REPORT", "MADE"]);
            for report in items(&answer, "reports") {
                table.add_row([text(&report["report"]), ago(&report["made_at"])]);
            }
            Ok(format!("{table}\n"))
        }
        PostureFormat::Markdown | PostureFormat::Html | PostureFormat::Csv => {
            Err(CliError::Usage {
                message: format!("the list of kept reports has no form {}", format.as_str()),
                hint: "leave --format out or write `--format json`, or name one of the reports"
                    .to_owned(),
            })
        }
    }
}

/// A kept report in any form.
async fn kept(
    client: &Client,
    id: &str,
    format: PostureFormat,
    options: &Options,
) -> Result<String, CliError> {
    let bytes = client.bytes(&["reports", id, KEPT], &[]).await?;
    let posture: Posture = serde_json::from_slice(&bytes).map_err(|error| CliError::Daemon {
        message: format!("the kept report cannot be read: {error}"),
        hint: "was it made by another version of mooring?".to_owned(),
    })?;
    Ok(render(format, &posture, options)?)
}

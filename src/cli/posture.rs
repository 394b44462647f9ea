//! `mooring report`: the posture of a daemon's stacks over a time.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::domain::posture::{Moment, Window};
use crate::report::posture::PostureFormat;

use super::Global;
use super::client::{Client, ServerArgs};
use super::error::CliError;
use super::output;

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
    /// Only stacks of this source.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Only stacks with this label; several count together.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Only stacks of this owner.
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
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
        query.extend(self.source.iter().map(|source| ("source", source.clone())));
        query.extend(self.owner.iter().map(|owner| ("owner", owner.clone())));
        for label in &self.labels {
            if !label.contains('=') {
                return Err(CliError::Usage {
                    message: format!("`{label}` is no label"),
                    hint: "write key and value, for example `--label tier=prod`".to_owned(),
                });
            }
            query.push(("label", label.clone()));
        }
        query.push(("format", self.format.as_str().to_owned()));
        if self.format == PostureFormat::Text {
            let color = self.output.is_none() && output::color();
            query.push(("width", output::width().to_string()));
            query.push(("color", color.to_string()));
            query.push(("verbose", (global.verbose > 0).to_string()));
        }
        Ok(query)
    }
}

fn moment(text: &str) -> Result<Moment, CliError> {
    text.parse::<Moment>().map_err(|_| CliError::Usage {
        message: format!("`{text}` is no time"),
        hint: "write how long ago (`7d`, `24h`, `2w`), a day (`2026-11-18`) or a time \
               (`2026-11-18T08:00:00Z`)"
            .to_owned(),
    })
}

/// `mooring report`.
pub(super) async fn report(args: PostureArgs, global: &Global) -> Result<u8, CliError> {
    let query = args.query(global)?;
    output::require_writable(args.output.as_deref())?;
    let report = Client::new(&args.server)?.text(&["report"], &query).await?;
    output::deliver(&report, args.output.as_deref())?;
    Ok(0)
}

//! What `check` and `explain` share: how the report looks and where it goes.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::load;
use crate::domain::check::StackCheck;
use crate::reconcile::replay::Judging;
use crate::reconcile::settings::Settings;
use crate::rego::Policies;
use crate::report::{Format, Options, render, render_troubles};

use super::Global;
use super::error::CliError;
use super::output;

/// Arguments of a command that makes a report.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Form of the report.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write the report to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say of each difference what tells its origin, and of each finding why it matters
    /// (text, markdown and html; json has it always).
    #[arg(long)]
    why: bool,
}

/// How what is found is judged: as a configuration says, if one is named.
pub(super) fn judging(config: Option<&Path>) -> Result<Judging, CliError> {
    Ok(match config {
        Some(file) => {
            let settings = load(file)?;
            let policies = policies(&settings)?;
            Judging::by(settings, policies)
        }
        None => Judging::default(),
    })
}

/// The policies in Rego of a configuration.
pub(super) fn policies(settings: &Settings) -> Result<Option<Policies>, CliError> {
    let loaded = settings.rego.as_ref().map(Policies::load).transpose();
    loaded.map_err(|error| CliError::Usage {
        message: error.to_string(),
        hint: "mend it, or take it out of policy.rego".to_owned(),
    })
}

impl ReportArgs {
    /// Fails if the report could not be written: better now than after long work.
    pub(super) fn require_writable(&self) -> Result<(), CliError> {
        output::require_writable(self.output.as_deref())
    }

    /// Writes the report about all stacks.
    pub(super) fn deliver(&self, checks: &[StackCheck], global: &Global) -> Result<(), CliError> {
        let report = render(self.format, checks, &self.options(global))?;
        output::deliver(&report, self.output.as_deref())
    }

    /// Writes the report about those stacks that are not as they should be.
    pub(super) fn deliver_troubles(
        &self,
        checks: &[StackCheck],
        global: &Global,
    ) -> Result<(), CliError> {
        let report = render_troubles(self.format, checks, &self.options(global))?;
        output::deliver(&report, self.output.as_deref())
    }

    fn options(&self, global: &Global) -> Options {
        Options {
            width: output::width(),
            color: self.output.is_none() && output::color(),
            verbose: global.verbose > 0,
            why: self.why,
        }
    }
}

//! Which stacks a command means.

use clap::Args;

use super::error::CliError;

/// Stacks; without any of these all.
#[derive(Debug, Args)]
pub(super) struct SelectArgs {
    /// Only stacks whose id fits this pattern, or another one of these.
    #[arg(long = "stack", value_name = "GLOB")]
    stacks: Vec<String>,
    /// Only stacks of this source, or another one of these.
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<String>,
    /// Only stacks with this label, the value a pattern; several count together.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Only stacks of an owner who fits this pattern, or another one of these.
    #[arg(long = "owner", value_name = "OWNER")]
    owners: Vec<String>,
}

impl SelectArgs {
    /// What is wrong with the arguments is told before anything is sent.
    pub(super) fn query(&self) -> Result<Vec<(&'static str, String)>, CliError> {
        let mut query = Vec::new();
        for (name, values) in [
            ("stack", &self.stacks),
            ("source", &self.sources),
            ("owner", &self.owners),
            ("label", &self.labels),
        ] {
            query.extend(values.iter().map(|value| (name, value.clone())));
        }
        match self.labels.iter().find(|label| !label.contains('=')) {
            None => Ok(query),
            Some(label) => Err(CliError::Usage {
                message: format!("`{label}` is no label"),
                hint: "write key and value, for example `--label tier=prod`".to_owned(),
            }),
        }
    }
}

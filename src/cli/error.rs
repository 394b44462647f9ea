//! Errors of the command line, each with what to do about it.

use crate::app::StartError;
use crate::app::records::RecordsError;
use crate::config::ConfigError;
use crate::domain::audit::Broken;
use crate::domain::failure::Failure;
use crate::report::RenderError;
use crate::telemetry::{LogError, MetricsError};

use super::USAGE;

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The asynchronous runtime cannot start.
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
    /// Logging cannot be set up.
    #[error(transparent)]
    Logs(#[from] LogError),
    /// Metrics cannot be set up.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The configuration is wrong; carries the rendered report.
    #[error("{0}")]
    Config(String),
    /// The daemon cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Records cannot be moved, backed up or put back.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// Something with a kind and a hint of its own.
    #[error("{}", .0.message)]
    Failure(#[from] Failure),
    /// There is no stack below the path.
    #[error("no stack found below {0}")]
    NoStack(String),
    /// An argument makes no sense.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A file cannot be read.
    #[error("cannot read {name}: {cause}")]
    Read {
        /// The file, or `standard input`.
        name: String,
        /// Why.
        cause: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {name}: {cause}")]
    Write {
        /// The file, or `standard output`.
        name: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The report cannot be written in its form.
    #[error(transparent)]
    Report(#[from] RenderError),
    /// The audit log was changed.
    #[error("the chain does not hold {0}")]
    Broken(#[from] Broken),
    /// What was asked for is not there.
    #[error("{message}")]
    Failed {
        /// What happened.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The daemon does not answer or refuses.
    #[error("{message}")]
    Daemon {
        /// What happened.
        message: String,
        /// What to do.
        hint: String,
    },
}

impl CliError {
    /// The exit code: 64 for wrong usage or configuration, or if there is no stack; else 1.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::NoStack(_) | Self::Usage { .. } => USAGE,
            // A name that leads to no file is wrong usage; a file that cannot be read is a failure.
            Self::Read { cause, .. }
                if matches!(
                    cause.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::IsADirectory
                ) =>
            {
                USAGE
            }
            Self::Runtime(_)
            | Self::Logs(_)
            | Self::Metrics(_)
            | Self::Start(_)
            | Self::Records(_)
            | Self::Failure(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Report(_)
            | Self::Broken(_)
            | Self::Failed { .. }
            | Self::Daemon { .. } => 1,
        }
    }

    /// What to do about it, where there is something to say.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Start(error) => Some(error.hint()),
            Self::Records(error) => Some(error.hint()),
            Self::Failure(failure) => Some(failure.hint.clone()),
            Self::NoStack(_) => Some(
                "a stack is a directory with a backend block, or with resources and no caller"
                    .to_owned(),
            ),
            Self::Usage { hint, .. } | Self::Failed { hint, .. } | Self::Daemon { hint, .. } => {
                Some(hint.clone())
            }
            Self::Broken(_) => Some(
                "keep the log as it is, compare it with an export or a backup, and find out who could \
                 write it"
                    .to_owned(),
            ),
            Self::Read { .. } => Some("name a file that exists and can be read".to_owned()),
            Self::Report(_) => Some("use another --format, and report this defect".to_owned()),
            Self::Runtime(_)
            | Self::Logs(_)
            | Self::Metrics(_)
            | Self::Config(_)
            | Self::Write { .. } => None,
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error.report(super::output::error_color(), super::output::error_width()))
    }
}

//! Why something did not work, in the form people and programs read it.

use serde::{Deserialize, Serialize};

/// The kind of a failure: stable words that scripts and routing may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Terraform or OpenTofu is missing, too old or cannot be started.
    EngineMissing,
    /// The state is locked by somebody else.
    Locked,
    /// The saved plan no longer fits the state.
    StalePlan,
    /// The directory is not initialised and Mooring cannot do it with what it knows.
    NotInitialised,
    /// A provider cannot be found, installed or verified.
    ProviderMissing,
    /// A module cannot be found or fetched.
    ModuleMissing,
    /// The state backend or an API behind a provider cannot be reached.
    BackendUnreachable,
    /// An API asked for patience: too many requests.
    Throttled,
    /// Credentials were refused by the backend or a provider.
    CredentialsRefused,
    /// The configuration is not valid.
    InvalidConfiguration,
    /// A variable has no value.
    MissingVariable,
    /// A workspace does not exist.
    UnknownWorkspace,
    /// The disk is full.
    OutOfDisk,
    /// A step took longer than its limit and was stopped.
    TimedOut,
    /// The stack keeps its state in a local file that a checkout does not have.
    LocalState,
    /// Mooring does not support this (remote execution, for example).
    Unsupported,
    /// The plan is errored or incomplete.
    IncompletePlan,
    /// A plan or its JSON cannot be read.
    UnreadablePlan,
    /// Output was larger than its limit.
    OutputTooLarge,
    /// The state kept moving while it was planned.
    Busy,
    /// The stack has not been checked for longer than it may.
    NotChecked,
    /// The process was stopped, by a signal or a shutdown.
    Interrupted,
    /// A Git repository cannot be reached.
    RepositoryUnreachable,
    /// A Git server refused the credentials.
    RepositoryRefused,
    /// A ref does not exist in the repository.
    RefNotFound,
    /// The directory is not in the commit.
    DirectoryMissing,
    /// Settings in a repository cannot be read.
    RepositorySettings,
    /// Terraform failed for another reason.
    TerraformError,
    /// Something inside Mooring failed.
    Internal,
}

impl FailureKind {
    /// The stable word used in JSON, metrics and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EngineMissing => "engine_missing",
            Self::Locked => "locked",
            Self::StalePlan => "stale_plan",
            Self::NotInitialised => "not_initialised",
            Self::ProviderMissing => "provider_missing",
            Self::ModuleMissing => "module_missing",
            Self::BackendUnreachable => "backend_unreachable",
            Self::Throttled => "throttled",
            Self::CredentialsRefused => "credentials_refused",
            Self::InvalidConfiguration => "invalid_configuration",
            Self::MissingVariable => "missing_variable",
            Self::UnknownWorkspace => "unknown_workspace",
            Self::OutOfDisk => "out_of_disk",
            Self::TimedOut => "timed_out",
            Self::LocalState => "local_state",
            Self::Unsupported => "unsupported",
            Self::IncompletePlan => "incomplete_plan",
            Self::UnreadablePlan => "unreadable_plan",
            Self::OutputTooLarge => "output_too_large",
            Self::Busy => "busy",
            Self::NotChecked => "not_checked",
            Self::Interrupted => "interrupted",
            Self::RepositoryUnreachable => "repository_unreachable",
            Self::RepositoryRefused => "repository_refused",
            Self::RefNotFound => "ref_not_found",
            Self::DirectoryMissing => "directory_missing",
            Self::RepositorySettings => "repository_settings",
            Self::TerraformError => "terraform_error",
            Self::Internal => "internal",
        }
    }

    /// Whether a plan that failed so lacks something that init makes.
    pub const fn asks_for_init(self) -> bool {
        matches!(
            self,
            Self::NotInitialised | Self::ProviderMissing | Self::ModuleMissing
        )
    }
}

impl std::fmt::Display for FailureKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong with a stack, what to do about it, and nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The stable kind.
    pub kind: FailureKind,
    /// What happened, in the words of whoever noticed (already redacted).
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl Failure {
    /// A failure with a message and a hint.
    pub fn new(kind: FailureKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Failure {}

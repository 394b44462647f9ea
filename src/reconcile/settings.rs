//! Validated settings of the daemon: what the configuration becomes once nothing in it can be wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use globset::{GlobMatcher, GlobSet};

use crate::artifacts::settings::ArtifactSettings;
use crate::domain::ids::SourceName;
use crate::domain::policy::Policy;
use crate::domain::schedule::Schedule;
use crate::domain::severity::SeverityRules;
use crate::git::settings::SourceLocation;
use crate::notify::settings::NotifySettings;
use crate::secret::SecretSource;

/// Everything the daemon needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the database, mirrors, checkouts and run files are.
    pub data_dir: PathBuf,
    /// Extra certificate authorities (PEM) for Git, SMTP and webhooks.
    pub ca_file: Option<PathBuf>,
    /// The API.
    pub api: ApiSettings,
    /// The Git repositories and directories to follow.
    pub sources: Vec<SourceSettings>,
    /// How many runs may be under way at once.
    pub jobs: usize,
    /// Rules in the order written; later ones override earlier ones, field by field.
    pub stacks: Vec<StackRule>,
    /// What applies to a stack that no rule says otherwise of.
    pub defaults: StackSettings,
    /// The operator's severities.
    pub severities: SeverityRules,
    /// Channels.
    pub notify: NotifySettings,
    /// The scheduled summary, if wanted.
    pub summary: Option<SummarySettings>,
    /// Kept copies of reports, redacted plans and logs.
    pub artifacts: ArtifactSettings,
    /// How long a shutdown waits for applies under way.
    pub shutdown_grace: Duration,
}

/// The API and the endpoints for machines.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Address and port to listen on.
    pub listen: std::net::SocketAddr,
    /// Holds the bearer token; without one the API answers nobody (health and metrics still work).
    pub token: Option<SecretSource>,
}

/// A repository or directory to follow.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// Its name, the first part of its stacks' ids.
    pub name: SourceName,
    /// Where it is.
    pub location: SourceLocation,
    /// Branch or tag; none means the remote's HEAD.
    pub reference: Option<String>,
    /// How often the ref is looked at.
    pub poll: Duration,
    /// Directories that are no stacks.
    pub exclude: GlobSet,
}

/// Settings for the stacks that a pattern matches.
#[derive(Debug, Clone)]
pub struct StackRule {
    /// Matches `source/dir` (without workspace and name).
    pub pattern: GlobMatcher,
    /// Distinguishes several stacks in one directory.
    pub name: Option<String>,
    /// What the rule sets; `None` leaves it as it was.
    pub overrides: StackOverrides,
}

/// What a rule may set.
#[derive(Debug, Clone, Default)]
pub struct StackOverrides {
    /// Workspace.
    pub workspace: Option<String>,
    /// Variable files, relative to the stack's directory.
    pub var_files: Option<Vec<String>>,
    /// `-backend-config` entries.
    pub backend_config: Option<Vec<String>>,
    /// Environment for planning (added to, key by key).
    pub plan_env: BTreeMap<String, EnvValue>,
    /// Environment for applying, on top of the one for planning.
    pub apply_env: BTreeMap<String, EnvValue>,
    /// `terraform`, `tofu` or a path.
    pub engine: Option<String>,
    /// Schedule.
    pub schedule: Option<Schedule>,
    /// Time limits.
    pub timeouts: Option<Timeouts>,
    /// Labels (added to, key by key).
    pub labels: BTreeMap<String, String>,
    /// Extra paths in the repository that the stack reads.
    pub watch: Option<Vec<String>>,
    /// Policy.
    pub policy: Option<PolicySettings>,
    /// Leave these stacks alone.
    pub disabled: Option<bool>,
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvValue {
    /// Written in the configuration.
    Plain(String),
    /// Read from a file or from Mooring's own environment; masked in everything that is shown.
    Secret(SecretSource),
}

/// The settings of one stack.
#[derive(Debug, Clone)]
pub struct StackSettings {
    /// Workspace, if not the default one.
    pub workspace: Option<String>,
    /// Variable files, relative to the stack's directory.
    pub var_files: Vec<String>,
    /// `-backend-config` entries.
    pub backend_config: Vec<String>,
    /// Environment for planning.
    pub plan_env: BTreeMap<String, EnvValue>,
    /// Environment for applying, on top of the one for planning.
    pub apply_env: BTreeMap<String, EnvValue>,
    /// `terraform`, `tofu` or a path.
    pub engine: String,
    /// When it is looked at.
    pub schedule: Schedule,
    /// Time limits.
    pub timeouts: Timeouts,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Extra paths in the repository that the stack reads.
    pub watch: Vec<String>,
    /// Policy.
    pub policy: PolicySettings,
    /// Left alone.
    pub disabled: bool,
}

/// Policy with its times.
#[derive(Debug, Clone)]
pub struct PolicySettings {
    /// Mode and rules.
    pub policy: Policy,
    /// No repair within this time of the first sight of a drift.
    pub hold_off: Duration,
    /// Code may wait this long before it alerts.
    pub pending_after: Duration,
    /// A newly bad verdict is looked at again after this time.
    pub confirm_after: Duration,
    /// A stack not checked for this long is `unknown`.
    pub max_age: Duration,
}

/// Time limits of one step each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// `init`.
    pub init: Duration,
    /// `plan`.
    pub plan: Duration,
    /// `apply`, from start to the first interrupt.
    pub apply: Duration,
    /// From an interrupt to something harder.
    pub grace: Duration,
}

/// A summary on a schedule.
#[derive(Debug, Clone)]
pub struct SummarySettings {
    /// When.
    pub schedule: Schedule,
    /// Names of the receivers.
    pub notifiers: Vec<String>,
}

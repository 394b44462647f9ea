//! Validated settings of the daemon: what the configuration becomes once nothing in it can be wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use globset::{GlobMatcher, GlobSet};
use jiff::SignedDuration;

use crate::artifacts::settings::{ArtifactSettings, SnapshotSettings};
use crate::domain::budget::Budget;
use crate::domain::cadence::Cadence;
use crate::domain::compose::Limit;
use crate::domain::dedication::Dedications;
use crate::domain::file_pattern::FilePattern;
use crate::domain::hours::Hours;
use crate::domain::ids::SourceName;
use crate::domain::pattern::StackPattern;
use crate::domain::policy::{ApplyLimit, Contest, Freeze, Policy, PolicyMode, Rule, Tightening};
use crate::domain::posture::Filter;
use crate::domain::report::Each;
use crate::domain::route::Route;
use crate::domain::rules::Rules;
use crate::domain::schedule::Schedule;
use crate::domain::timing::Timings;
use crate::git::settings::SourceLocation;
use crate::notify::settings::NotifySettings;
use crate::rego::settings::RegoSettings;
use crate::secret::SecretSource;
use crate::store::settings::PostgresSettings;

/// Everything the daemon needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// SHA-256 of the configuration file, as hexadecimal digits.
    pub digest: String,
    /// Where the database, mirrors, checkouts and run files are.
    pub data_dir: PathBuf,
    /// The database, if it is not a file in the data directory.
    pub database: Option<PostgresSettings>,
    /// The file of the installation's key, if it is not one in the data directory.
    pub installation_key_file: Option<PathBuf>,
    /// Extra certificate authorities (PEM) for Git, SMTP, webhooks and PostgreSQL.
    pub ca_file: Option<PathBuf>,
    /// The API.
    pub api: ApiSettings,
    /// The Git repositories and directories to follow.
    pub sources: Vec<SourceSettings>,
    /// How many runs may be under way at once.
    pub jobs: usize,
    /// Which replicas take which stacks.
    pub dedications: Dedications,
    /// Rules in the order written; later ones override earlier ones, field by field.
    pub stacks: Vec<StackRule>,
    /// What applies to a stack that no rule says otherwise of.
    pub defaults: StackSettings,
    /// The operator's rules on severities, noise and what cannot be undone.
    pub rules: Rules,
    /// Channels.
    pub notify: NotifySettings,
    /// When people are told, and who of what.
    pub telling: TellingSettings,
    /// Reports on a schedule.
    pub reports: Vec<ReportSettings>,
    /// Limits over stacks that share something.
    pub budgets: Vec<Budget>,
    /// Kept copies of reports, redacted plans and logs.
    pub artifacts: ArtifactSettings,
    /// How copies of states are sealed, and how long they stay.
    pub snapshots: SnapshotSettings,
    /// How long a shutdown waits for applies under way.
    pub shutdown_grace: Duration,
    /// People's policies in Rego.
    pub rego: Option<RegoSettings>,
    /// The dead man's switch, if there is one.
    pub heartbeat: Option<HeartbeatSettings>,
    /// What in the configuration is no mistake, but may not be meant.
    pub warnings: Vec<String>,
}

/// A dead man's switch that hears of the daemon as long as it works.
#[derive(Debug, Clone)]
pub struct HeartbeatSettings {
    /// Holds its URL.
    pub url: SecretSource,
    /// How often it hears.
    pub every: Duration,
}

/// When people are told, and who of what.
#[derive(Debug, Clone)]
pub struct TellingSettings {
    /// How long troubles have to stay, and when they are repeated and escalated.
    pub timings: Timings,
    /// Who is told of what; without routes everybody of everything.
    pub routes: Vec<Route>,
    /// How long news waits for others of the same cause.
    pub group_wait: SignedDuration,
    /// How long news of a cause that was just told of waits.
    pub group_interval: SignedDuration,
    /// What single receivers ask for, by name.
    pub manners: BTreeMap<String, MannerSettings>,
}

impl Default for TellingSettings {
    /// News waits half a minute for others of its cause, and five minutes after the last of it.
    fn default() -> Self {
        Self {
            timings: Timings::default(),
            routes: Vec::new(),
            group_wait: SignedDuration::from_secs(30),
            group_interval: SignedDuration::from_mins(5),
            manners: BTreeMap::new(),
        }
    }
}

/// What a receiver asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MannerSettings {
    /// When only what is critical gets through.
    pub quiet: Option<Hours>,
    /// The most messages in a while.
    pub limit: Option<Limit>,
}

/// The API and the endpoints for machines.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Address and port to listen on.
    pub listen: std::net::SocketAddr,
    /// Holds the operator's token; without one only people with tokens of their own are answered
    /// (health and metrics still work).
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
    /// Whether submodules are checked out.
    pub submodules: bool,
    /// How the settings that stand in the repository are read; none if they do not count.
    pub repository: Option<ReadSettings>,
}

/// Reads a settings file of a repository: its bytes, and what it is called there. Fails with what is
/// wrong, line and remedy included.
pub type ReadSettings = fn(&[u8], &str) -> Result<RepositorySettings, String>;

/// What a settings file of a repository says of the stacks at or below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepositorySettings {
    /// What it says of policy.
    pub policy: Tightening,
    /// Paths from the repository's root; when something changes there, the stacks are looked at.
    pub watch: Vec<String>,
}

/// Settings for the stacks that a pattern matches.
#[derive(Debug, Clone)]
pub struct StackRule {
    /// Matches `source/dir` (without workspace and name).
    pub pattern: GlobMatcher,
    /// Distinguishes several stacks in one directory.
    pub name: Option<String>,
    /// What the rule declares a stack for each of. Then the name and what the rule sets may have
    /// [`NAME`](crate::domain::placeholder::NAME) in them.
    pub for_each: Option<ForEach>,
    /// What the rule sets; `None` leaves it as it was.
    pub overrides: StackOverrides,
}

/// What a rule declares a stack for each of, in each directory that it matches.
#[derive(Debug, Clone)]
pub enum ForEach {
    /// Variable files that match; the name is what the `*` stands for.
    VarFile(FilePattern),
    /// Workspaces, which are the names.
    Workspace(Vec<String>),
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
    /// Schedule, whole: what the rule leaves out of it comes from the general one.
    pub schedule: Option<Schedule>,
    /// Time limits.
    pub timeouts: TimeoutOverrides,
    /// Labels (added to, key by key).
    pub labels: BTreeMap<String, String>,
    /// Extra paths in the repository that the stack reads.
    pub watch: Option<Vec<String>>,
    /// Whether it is looked at less often while it is quiet, and how.
    pub adaptive: Option<Option<Cadence>>,
    /// How often the object that holds the state is glanced at, or that it is not.
    pub state_watch: Option<Option<Duration>>,
    /// What is applied before the stack.
    pub after: Option<Vec<StackPattern>>,
    /// Policy.
    pub policy: PolicyOverrides,
    /// Leave these stacks alone.
    pub disabled: Option<bool>,
}

impl StackOverrides {
    /// Puts what the rule sets into the settings of a stack. Policy and time limits go field by
    /// field, so that a rule that only sets a time never undoes an earlier rule's mode.
    pub fn apply(&self, settings: &mut StackSettings) {
        let own = self.clone();
        settings.workspace = own.workspace.or(settings.workspace.take());
        put(&mut settings.var_files, own.var_files);
        put(&mut settings.backend_config, own.backend_config);
        settings.plan_env.extend(own.plan_env);
        settings.apply_env.extend(own.apply_env);
        put(&mut settings.engine, own.engine);
        put(&mut settings.schedule, own.schedule);
        own.timeouts.apply(&mut settings.timeouts);
        settings.labels.extend(own.labels);
        put(&mut settings.watch, own.watch);
        put(&mut settings.adaptive, own.adaptive);
        put(&mut settings.state_watch, own.state_watch);
        put(&mut settings.after, own.after);
        own.policy.apply(&mut settings.policy);
        put(&mut settings.disabled, own.disabled);
    }
}

fn put<T>(into: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *into = value;
    }
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
    /// How it is looked at less often while it is quiet; none if it is not.
    pub adaptive: Option<Cadence>,
    /// How often the object that holds the state is glanced at; none if it is not.
    pub state_watch: Option<Duration>,
    /// Patterns on stacks that are applied before it, with or without workspace and name.
    pub after: Vec<StackPattern>,
    /// Policy.
    pub policy: PolicySettings,
    /// Left alone.
    pub disabled: bool,
}

impl StackSettings {
    /// Files with settings of the backend, relative to the stack's directory.
    pub(super) fn backend_files(&self) -> impl Iterator<Item = &String> {
        let entries = self.backend_config.iter();
        entries.filter(|entry| !entry.contains('='))
    }
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
    /// How long people have to answer when they are asked.
    pub approval_expires: Duration,
}

/// What is said of policy where it is said only in part.
#[derive(Debug, Clone, Default)]
pub struct PolicyOverrides {
    /// Mode.
    pub mode: Option<PolicyMode>,
    /// Rules, instead of those there were.
    pub rules: Option<Vec<Rule>>,
    /// Rules that only call changes safe, instead of those there were.
    pub safe: Option<Vec<Rule>>,
    /// See [`Policy::shadow`].
    pub shadow: Option<bool>,
    /// See [`Policy::windows`].
    pub windows: Option<Vec<Hours>>,
    /// See [`Policy::freezes`].
    pub freezes: Option<Vec<Freeze>>,
    /// The most applies of one stack.
    pub stack_limit: Option<ApplyLimit>,
    /// The most applies of all stacks together.
    pub fleet_limit: Option<ApplyLimit>,
    /// See [`Policy::max_changes`].
    pub max_changes: Option<usize>,
    /// See [`Policy::contested`].
    pub contested: Option<Contest>,
    /// See [`PolicySettings::hold_off`].
    pub hold_off: Option<Duration>,
    /// See [`PolicySettings::pending_after`].
    pub pending_after: Option<Duration>,
    /// See [`PolicySettings::confirm_after`].
    pub confirm_after: Option<Duration>,
    /// See [`PolicySettings::max_age`].
    pub max_age: Option<Duration>,
    /// See [`PolicySettings::approval_expires`].
    pub approval_expires: Option<Duration>,
}

impl PolicyOverrides {
    /// Puts what is said into a policy.
    pub fn apply(self, settings: &mut PolicySettings) {
        put(&mut settings.policy.mode, self.mode);
        let policy = &mut settings.policy;
        put(&mut policy.rules, self.rules);
        put(&mut policy.safe, self.safe);
        put(&mut policy.shadow, self.shadow);
        put(&mut policy.windows, self.windows);
        put(&mut policy.freezes, self.freezes);
        policy.limits.stack = self.stack_limit.or(policy.limits.stack);
        policy.limits.fleet = self.fleet_limit.or(policy.limits.fleet);
        put(&mut policy.max_changes, self.max_changes);
        put(&mut policy.contested, self.contested);
        put(&mut settings.hold_off, self.hold_off);
        put(&mut settings.pending_after, self.pending_after);
        put(&mut settings.confirm_after, self.confirm_after);
        put(&mut settings.max_age, self.max_age);
        put(&mut settings.approval_expires, self.approval_expires);
    }
}

impl Default for PolicySettings {
    /// Observes; speaks of waiting code after a day, and distrusts a look older than a day.
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            hold_off: Duration::ZERO,
            pending_after: Duration::from_hours(24),
            confirm_after: Duration::from_mins(1),
            max_age: Duration::from_hours(24),
            approval_expires: Duration::from_hours(24),
        }
    }
}

/// What is said of time limits where it is said only in part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeoutOverrides {
    /// See [`Timeouts::init`].
    pub init: Option<Duration>,
    /// See [`Timeouts::plan`].
    pub plan: Option<Duration>,
    /// See [`Timeouts::apply`].
    pub apply: Option<Duration>,
    /// See [`Timeouts::grace`].
    pub grace: Option<Duration>,
}

impl TimeoutOverrides {
    /// Puts what is said into time limits.
    pub fn apply(self, timeouts: &mut Timeouts) {
        put(&mut timeouts.init, self.init);
        put(&mut timeouts.plan, self.plan);
        put(&mut timeouts.apply, self.apply);
        put(&mut timeouts.grace, self.grace);
    }
}

impl Default for Timeouts {
    /// Five minutes for `init`, half an hour for `plan`, two hours for `apply`, five minutes' grace.
    fn default() -> Self {
        Self {
            init: Duration::from_mins(5),
            plan: Duration::from_mins(30),
            apply: Duration::from_hours(2),
            grace: Duration::from_mins(5),
        }
    }
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

/// A report on a schedule.
#[derive(Debug, Clone)]
pub struct ReportSettings {
    /// Its name.
    pub name: String,
    /// When.
    pub schedule: Schedule,
    /// How long a time it tells of; none is the time since the one before.
    pub since: Option<SignedDuration>,
    /// Which stacks and alerts it tells of.
    pub filter: Filter,
    /// What it is split by, if there are to be several.
    pub each: Option<Each>,
    /// Names of the receivers; without any, the routes say who.
    pub notifiers: Vec<String>,
}

//! The configuration as written. The doc comments are the descriptions in the JSON Schema.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::{At, EnvText};
use super::channel::Notifier;
use super::database::Database;
use super::looking::{Adaptive, StateWatch};
use super::policy::{Contested, Freeze, Limits, Rego, Rule, SafeAction};
use super::stack::Stack;
use crate::domain::finding::{Origin, Severity};
use crate::domain::policy::PolicyMode;

/// Variables for Terraform: name → text in quotes, `{ file: … }` or `{ env: … }`.
pub(super) type Environment = BTreeMap<String, At<EnvText>>;

/// The configuration of Mooring. Paths are relative to this file; durations are written like
/// `10s`, `5m`, `1h30m` or `90d`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "mooring.yaml")]
pub(super) struct Configuration {
    /// Where the database, mirrors, checkouts and run files are. Default: /var/lib/mooring.
    pub data_dir: Option<At<PathBuf>>,
    /// Where Mooring remembers what it does. Default: a file in the data directory.
    pub store: Option<Database>,
    /// A file of exactly 32 bytes that keys digests and fingerprints. Replicas on one database need the
    /// same. Default: one that is made in the data directory.
    pub installation_key_file: Option<At<PathBuf>>,
    /// Extra certificate authorities (PEM) to trust for Git, SMTP, webhooks and PostgreSQL.
    pub ca_file: Option<At<PathBuf>>,
    /// How many runs may be under way at once. Default: the number of CPUs.
    #[schemars(range(min = 1, max = 256))]
    pub jobs: Option<At<u32>>,
    /// `terraform`, `tofu` or the path of a binary. Default: terraform.
    pub engine: Option<At<String>>,
    /// When stacks are looked at: a five-field cron expression. Default: */30 * * * *.
    pub schedule: Option<At<String>>,
    /// The time zone of schedules and of times in messages (IANA name). Default: UTC.
    pub timezone: Option<At<String>>,
    /// The stacks' starts are spread over this time. Default: 5m.
    pub jitter: Option<At<String>>,
    /// Fewer looks at stacks on which nothing happens.
    pub adaptive: Option<Adaptive>,
    /// Looks because somebody else wrote the state.
    pub state_watch: Option<StateWatch>,
    /// The API and the endpoints for machines.
    pub api: Option<Api>,
    /// The Git repositories to follow; at least one.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// How far Mooring goes by itself.
    pub policy: Option<Policy>,
    /// Receivers of alerts.
    #[serde(default)]
    pub notify: Vec<Notifier>,
    /// When people are told, reminded, and others told.
    pub alerts: Option<Alerts>,
    /// Who is told of what; the first that fits counts. Without routes everybody is told of
    /// everything; what no route fits is told to nobody.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Directory of templates that stand in for the built-in ones of mails; `mooring config templates`
    /// tells of them.
    pub templates: Option<At<PathBuf>>,
    /// The SMTP server, for receivers with `email`.
    pub smtp: Option<Smtp>,
    /// A dead man's switch that hears of Mooring as long as it works.
    pub heartbeat: Option<Heartbeat>,
    /// Reports on a schedule.
    #[serde(default)]
    pub reports: Vec<Report>,
    /// Where kept copies of reports, redacted plans and logs go. Default: the data directory.
    pub artifacts: Option<Artifacts>,
    /// How copies of states are sealed, and how long they stay.
    pub snapshots: Option<Snapshots>,
    /// Time limits of the steps of a run.
    pub timeouts: Option<Timeouts>,
    /// How long a shutdown waits for applies under way. Default: 10m.
    pub shutdown_grace: Option<At<String>>,
    /// Environment of Terraform, for all stacks.
    #[serde(default)]
    pub env: Environment,
    /// Environment on top of `env` when applying, for all stacks.
    #[serde(default)]
    pub apply_env: Environment,
    /// Limits over stacks that share something which bears only so much: an account, an API.
    #[serde(default)]
    pub budgets: Vec<Budget>,
    /// Replicas that are there for some stacks alone, where credentials or networks are not the same
    /// everywhere. Needs a PostgreSQL database.
    #[serde(default)]
    pub replicas: Vec<super::replicas::Replicas>,
    /// Settings of some stacks; later entries override earlier ones.
    #[serde(default)]
    pub stacks: Vec<Stack>,
}

/// A limit over some stacks together.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    /// Its name.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9_-]*$"))]
    pub name: At<String>,
    /// The stacks that share it; all that is given has to fit.
    pub when: WhichStacks,
    /// The most runs at once.
    #[schemars(range(min = 1))]
    pub runs: Option<At<u32>>,
    /// The most runs that begin in a while.
    pub starts: Option<Starts>,
}

/// Which stacks are meant.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichStacks {
    /// Patterns on the stack's id; one has to fit.
    #[serde(default)]
    pub stacks: Vec<At<String>>,
    /// Names of sources.
    #[serde(default)]
    pub sources: Vec<At<String>>,
    /// Labels with patterns on their values.
    #[serde(default)]
    pub labels: BTreeMap<String, At<String>>,
    /// Patterns on owners: of CODEOWNERS in the repository, and in the labels `owner` and `team`.
    #[serde(default)]
    pub owners: Vec<At<String>>,
    /// Patterns on the source addresses of providers, `hashicorp/aws` or with the registry before it. A
    /// stack whose providers are not known yet counts to all.
    #[serde(default)]
    pub providers: Vec<At<String>>,
}

/// So many runs in so long.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Starts {
    /// How many.
    #[schemars(range(min = 1))]
    pub runs: At<u32>,
    /// In how long.
    pub within: At<String>,
}

/// The API and the endpoints for machines.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Api {
    /// Address and port to listen on. Default: 127.0.0.1:8080.
    pub listen: Option<At<String>>,
    /// File that holds the operator's bearer token, which opens everything; without it only people with
    /// tokens of their own are answered.
    pub token_file: Option<At<PathBuf>>,
    /// Environment variable that holds the operator's bearer token.
    pub token_env: Option<At<String>>,
}

/// A Git repository to follow: give `url` or `path`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    /// Its name, the first part of its stacks' ids.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9_-]*$"))]
    pub name: At<String>,
    /// Its URL, without credentials: https, or `ssh://git@host/path` or `git@host:path`.
    pub url: Option<At<String>>,
    /// Its path on this machine.
    pub path: Option<At<PathBuf>>,
    /// Branch or tag. Default: the repository's HEAD.
    #[serde(rename = "ref")]
    pub reference: Option<At<String>>,
    /// User name that goes with the token. Default: git.
    pub username: Option<At<String>>,
    /// File that holds the token.
    pub token_file: Option<At<PathBuf>>,
    /// Environment variable that holds the token.
    pub token_env: Option<At<String>>,
    /// An installation of a GitHub App, instead of a token.
    pub github_app: Option<GithubApp>,
    /// File that holds the private key for ssh, without passphrase and for its owner alone.
    pub ssh_key_file: Option<At<PathBuf>>,
    /// File with the host keys that are trusted, as `ssh-keyscan` prints them; needed with
    /// `ssh_key_file`.
    pub known_hosts_file: Option<At<PathBuf>>,
    /// Whether submodules are checked out, those on the same server with the credentials of the source.
    /// Default: false.
    pub submodules: Option<bool>,
    /// How often the ref is looked at. Default: 1m.
    pub poll: Option<At<String>>,
    /// Directories that are no stacks (patterns relative to the repository's root).
    #[serde(default)]
    pub exclude: Vec<At<String>>,
    /// What may stand in the repository itself.
    pub repository: Option<Repository>,
}

/// An installation of a GitHub App; its tokens are renewed in time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GithubApp {
    /// The id of the app.
    pub app_id: At<u64>,
    /// The id of its installation, as the address of the installation's page has it.
    pub installation_id: At<u64>,
    /// File that holds the private key of the app, as GitHub offers it for download.
    pub private_key_file: Option<At<PathBuf>>,
    /// Environment variable that holds it.
    pub private_key_env: Option<At<String>>,
    /// Root of the API. Default: that of github.com; GitHub Enterprise Server has it at `/api/v3`.
    pub api_url: Option<At<String>>,
}

/// What may stand in a repository itself.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Repository {
    /// Whether its files `.mooring.yaml` are read, which can tighten policy and never loosen it.
    /// Default: true.
    pub settings: Option<bool>,
}

/// How far Mooring goes by itself, and when it speaks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    /// `observe` (look and tell), `heal` (also repair drift that rules call safe) or `sync` (also apply
    /// merged code that rules call safe). Default: observe.
    #[schemars(with = "Option<PolicyMode>")]
    pub mode: Option<At<String>>,
    /// Rules in order: what is ignored, safe, asked about or refused. Of those that fit the first
    /// decides.
    pub rules: Option<Vec<Rule>>,
    /// Policies in Rego, as OPA and conftest take them.
    pub rego: Option<Rego>,
    /// What is safe besides, after all rules; without any nothing is.
    pub safe: Option<Vec<Safe>>,
    /// Whether decisions are only recorded and told. Default: false.
    pub shadow: Option<bool>,
    /// The times in which something may be applied. Default: always.
    pub windows: Option<Vec<Hours>>,
    /// Times in which nothing is applied.
    pub freezes: Option<Vec<Freeze>>,
    /// How often something may be applied. Default: as often as need be.
    pub limits: Option<Limits>,
    /// A plan that changes more objects than this is asked about. Default: 20.
    #[schemars(range(min = 1))]
    pub max_changes: Option<At<u32>>,
    /// When drift that comes back after its repair is no longer repaired.
    pub contested: Option<Contested>,
    /// No repair within this time of the first sight of a drift. Default: 0s.
    pub hold_off: Option<At<String>>,
    /// Code may wait this long before it alerts. Default: 24h.
    pub pending_after: Option<At<String>>,
    /// A newly bad verdict is looked at again after this time. Default: 1m.
    pub confirm_after: Option<At<String>>,
    /// A stack not checked for this long is unknown. Default: 24h.
    pub max_age: Option<At<String>>,
    /// How long people have to answer when they are asked. Default: 24h.
    pub approval_expires: Option<At<String>>,
    /// Severities of findings; the first match wins, and before the built-in table.
    #[serde(default)]
    pub severities: Vec<SeverityEntry>,
    /// What is noise besides the built-in table: nobody is told of it, it is only counted and listed.
    #[serde(default)]
    pub noise: Vec<NoiseEntry>,
    /// What cannot be undone besides the built-in table, and is never automatic.
    #[serde(default)]
    pub irreversible: Vec<IrreversibleEntry>,
}

/// Policy of some stacks; what is not given is as it was.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StackPolicy {
    /// `observe`, `heal` or `sync`.
    #[schemars(with = "Option<PolicyMode>")]
    pub mode: Option<At<String>>,
    /// Rules, instead of the general ones.
    pub rules: Option<Vec<Rule>>,
    /// What is safe besides, instead of the general list.
    pub safe: Option<Vec<Safe>>,
    /// Whether decisions are only recorded and told.
    pub shadow: Option<bool>,
    /// The times in which something may be applied, instead of the general ones.
    pub windows: Option<Vec<Hours>>,
    /// Times in which nothing is applied, instead of the general ones.
    pub freezes: Option<Vec<Freeze>>,
    /// How often something may be applied.
    pub limits: Option<Limits>,
    /// A plan that changes more objects than this is asked about.
    #[schemars(range(min = 1))]
    pub max_changes: Option<At<u32>>,
    /// When drift that comes back after its repair is no longer repaired.
    pub contested: Option<Contested>,
    /// No repair within this time of the first sight of a drift.
    pub hold_off: Option<At<String>>,
    /// Code may wait this long before it alerts.
    pub pending_after: Option<At<String>>,
    /// A newly bad verdict is looked at again after this time.
    pub confirm_after: Option<At<String>>,
    /// A stack not checked for this long is unknown.
    pub max_age: Option<At<String>>,
    /// How long people have to answer when they are asked.
    pub approval_expires: Option<At<String>>,
}

/// A rule that calls changes safe.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Safe {
    /// How the rule is named in reasons. Default: its type and attributes.
    pub name: Option<String>,
    /// Resource types it covers (pattern).
    #[serde(rename = "type")]
    pub resource_type: At<String>,
    /// Attribute paths it covers (patterns); needed for `update`.
    #[serde(default)]
    pub attributes: Vec<At<String>>,
    /// `update`, and `create` for what somebody deleted by hand. Default: update only.
    #[schemars(with = "Option<Vec<SafeAction>>")]
    pub actions: Option<At<Vec<At<String>>>>,
}

/// The severity of some findings.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SeverityEntry {
    /// Resource types (pattern).
    #[serde(rename = "type")]
    pub resource_type: At<String>,
    /// Attribute paths (patterns); everything that differs must be among them or below. Default: all.
    #[serde(default)]
    pub attributes: Vec<At<String>>,
    /// Where the finding comes from. Default: from anywhere.
    #[serde(default)]
    pub origin: Vec<Origin>,
    /// The severity.
    pub severity: Severity,
    /// Why, as people are to read it. Default: as configured.
    pub reason: Option<At<String>>,
}

/// Attributes that change by themselves. A finding that consists of nothing else, and that no apply
/// would touch, is suppressed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoiseEntry {
    /// Resource types (pattern).
    #[serde(rename = "type")]
    pub resource_type: At<String>,
    /// Attribute paths (patterns) and what is below them.
    pub attributes: At<Vec<At<String>>>,
    /// Why it is noise, as people are to read it.
    pub reason: At<String>,
}

/// What cannot be undone.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IrreversibleEntry {
    /// Resource types (pattern).
    #[serde(rename = "type")]
    pub resource_type: At<String>,
    /// Attribute paths (patterns) whose change cannot be undone. Default: the objects themselves, so
    /// to delete, replace, forget or re-create one.
    pub attributes: Option<At<Vec<At<String>>>>,
    /// What would be lost, as people are to read it.
    pub reason: At<String>,
}

/// When people are told, reminded, and others told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Alerts {
    /// How long drift has to stay before it is told. Default: 0s, from medium down 10m.
    pub persist: Option<Times>,
    /// How often people are reminded, or `never`. Default: 4h, 24h, 7d and never.
    pub remind: Option<Times>,
    /// After how long without acknowledgement the receivers in `escalate` of a route are told, or
    /// `never`. Default: 30m, 4h, never and never.
    pub escalate: Option<Times>,
    /// How many confirmed looks in a row have to fail before it is told. Default: 1.
    #[schemars(range(min = 1, max = 100))]
    pub failures: Option<At<u32>>,
    /// How long news that is not critical waits for others of the same cause, to be told in one
    /// message. Default: 30s.
    pub group_wait: Option<At<String>>,
    /// How long news of a cause waits after the last message of it. Default: 5m.
    pub group_interval: Option<At<String>>,
}

/// Durations by severity; what is not given is as it was.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Times {
    /// For what is critical.
    pub critical: Option<At<String>>,
    /// For what is high.
    pub high: Option<At<String>>,
    /// For what is medium.
    pub medium: Option<At<String>>,
    /// For everything less.
    pub low: Option<At<String>>,
}

/// Some news, and who gets it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    /// Which news. Default: all.
    pub when: Option<When>,
    /// Names of the receivers.
    pub notify: Vec<At<String>>,
    /// Names of the receivers that get it when nobody has acknowledged it in time.
    #[serde(default)]
    pub escalate: Vec<At<String>>,
    /// Whether later routes are asked too. Default: false.
    #[serde(default, rename = "continue")]
    pub goes_on: bool,
}

/// What a route asks of news; all that is given has to fit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    /// Patterns on the stack's id; one has to fit.
    #[serde(default)]
    pub stacks: Vec<At<String>>,
    /// Names of sources.
    #[serde(default)]
    pub sources: Vec<At<String>>,
    /// Labels with patterns on their values.
    #[serde(default)]
    pub labels: BTreeMap<String, At<String>>,
    /// Patterns on owners, as CODEOWNERS in the repository names them.
    #[serde(default)]
    pub owners: Vec<At<String>>,
    /// The least severity.
    pub severity: Option<Severity>,
    /// `drift`, `pending`, `failed`, `apply`, `repaired` or `report`.
    #[serde(default)]
    pub kinds: Vec<At<String>>,
    /// The hours in which it happens.
    pub hours: Option<Hours>,
}

/// Times of the day; an end before the beginning is on the next day.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Hours {
    /// When they begin, for example "22:00".
    pub from: At<String>,
    /// When they end.
    pub to: At<String>,
    /// The days on which they begin: mon, tue, wed, thu, fri, sat, sun. Default: every day.
    #[serde(default)]
    pub days: Vec<At<String>>,
    /// The time zone (IANA name). Default: `timezone` of the file.
    pub timezone: Option<At<String>>,
}

/// The most messages in a while. Those that are critical come on top; of the others that are too
/// many one message says how many they are and what of.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    /// How many.
    #[schemars(range(min = 1))]
    pub messages: At<u32>,
    /// In how long.
    pub within: At<String>,
}

/// The SMTP server.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Smtp {
    /// Host name.
    pub host: At<String>,
    /// Port. Default: 587 with starttls, 465 with tls, 25 with none.
    #[schemars(range(min = 1))]
    pub port: Option<At<u16>>,
    /// Sender address.
    pub from: At<String>,
    /// How the connection is protected. Default: starttls.
    pub tls: Option<At<Tls>>,
    /// How to sign in: `plain`, `login`, or `xoauth2` with an access token for password. Default: plain
    /// or login, whichever the server offers.
    pub auth: Option<At<Auth>>,
    /// User name, if the server wants one.
    pub username: Option<At<String>>,
    /// File that holds the password.
    pub password_file: Option<At<PathBuf>>,
    /// Environment variable that holds the password.
    pub password_env: Option<At<String>>,
}

/// How the connection to the SMTP server is protected.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tls {
    /// A plain connection that must be upgraded.
    Starttls,
    /// TLS from the first byte.
    #[serde(rename = "tls")]
    Implicit,
    /// No protection; without a password, or to a server on this host.
    None,
}

/// How to sign in at the SMTP server.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Auth {
    /// PLAIN.
    Plain,
    /// LOGIN.
    Login,
    /// XOAUTH2: the password is an access token.
    Xoauth2,
}

/// A report on a schedule: how stacks are, what came, what was fixed and by whom.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    /// Its name.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9_-]*$"))]
    pub name: At<String>,
    /// When: a five-field cron expression.
    pub schedule: At<String>,
    /// The time zone of the schedule. Default: `timezone` of the file.
    pub timezone: Option<At<String>>,
    /// How long a time it tells of. Default: since the one before.
    pub since: Option<At<String>>,
    /// Which stacks and alerts it tells of. Default: all.
    pub when: Option<Which>,
    /// One report for each `owner`, or for each value of a label: `label team`. Stacks without one are
    /// in none of them.
    pub each: Option<At<String>>,
    /// Names of the receivers. Default: whom `routes` name for what all its stacks have in common.
    pub notify: Option<At<Vec<At<String>>>>,
}

/// What a report tells of; all that is given has to fit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Patterns on the stack's id; one has to fit.
    #[serde(default)]
    pub stacks: Vec<At<String>>,
    /// Names of sources.
    #[serde(default)]
    pub sources: Vec<At<String>>,
    /// Labels with patterns on their values.
    #[serde(default)]
    pub labels: BTreeMap<String, At<String>>,
    /// Patterns on owners: of CODEOWNERS in the repository, and in the labels `owner` and `team`.
    #[serde(default)]
    pub owners: Vec<At<String>>,
    /// The least severity of alerts.
    pub severity: Option<Severity>,
}

/// A URL that is asked again and again as long as the daemon does its work, of a service that raises
/// the alarm when it is not.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Heartbeat {
    /// File that holds the URL, which is a secret.
    pub url_file: Option<At<PathBuf>>,
    /// Environment variable that holds the URL.
    pub url_env: Option<At<String>>,
    /// How often it is asked: ten seconds or more. Default: 1m.
    pub every: Option<At<String>>,
}

/// Where kept copies go, and for how long.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Artifacts {
    /// How long they are kept, in the bucket too: a day or more, or `forever`. Those of runs that
    /// applied something always stay. Default: 90d.
    pub keep: Option<At<String>>,
    /// An S3 bucket; credentials come from the environment of Mooring as for any AWS tool.
    pub s3: Option<S3>,
}

/// The copies of states that are made before anything changes them: sealed as files of `age`. Without a
/// key Mooring makes one of its own in the data directory.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Snapshots {
    /// File that holds an age identity, as `age-keygen` writes it. Of several the first seals, and all
    /// of them open.
    pub key_file: Option<At<PathBuf>>,
    /// Environment variable that holds it.
    pub key_env: Option<At<String>>,
    /// Public keys (`age1…`) that they are sealed for as well. With these alone Mooring can write
    /// snapshots and not read them.
    #[serde(default)]
    pub recipients: Vec<At<String>>,
    /// How long they stay: a day or more, or `forever`. Default: 90d.
    pub keep: Option<At<String>>,
    /// How many of the newest of each stack stay whatever their age. Default: 20.
    #[schemars(range(min = 1))]
    pub keep_last: Option<At<u32>>,
}

/// An S3 bucket.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct S3 {
    /// Bucket.
    pub bucket: At<String>,
    /// Key prefix. Default: none.
    pub prefix: Option<String>,
    /// Region. Default: that of the environment.
    pub region: Option<String>,
    /// Profile of the AWS configuration files. Default: that of the environment.
    pub profile: Option<At<String>>,
    /// Endpoint of an S3-compatible store.
    pub endpoint: Option<At<String>>,
    /// Address the bucket in the path instead of the host name. Default: false.
    #[serde(default)]
    pub path_style: bool,
    /// How objects are encrypted at rest. Default: none.
    #[serde(default)]
    pub sse: Sse,
    /// Id, alias or ARN of the key, with `sse: kms`. Default: the key that AWS manages.
    pub kms_key_id: Option<At<String>>,
    /// How often a request is tried before it counts as failed, the first time included. An artifact
    /// whose upload failed waits on the disk all the same. Default: 3.
    #[schemars(range(min = 1, max = 10))]
    pub attempts: Option<At<u32>>,
    /// How long one attempt may take. Default: 1m.
    pub timeout: Option<At<String>>,
}

/// How objects are encrypted at rest.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sse {
    /// As the bucket has it by default.
    #[default]
    None,
    /// With keys of S3 (SSE-S3).
    Aes256,
    /// With a key in KMS (SSE-KMS).
    Kms,
}

/// Time limits of the steps of a run.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Timeouts {
    /// `init`. Default: 5m.
    pub init: Option<At<String>>,
    /// `plan`. Default: 30m.
    pub plan: Option<At<String>>,
    /// `apply`, from its start to the first interrupt. Default: 2h.
    pub apply: Option<At<String>>,
    /// From an interrupt to something harder. Default: 5m.
    pub grace: Option<At<String>>,
}

/// The place of a secret: give `file` or `env`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretPlace {
    /// File that holds the value.
    pub file: Option<At<PathBuf>>,
    /// Environment variable of Mooring that holds the value.
    pub env: Option<At<String>>,
}

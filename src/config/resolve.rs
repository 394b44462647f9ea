//! Meanings: each part of the written form becomes its part of [`Settings`], or a problem with the
//! place, the cause and the remedy. Everything is looked at, so that all problems come at once.

mod artifacts;
mod budgets;
mod database;
mod each;
mod environment;
mod heartbeat;
mod location;
mod looking;
mod notify;
mod policy;
mod policy_rules;
mod replicas;
mod reports;
mod repository;
mod rules;
mod snapshots;
mod sources;
mod stacks;
mod telling;
mod values;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub(super) use self::repository::repository;
use super::at::At;
use super::error::Problem;
use super::syntax::nearest;
use super::written::{Api, Configuration};
use crate::domain::schedule::{Schedule, ScheduleError};
use crate::reconcile::settings::{ApiSettings, PolicySettings, Settings, StackSettings, Timeouts};

const DEFAULT_DATA_DIR: &str = "/var/lib/mooring";
const DEFAULT_ENGINE: &str = "terraform";
const DEFAULT_LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);
const DEFAULT_SCHEDULE: &str = "*/30 * * * *";
const DEFAULT_ZONE: &str = "UTC";
const DEFAULT_JITTER: SignedDuration = SignedDuration::from_mins(5);
const DEFAULT_SHUTDOWN_GRACE: Duration = Duration::from_mins(10);
const MOST_JOBS: u32 = 256;

/// Checks the whole configuration; `digest` is that of its text.
pub(super) fn resolve(
    written: &Configuration,
    digest: String,
    base: &Path,
    now: Timestamp,
) -> Result<Settings, Vec<Problem>> {
    let mut checks = Checks {
        digest,
        base,
        now,
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    match checks.settings(written) {
        Some(settings) if checks.problems.is_empty() => Ok(settings),
        _ => Err(checks.problems),
    }
}

/// What the checks need, and what they have found so far.
struct Checks<'a> {
    digest: String,
    base: &'a Path,
    now: Timestamp,
    problems: Vec<Problem>,
    /// What is no mistake, but may not be meant: each with its line.
    warnings: Vec<String>,
}

/// The general schedule's parts, which a stack's schedule falls back to.
#[derive(Clone, Copy)]
struct Timing<'a> {
    schedule: Option<&'a At<String>>,
    timezone: Option<&'a At<String>>,
    jitter: Option<&'a At<String>>,
}

impl Checks<'_> {
    fn settings(&mut self, written: &Configuration) -> Option<Settings> {
        let timing = Timing {
            schedule: written.schedule.as_ref(),
            timezone: written.timezone.as_ref(),
            jitter: written.jitter.as_ref(),
        };
        let jitter = self.jitter(timing.jitter);
        let schedule = self.schedule(timing, jitter);
        let policy = written.policy.as_ref();
        let general = policy.map_or_else(Default::default, |p| self.policy(p, timing.timezone));
        let rules = policy.map_or_else(Default::default, |p| self.judgement(p));
        let mut policy = PolicySettings::default();
        general.apply(&mut policy);
        let mut timeouts = Timeouts::default();
        self.timeouts(written.timeouts.as_ref())
            .apply(&mut timeouts);
        let engine = self.engine(written.engine.as_ref());
        let sources = self.sources(&written.sources);
        let notify = self.notify(written);
        let reports = self.reports(written, timing);
        let budgets = self.budgets(written);
        let dedications = self.dedications(written);
        let settings = Settings {
            digest: std::mem::take(&mut self.digest),
            data_dir: self.path_or(written.data_dir.as_ref(), DEFAULT_DATA_DIR),
            database: match written.store.as_ref() {
                Some(store) => Some(self.database(store, written.ca_file.as_ref())?),
                None => None,
            },
            installation_key_file: self.path(written.installation_key_file.as_ref()),
            ca_file: self.path(written.ca_file.as_ref()),
            api: self.api(written.api.as_ref()),
            jobs: self.jobs(written.jobs.as_ref()),
            dedications,
            stacks: self.stacks(written, timing),
            sources,
            rules,
            notify,
            telling: self.telling(written),
            artifacts: self.artifacts(written.artifacts.as_ref()),
            snapshots: self.snapshots(written.snapshots.as_ref()),
            rego: self.rego(written.policy.as_ref().and_then(|p| p.rego.as_ref())),
            shutdown_grace: self
                .positive(written.shutdown_grace.as_ref())
                .unwrap_or(DEFAULT_SHUTDOWN_GRACE),
            defaults: StackSettings {
                workspace: None,
                var_files: Vec::new(),
                backend_config: Vec::new(),
                plan_env: self.environment(&written.env),
                apply_env: self.environment(&written.apply_env),
                engine: engine.unwrap_or_else(|| DEFAULT_ENGINE.to_owned()),
                schedule: schedule?,
                timeouts,
                labels: std::collections::BTreeMap::new(),
                watch: Vec::new(),
                adaptive: self.adaptive(written.adaptive.as_ref()).flatten(),
                state_watch: self.state_watch(written.state_watch.as_ref()).flatten(),
                after: Vec::new(),
                policy,
                disabled: false,
            },
            heartbeat: match written.heartbeat.as_ref() {
                Some(heartbeat) => Some(self.heartbeat(heartbeat)?),
                None => None,
            },
            reports,
            budgets,
            warnings: std::mem::take(&mut self.warnings),
        };
        Some(settings)
    }

    fn jitter(&mut self, written: Option<&At<String>>) -> SignedDuration {
        self.optional(written)
            .and_then(|jitter| SignedDuration::try_from(jitter).ok())
            .unwrap_or(DEFAULT_JITTER)
    }

    fn schedule(&mut self, timing: Timing, jitter: SignedDuration) -> Option<Schedule> {
        let expression = timing.schedule.map_or(DEFAULT_SCHEDULE, |s| s.as_str());
        let zone = timing.timezone.map_or(DEFAULT_ZONE, |z| z.as_str());
        match Schedule::parse(expression, zone, jitter, self.now) {
            Ok(schedule) => Some(schedule),
            Err(error) => {
                let (at, remedy) = match &error {
                    ScheduleError::Zone { zone } => (timing.timezone, zone_remedy(zone)),
                    ScheduleError::Cron { .. } => (
                        timing.schedule,
                        "write minute, hour, day of month, month and day of week, for example \
                         `*/30 * * * *`"
                            .to_owned(),
                    ),
                    ScheduleError::Never { .. } => (
                        timing.schedule,
                        "choose a date that exists, for example `0 0 1 * *`".to_owned(),
                    ),
                };
                self.problems.push(match at {
                    Some(at) => Problem::at(at.place(), error.to_string(), remedy),
                    None => Problem::general(error.to_string(), remedy),
                });
                None
            }
        }
    }

    fn api(&mut self, written: Option<&Api>) -> ApiSettings {
        let listen = written.and_then(|api| api.listen.as_ref());
        let listen = listen.and_then(|at| {
            let parsed = at.parse().ok();
            if parsed.is_none() {
                self.problem(
                    at,
                    "this is not an address and a port",
                    "write an IP address and a port, for example `127.0.0.1:8080`, or \
                     `0.0.0.0:8080` for all interfaces",
                );
            }
            parsed
        });
        ApiSettings {
            listen: listen.unwrap_or_else(|| DEFAULT_LISTEN.into()),
            token: written
                .and_then(|api| self.secret(api.token_file.as_ref(), api.token_env.as_ref())),
        }
    }

    fn jobs(&mut self, written: Option<&At<u32>>) -> usize {
        let Some(jobs) = written else {
            return std::thread::available_parallelism().map_or(1, usize::from);
        };
        if **jobs == 0 || **jobs > MOST_JOBS {
            self.problem(
                jobs,
                "this many runs at once cannot be",
                format!("choose between 1 and {MOST_JOBS}"),
            );
        }
        usize::try_from(**jobs).unwrap_or(1)
    }

    /// `terraform`, `tofu` or an absolute path.
    fn engine(&mut self, written: Option<&At<String>>) -> Option<String> {
        let engine = written?;
        if engine.contains('/') {
            let path = self.base.join(engine.as_str());
            return Some(path.display().to_string());
        }
        if !matches!(engine.as_str(), "terraform" | "tofu") {
            self.problem(
                engine,
                "this is no engine",
                "write `terraform`, `tofu` or the path of a binary",
            );
        }
        Some(engine.to_string())
    }

    fn path(&mut self, written: Option<&At<PathBuf>>) -> Option<PathBuf> {
        let path = written?;
        if path.as_os_str().is_empty() {
            self.problem(path, "the path is empty", "write a path");
        } else if path.starts_with("~") {
            self.problem(
                path,
                "`~` means nothing here",
                "write the path of the directory in full",
            );
        }
        Some(self.base.join(&**path))
    }

    fn path_or(&mut self, written: Option<&At<PathBuf>>, default: &str) -> PathBuf {
        self.path(written).unwrap_or_else(|| default.into())
    }
}

fn zone_remedy(zone: &str) -> String {
    let names: Vec<String> = jiff::tz::db()
        .available()
        .map(|name| name.as_str().to_owned())
        .collect();
    match nearest(zone, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a name of the IANA database, for example `UTC` or `Europe/Berlin`".into(),
    }
}

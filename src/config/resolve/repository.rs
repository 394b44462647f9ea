//! Settings that stand in a repository.

use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::at::At;
use super::super::error::{Problem, quoted};
use super::super::policy::Rule;
use super::super::repository::{RepositoryFile, RepositoryPolicy, RepositoryRule};
use super::Checks;
use crate::domain::policy::{Restriction, Tightening};
use crate::reconcile::settings::RepositorySettings;

/// Checks the settings file of a repository.
pub(in super::super) fn repository(
    written: RepositoryFile,
) -> Result<RepositorySettings, Vec<Problem>> {
    let mut checks = Checks {
        digest: String::new(),
        base: Path::new(""),
        // Nothing here depends on what time it is.
        now: Timestamp::UNIX_EPOCH,
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    let zone = written.timezone.as_ref();
    if let Some(zone) = zone {
        checks.zone(zone);
    }
    let watch = checks.watch(&written.watch);
    let policy = written.policy.map(|policy| checks.tightening(policy, zone));
    let settings = RepositorySettings {
        policy: policy.unwrap_or_default(),
        watch,
    };
    if checks.problems.is_empty() {
        Ok(settings)
    } else {
        Err(checks.problems)
    }
}

impl Checks<'_> {
    fn zone(&mut self, zone: &At<String>) {
        if TimeZone::get(zone).is_err() {
            self.problem(
                zone,
                format!("{} is no time zone", quoted(zone)),
                "write an IANA name, for example `Europe/Berlin`",
            );
        }
    }

    fn tightening(&mut self, written: RepositoryPolicy, zone: Option<&At<String>>) -> Tightening {
        let stack = written.limits.as_ref().and_then(|l| l.stack.as_ref());
        let hold_off = self.optional(written.hold_off.as_ref());
        let windows = self.windows(written.windows.as_deref(), zone);
        let freezes = self.freezes(written.freezes.as_deref(), zone);
        Tightening {
            mode: self.mode(written.mode.as_ref()),
            windows: windows.unwrap_or_default(),
            freezes: freezes.unwrap_or_default(),
            stack_limit: self.apply_limit(stack),
            max_changes: written
                .max_changes
                .as_ref()
                .map(|most| self.at_least_one(most)),
            hold_off: hold_off.and_then(|time| SignedDuration::try_from(time).ok()),
            rules: self.restrictions(written.rules, zone),
            ..Tightening::default()
        }
    }

    fn restrictions(
        &mut self,
        written: Vec<RepositoryRule>,
        zone: Option<&At<String>>,
    ) -> Vec<Restriction> {
        let mut rules: Vec<Rule> = Vec::new();
        for rule in written {
            if rule.effect.restricts() {
                rules.push(rule.into_rule());
                continue;
            }
            self.problem(
                &rule.effect,
                format!(
                    "a repository can tighten policy and never loosen it, so no rule here can be `{}`",
                    rule.effect.as_str()
                ),
                "write `ask` or `refuse`; what may be done without asking, and what is left alone, \
                 stands in the operator's configuration",
            );
        }
        let rules = self.rules(Some(&rules), zone).unwrap_or_default();
        let rules = rules.into_iter();
        rules
            .filter_map(|rule| Restriction::try_from(rule).ok())
            .collect()
    }
}

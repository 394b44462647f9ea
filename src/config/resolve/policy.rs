//! Policy and time limits.

use std::path::PathBuf;

use jiff::SignedDuration;

use super::super::at::At;
use super::super::error::quoted;
use super::super::policy::{ApplyLimit, Contested, Freeze, Rego};
use super::super::syntax::one_of;
use super::super::written::{Hours, Policy, StackPolicy, Timeouts};
use super::Checks;
use crate::domain::hours::Hours as Window;
use crate::domain::policy::{ApplyLimit as Limit, Contest, Freeze as Frozen, PolicyMode};
use crate::reconcile::settings::{PolicyOverrides, TimeoutOverrides};
use crate::rego::settings::{Namespaces, RegoSettings};

impl Checks<'_> {
    /// The policies themselves are read when the daemon starts, or `config check` is asked.
    pub(super) fn rego(&mut self, written: Option<&Rego>) -> Option<RegoSettings> {
        let written = written?;
        let mut paths = |paths: &[At<PathBuf>]| -> Vec<PathBuf> {
            paths
                .iter()
                .filter_map(|path| self.path(Some(path)))
                .collect()
        };
        let mut settings = RegoSettings {
            data: paths(&written.data),
            ..RegoSettings::new(paths(&written.policies))
        };
        if let Some(names) = &written.namespaces {
            settings.namespaces = match names.as_slice() {
                [all] if all == "*" => Namespaces::All,
                names => Namespaces::Named(names.to_vec()),
            };
        }
        if let Some(time) = self.positive(written.time.as_ref()) {
            settings.limits.time = time;
        }
        Some(settings)
    }

    pub(super) fn policy(
        &mut self,
        written: &Policy,
        zone: Option<&At<String>>,
    ) -> PolicyOverrides {
        let limits = written.limits.as_ref();
        let max_changes = written.max_changes.as_ref();
        PolicyOverrides {
            mode: self.mode(written.mode.as_ref()),
            rules: self.rules(written.rules.as_deref(), zone),
            safe: self.safe(written.safe.as_deref()),
            shadow: written.shadow,
            windows: self.windows(written.windows.as_deref(), zone),
            freezes: self.freezes(written.freezes.as_deref(), zone),
            stack_limit: self.apply_limit(limits.and_then(|l| l.stack.as_ref())),
            fleet_limit: self.apply_limit(limits.and_then(|l| l.fleet.as_ref())),
            max_changes: max_changes.map(|most| self.at_least_one(most)),
            contested: self.contest(written.contested.as_ref()),
            hold_off: self.optional(written.hold_off.as_ref()),
            approval_expires: self.optional(written.approval_expires.as_ref()),
            pending_after: self.optional(written.pending_after.as_ref()),
            confirm_after: self.positive(written.confirm_after.as_ref()),
            max_age: self.positive(written.max_age.as_ref()),
        }
    }

    pub(super) fn stack_policy(
        &mut self,
        written: &StackPolicy,
        zone: Option<&At<String>>,
    ) -> PolicyOverrides {
        let limits = written.limits.as_ref();
        let max_changes = written.max_changes.as_ref();
        PolicyOverrides {
            mode: self.mode(written.mode.as_ref()),
            rules: self.rules(written.rules.as_deref(), zone),
            safe: self.safe(written.safe.as_deref()),
            shadow: written.shadow,
            windows: self.windows(written.windows.as_deref(), zone),
            freezes: self.freezes(written.freezes.as_deref(), zone),
            stack_limit: self.apply_limit(limits.and_then(|l| l.stack.as_ref())),
            fleet_limit: self.apply_limit(limits.and_then(|l| l.fleet.as_ref())),
            max_changes: max_changes.map(|most| self.at_least_one(most)),
            contested: self.contest(written.contested.as_ref()),
            hold_off: self.optional(written.hold_off.as_ref()),
            approval_expires: self.optional(written.approval_expires.as_ref()),
            pending_after: self.optional(written.pending_after.as_ref()),
            confirm_after: self.positive(written.confirm_after.as_ref()),
            max_age: self.positive(written.max_age.as_ref()),
        }
    }

    pub(super) fn timeouts(&mut self, written: Option<&Timeouts>) -> TimeoutOverrides {
        let Some(written) = written else {
            return TimeoutOverrides::default();
        };
        TimeoutOverrides {
            init: self.positive(written.init.as_ref()),
            plan: self.positive(written.plan.as_ref()),
            apply: self.positive(written.apply.as_ref()),
            grace: self.positive(written.grace.as_ref()),
        }
    }

    pub(super) fn mode(&mut self, written: Option<&At<String>>) -> Option<PolicyMode> {
        let mode = written?;
        match mode.as_str() {
            "observe" => Some(PolicyMode::Observe),
            "heal" => Some(PolicyMode::Heal),
            "sync" => Some(PolicyMode::Sync),
            other => {
                self.problem(
                    mode,
                    format!("{} is no mode", quoted(other)),
                    one_of(other, &["observe", "heal", "sync"]),
                );
                None
            }
        }
    }

    pub(super) fn windows(
        &mut self,
        written: Option<&[Hours]>,
        zone: Option<&At<String>>,
    ) -> Option<Vec<Window>> {
        let windows = written?.iter();
        Some(windows.filter_map(|w| self.hours(w, zone)).collect())
    }

    pub(super) fn freezes(
        &mut self,
        written: Option<&[Freeze]>,
        zone: Option<&At<String>>,
    ) -> Option<Vec<Frozen>> {
        let freezes = written?.iter();
        Some(freezes.filter_map(|f| self.freeze(f, zone)).collect())
    }

    fn freeze(&mut self, written: &Freeze, zone: Option<&At<String>>) -> Option<Frozen> {
        let from = self.moment(&written.from, zone, false)?;
        let to = self.moment(&written.to, zone, true)?;
        if to <= from {
            self.problem(
                &written.to,
                "this is over before it begins",
                "write the first day as `from` and the last as `to`",
            );
        }
        Some(Frozen {
            from,
            to,
            reason: self.text(&written.reason),
        })
    }

    pub(super) fn apply_limit(&mut self, written: Option<&ApplyLimit>) -> Option<Limit> {
        let written = written?;
        let applies = self.at_least_one(&written.applies);
        let within = self.positive(Some(&written.within))?;
        Some(Limit {
            applies,
            within: SignedDuration::try_from(within).ok()?,
        })
    }

    fn contest(&mut self, written: Option<&Contested>) -> Option<Contest> {
        let written = written?;
        let mut contest = Contest::default();
        if let Some(times) = &written.times {
            contest.times = self.at_least_one(times);
        }
        if let Some(within) = self.positive(written.within.as_ref()) {
            contest.within = SignedDuration::try_from(within).unwrap_or(contest.within);
        }
        Some(contest)
    }
}

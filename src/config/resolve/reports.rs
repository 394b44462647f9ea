//! Reports on a schedule.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::super::at::At;
use super::super::error::quoted;
use super::super::written::{Configuration, Report};
use super::{Checks, Timing};
use crate::domain::posture::Filter;
use crate::domain::report::Each;
use crate::reconcile::settings::ReportSettings;

impl Checks<'_> {
    pub(super) fn reports(
        &mut self,
        written: &Configuration,
        timing: Timing<'_>,
    ) -> Vec<ReportSettings> {
        let names: BTreeSet<&str> = written.notify.iter().map(|n| n.name.as_str()).collect();
        self.unique("report", written.reports.iter().map(|report| &report.name));
        let reports = written.reports.iter();
        reports
            .filter_map(|report| self.report(report, timing, &names))
            .collect()
    }

    fn report(
        &mut self,
        written: &Report,
        timing: Timing<'_>,
        known: &BTreeSet<&str>,
    ) -> Option<ReportSettings> {
        self.name(&written.name);
        if let Some(notify) = &written.notify {
            if notify.is_empty() {
                self.problem(
                    notify,
                    "the report goes to nobody",
                    "name receivers, for example `notify: [team]`, or take the key away: the routes \
                     say who then",
                );
            }
            self.receivers(notify, known);
        } else if known.is_empty() {
            self.problem(
                &written.name,
                "the report goes to nobody: there are no receivers",
                "add a receiver to the top-level list `notify`",
            );
        }
        let filter = written
            .when
            .as_ref()
            .map_or_else(Filter::default, |when| Filter {
                which: self.selection(&when.stacks, &when.sources, &when.labels, &when.owners),
                severity: when.severity,
            });
        let since = self.positive(written.since.as_ref());
        let each = written.each.as_ref().and_then(|each| self.each(each));
        let timing = Timing {
            schedule: Some(&written.schedule),
            timezone: written.timezone.as_ref().or(timing.timezone),
            ..timing
        };
        let schedule = self.schedule(timing, SignedDuration::ZERO)?;
        let notify = written.notify.iter().flat_map(|notify| notify.iter());
        Some(ReportSettings {
            name: written.name.to_string(),
            schedule,
            since: since.and_then(|since| SignedDuration::try_from(since).ok()),
            filter,
            each,
            notifiers: notify.map(|name| name.to_string()).collect(),
        })
    }

    fn each(&mut self, written: &At<String>) -> Option<Each> {
        let label = written.strip_prefix("label ").map(str::trim);
        match (written.as_str(), label) {
            ("owner", _) => Some(Each::Owner),
            (_, Some(label)) if !label.is_empty() => Some(Each::Label(label.to_owned())),
            _ => {
                self.problem(
                    written,
                    format!("there is no report for each {}", quoted(written)),
                    "write `owner`, or `label` and the name of one, for example `label team`",
                );
                None
            }
        }
    }
}

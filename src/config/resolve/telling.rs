//! When people are told, and who of what.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use super::super::at::At;
use super::super::error::quoted;
use super::super::syntax::one_of;
use super::super::written::{
    Alerts, Configuration, Hours as WrittenHours, Limit as WrittenLimit, Route as WrittenRoute,
    Times,
};
use super::Checks;
use super::values::Steps;
use crate::domain::alert::AlertKind;
use crate::domain::compose::Limit;
use crate::domain::hours::Hours;
use crate::domain::ids::SourceName;
use crate::domain::pattern::{NamePattern, StackPattern};
use crate::domain::route::{Condition, Route, Subject};
use crate::domain::selection::Selection;
use crate::domain::timing::{BySeverity, Timings};
use crate::reconcile::settings::{MannerSettings, TellingSettings};

/// Instead of a duration.
const NEVER: &str = "never";
const KINDS: [&str; 6] = ["drift", "pending", "failed", "apply", "repaired", "report"];
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl Checks<'_> {
    pub(super) fn telling(&mut self, written: &Configuration) -> TellingSettings {
        let mut telling = TellingSettings::default();
        if let Some(alerts) = &written.alerts {
            telling.timings = self.timings(alerts);
            if let Some(wait) = self.signed(alerts.group_wait.as_ref()) {
                telling.group_wait = wait;
            }
            if let Some(interval) = self.signed(alerts.group_interval.as_ref()) {
                telling.group_interval = interval;
            }
        }
        let zone = written.timezone.as_ref();
        let names: BTreeSet<&str> = written.notify.iter().map(|n| n.name.as_str()).collect();
        let routes = written.routes.iter();
        telling.routes = routes
            .map(|route| self.route(route, &names, zone))
            .collect();
        telling.manners = written
            .notify
            .iter()
            .map(|notifier| {
                let quiet = notifier.quiet.as_ref();
                let manner = MannerSettings {
                    quiet: quiet.and_then(|hours| self.hours(hours, zone)),
                    limit: notifier.limit.as_ref().and_then(|limit| self.limit(limit)),
                };
                (notifier.name.to_string(), manner)
            })
            .collect();
        telling
    }

    fn signed(&mut self, written: Option<&At<String>>) -> Option<SignedDuration> {
        let duration = self.optional(written)?;
        SignedDuration::try_from(duration).ok()
    }

    fn timings(&mut self, written: &Alerts) -> Timings {
        let mut timings = Timings::default();
        if let Some(times) = &written.persist {
            let persist = &mut timings.persist;
            for (written, value) in each(times, persist) {
                if let Some(duration) = self.signed(written.as_ref()) {
                    *value = duration;
                }
            }
        }
        for (times, values) in [
            (&written.remind, &mut timings.remind),
            (&written.escalate, &mut timings.escalate),
        ] {
            let Some(times) = times else {
                continue;
            };
            for (written, value) in each(times, values) {
                match written {
                    Some(written) if written.as_str() == NEVER => *value = None,
                    Some(_) => {
                        let duration = self.positive(written.as_ref());
                        *value = duration.and_then(|d| SignedDuration::try_from(d).ok());
                    }
                    None => {}
                }
            }
        }
        if let Some(failures) = &written.failures {
            if !(1..=100).contains(&**failures) {
                self.problem(failures, "this is no count of looks", "write 1 to 100");
            }
            timings.failures = (**failures).clamp(1, 100);
        }
        timings
    }

    fn route(
        &mut self,
        written: &WrittenRoute,
        known: &BTreeSet<&str>,
        zone: Option<&At<String>>,
    ) -> Route {
        self.receivers(&written.notify, known);
        self.receivers(&written.escalate, known);
        let names = |names: &[At<String>]| names.iter().map(|name| name.to_string()).collect();
        let when = written.when.as_ref();
        let condition = when.map_or_else(Condition::default, |when| Condition {
            which: self.selection(&when.stacks, &when.sources, &when.labels, &when.owners),
            severity: when.severity,
            kinds: when
                .kinds
                .iter()
                .filter_map(|kind| self.kind(kind))
                .collect(),
            hours: when
                .hours
                .as_ref()
                .and_then(|hours| self.hours(hours, zone)),
        });
        Route {
            when: condition,
            to: names(&written.notify),
            escalate_to: names(&written.escalate),
            goes_on: written.goes_on,
        }
    }

    /// Says so of names that no receiver has.
    pub(super) fn receivers(&mut self, names: &[At<String>], known: &BTreeSet<&str>) {
        for name in names {
            if !known.contains(name.as_str()) {
                let known: Vec<&str> = known.iter().copied().collect();
                self.problem(
                    name,
                    format!("no receiver is called {}", quoted(name)),
                    one_of(name, &known),
                );
            }
        }
    }

    pub(super) fn selection(
        &mut self,
        stacks: &[At<String>],
        sources: &[At<String>],
        labels: &BTreeMap<String, At<String>>,
        owners: &[At<String>],
    ) -> Selection {
        let mut selection = Selection {
            sources: sources
                .iter()
                .map(|name| SourceName::new(name.as_str()))
                .collect(),
            ..Selection::default()
        };
        for pattern in stacks {
            self.glob(pattern, Steps::WithinDirectory);
            selection.stacks.extend(StackPattern::parse(pattern));
        }
        for (label, pattern) in labels {
            self.glob(pattern, Steps::Freely);
            let pattern = NamePattern::parse(pattern).ok();
            selection
                .labels
                .extend(pattern.map(|pattern| (label.clone(), pattern)));
        }
        for pattern in owners {
            self.glob(pattern, Steps::Freely);
            selection.owners.extend(NamePattern::parse(pattern));
        }
        selection
    }

    fn kind(&mut self, written: &At<String>) -> Option<Subject> {
        match written.as_str() {
            "repaired" => return Some(Subject::Repair),
            "report" => return Some(Subject::Report),
            _ => {}
        }
        let kind = AlertKind::parse(written);
        if kind.is_none() {
            self.problem(
                written,
                format!("{} is no kind of news", quoted(written)),
                one_of(written, &KINDS),
            );
        }
        kind.map(Subject::Alert)
    }

    pub(super) fn hours(
        &mut self,
        written: &WrittenHours,
        zone: Option<&At<String>>,
    ) -> Option<Hours> {
        let (from, to) = (self.time(&written.from), self.time(&written.to));
        let days = written.days.iter();
        let days = days.filter_map(|day| self.day(day)).collect();
        let zone = match written.timezone.as_ref().or(zone) {
            None => TimeZone::UTC,
            Some(name) => match TimeZone::get(name) {
                Ok(zone) => zone,
                Err(_) => {
                    self.problem(
                        name,
                        format!("{} is no time zone", quoted(name)),
                        "write an IANA name, for example `Europe/Berlin`",
                    );
                    return None;
                }
            },
        };
        Some(Hours {
            days,
            from: from?,
            to: to?,
            zone,
        })
    }

    fn time(&mut self, written: &At<String>) -> Option<Time> {
        let time = Time::strptime("%H:%M", written.as_str()).ok();
        if time.is_none() {
            self.problem(
                written,
                "this is no time of the day",
                "write it in quotes as hours and minutes, for example \"22:00\"",
            );
        }
        time
    }

    fn day(&mut self, written: &At<String>) -> Option<Weekday> {
        let known = DAYS.iter().find(|(name, _)| *name == written.as_str());
        if known.is_none() {
            let names: Vec<&str> = DAYS.iter().map(|(name, _)| *name).collect();
            self.problem(
                written,
                format!("{} is no day of the week", quoted(written)),
                one_of(written, &names),
            );
        }
        known.map(|(_, day)| *day)
    }

    fn limit(&mut self, written: &WrittenLimit) -> Option<Limit> {
        let messages = *written.messages;
        if messages == 0 {
            self.problem(
                &written.messages,
                "with this limit nothing is ever told",
                "write 1 or more",
            );
        }
        let within = self.positive(Some(&written.within))?;
        Some(Limit {
            messages: usize::try_from(messages).unwrap_or(usize::MAX).max(1),
            within: SignedDuration::try_from(within).ok()?,
        })
    }
}

fn each<'w, T>(
    times: &'w Times,
    values: &'w mut BySeverity<T>,
) -> [(&'w Option<At<String>>, &'w mut T); 4] {
    [
        (&times.critical, &mut values.critical),
        (&times.high, &mut values.high),
        (&times.medium, &mut values.medium),
        (&times.low, &mut values.low),
    ]
}

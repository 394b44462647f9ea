//! When a stack is due. Cron semantics (five fields, zones, daylight saving) are croner's.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use sha2::{Digest, Sha256};

use super::ids::StackId;

/// A five-field cron expression in a time zone, with a spread so that not everything starts at once.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    jitter: SignedDuration,
}

/// A schedule that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Not a cron expression.
    #[error("`{expression}` is not a five-field cron expression: {cause}")]
    Cron {
        /// As written.
        expression: String,
        /// What the parser says.
        cause: String,
    },
    /// It never fires, like 30 February.
    #[error("`{expression}` never comes")]
    Never {
        /// As written.
        expression: String,
    },
    /// No such time zone.
    #[error("`{zone}` is no time zone of the IANA database")]
    Zone {
        /// As written.
        zone: String,
    },
}

impl Schedule {
    /// Reads an expression (`*/30 * * * *`) and a zone (`Europe/Berlin`); `now` is only used to see
    /// that the expression ever fires.
    pub fn parse(
        expression: &str,
        zone: &str,
        jitter: SignedDuration,
        now: Timestamp,
    ) -> Result<Self, ScheduleError> {
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(expression)
            .map_err(|e| ScheduleError::Cron {
                expression: expression.to_owned(),
                cause: e.to_string(),
            })?;
        let zone = TimeZone::get(zone).map_err(|_| ScheduleError::Zone {
            zone: zone.to_owned(),
        })?;
        cron.find_next_occurrence(&now.to_zoned(zone.clone()), false)
            .map_err(|_| ScheduleError::Never {
                expression: expression.to_owned(),
            })?;
        Ok(Self { cron, zone, jitter })
    }

    /// The next time after `after` at which this stack is due: the expression's next time plus the
    /// stack's own share of the jitter, which is the same on every machine and after every restart.
    pub fn next(&self, after: Timestamp, stack: &StackId) -> Option<Timestamp> {
        let offset = self.offset(stack);
        let from = after.checked_sub(offset).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&from, false).ok()?;
        next.timestamp().checked_add(offset).ok()
    }

    fn offset(&self, stack: &StackId) -> SignedDuration {
        share(stack, self.jitter)
    }
}

/// A stack's own share of a time, in whole seconds and less than all of it: the same on every machine and
/// after every restart, and spread over all stacks.
pub fn share(stack: &StackId, time: SignedDuration) -> SignedDuration {
    let hash = Sha256::digest(stack.as_str().as_bytes());
    let share = hash
        .iter()
        .take(4)
        .fold(0u64, |acc, byte| (acc << 8) | u64::from(*byte));
    let seconds = u64::try_from(time.as_secs()).unwrap_or(0);
    let offset = share.checked_rem(seconds.max(1)).unwrap_or(0);
    SignedDuration::from_secs(i64::try_from(offset).unwrap_or(0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn schedule(expression: &str, zone: &str, jitter: i64) -> Schedule {
        let jitter = SignedDuration::from_secs(jitter);
        Schedule::parse(expression, zone, jitter, at("2026-01-01T00:00:00Z")).unwrap()
    }

    #[test]
    fn a_nightly_job_runs_once_on_each_day_of_a_clock_change() {
        let nightly = schedule("30 2 * * *", "Europe/Berlin", 0);
        let stack = StackId::new("infra/a");
        let spring = nightly.next(at("2026-03-28T12:00:00Z"), &stack).unwrap();
        assert!(spring >= at("2026-03-29T01:00:00Z") && spring <= at("2026-03-29T01:30:00Z"));
        let autumn = nightly.next(at("2026-10-24T12:00:00Z"), &stack).unwrap();
        assert_eq!(autumn, at("2026-10-25T00:30:00Z"));
        assert_eq!(
            nightly.next(autumn, &stack).unwrap(),
            at("2026-10-26T01:30:00Z")
        );
    }

    #[test]
    fn jitter_is_stable_bounded_and_spreads() {
        let schedule = schedule("*/30 * * * *", "UTC", 600);
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..50 {
            let stack = StackId::new(format!("infra/{n}"));
            let first = schedule.next(at("2026-01-01T00:10:00Z"), &stack).unwrap();
            assert!(first >= at("2026-01-01T00:10:00Z") && first < at("2026-01-01T00:40:00Z"));
            assert_eq!(
                schedule.next(at("2026-01-01T00:10:00Z"), &stack).unwrap(),
                first
            );
            let second = schedule.next(first, &stack).unwrap();
            assert_eq!(second.duration_since(first), SignedDuration::from_mins(30));
            seen.insert(first);
        }
        assert!(seen.len() > 25);
    }

    #[test]
    fn what_cannot_fire_is_refused() {
        let parse = |expression| {
            Schedule::parse(
                expression,
                "UTC",
                SignedDuration::ZERO,
                at("2026-01-01T00:00:00Z"),
            )
        };
        assert!(matches!(
            parse("0 0 30 2 *"),
            Err(ScheduleError::Never { .. })
        ));
        assert!(matches!(
            parse("0 0 0 * * *"),
            Err(ScheduleError::Cron { .. })
        ));
        assert!(matches!(
            parse("61 * * * *"),
            Err(ScheduleError::Cron { .. })
        ));
        assert!(matches!(
            Schedule::parse(
                "0 0 * * *",
                "Mars/Base",
                SignedDuration::ZERO,
                at("2026-01-01T00:00:00Z")
            ),
            Err(ScheduleError::Zone { .. })
        ));
    }
}

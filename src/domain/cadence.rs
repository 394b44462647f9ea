//! How often a stack is looked at on which nothing happens.

use jiff::{SignedDuration, Timestamp};

use super::check::StackCheck;
use super::finding::Verdict;
use super::ids::StackId;
use super::policy::DecisionKind;
use super::schedule::Schedule;

/// A stack that has been quiet for twelve hours is looked at once an hour, and so on.
const PART: i32 = 12;

/// Stacks on which nothing happens are looked at less often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// The most time between two looks.
    pub max_interval: SignedDuration,
}

/// A stack and what its looks tell of how quiet it is.
#[derive(Debug, Clone, Copy)]
pub struct Rest<'a> {
    /// The stack.
    pub stack: &'a StackId,
    /// When it was looked at, or is now.
    pub last: Timestamp,
    /// Since when nothing has happened on it; none if something does.
    pub quiet_since: Option<Timestamp>,
    /// A look older than this says nothing any more.
    pub max_age: SignedDuration,
}

impl Cadence {
    /// The next time at which a stack is looked at: one of its schedule, the next one unless the stack has
    /// been quiet for long. It never waits longer than a twelfth of the time that it has been quiet, than
    /// the operator's limit, and than half of the time after which a look says nothing any more.
    pub fn next(&self, schedule: &Schedule, rest: &Rest<'_>) -> Option<Timestamp> {
        let normal = schedule.next(rest.last, rest.stack)?;
        Some(self.later(schedule, rest, normal).unwrap_or(normal))
    }

    fn later(&self, schedule: &Schedule, rest: &Rest<'_>, normal: Timestamp) -> Option<Timestamp> {
        let quiet = rest.last.duration_since(rest.quiet_since?);
        let most = (quiet / PART).min(self.max_interval).min(rest.max_age / 2);
        let latest = rest.last.checked_add(most).ok()?;
        let interval = schedule.next(normal, rest.stack)?.duration_since(normal);
        let after = latest.checked_sub(interval).ok()?;
        let later = schedule.next(after.max(normal), rest.stack)?;
        (after >= normal && later <= latest).then_some(later)
    }
}

/// Since when nothing has happened on a stack, after one more look at it: it is in sync, nothing is to be
/// told, and nobody has touched it, its code or its state.
pub fn quiet_since(
    before: Option<Timestamp>,
    check: &StackCheck,
    touched: bool,
    now: Timestamp,
) -> Option<Timestamp> {
    let is_quiet = check.verdict == Verdict::InSync && check.decision.kind == DecisionKind::Nothing;
    is_quiet.then(|| before.filter(|_| !touched).unwrap_or(now))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::policy::Decision;
    use crate::domain::testing::check;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn next(expression: &str, last: &str, quiet: Option<&str>, hours: [i64; 2]) -> Timestamp {
        let now = at("2026-01-01T00:00:00Z");
        let schedule = Schedule::parse(expression, "UTC", SignedDuration::ZERO, now).unwrap();
        let [max_interval, max_age] = hours.map(SignedDuration::from_hours);
        let rest = Rest {
            stack: &StackId::new("infra/a"),
            last: at(last),
            quiet_since: quiet.map(at),
            max_age,
        };
        Cadence { max_interval }.next(&schedule, &rest).unwrap()
    }

    #[test]
    fn the_longer_it_is_quiet_the_rarer_the_looks() {
        let after = |quiet| next("*/30 * * * *", "2026-03-10T12:00:10Z", quiet, [6, 24]);
        assert_eq!(after(None), at("2026-03-10T12:30:00Z"));
        assert_eq!(
            after(Some("2026-03-10T06:00:00Z")),
            at("2026-03-10T12:30:00Z")
        );
        assert_eq!(
            after(Some("2026-03-10T00:00:00Z")),
            at("2026-03-10T13:00:00Z")
        );
        assert_eq!(
            after(Some("2026-03-09T12:00:00Z")),
            at("2026-03-10T14:00:00Z")
        );
        assert_eq!(
            after(Some("2026-01-01T00:00:00Z")),
            at("2026-03-10T18:00:00Z")
        );
    }

    #[test]
    fn a_look_never_comes_later_than_half_of_the_time_that_it_counts() {
        let last = "2026-03-10T12:00:00Z";
        let quiet = Some("2026-01-01T00:00:00Z");
        assert_eq!(
            next("*/30 * * * *", last, quiet, [48, 6]),
            at("2026-03-10T15:00:00Z")
        );
        // The operator's own schedule is rarer than that.
        assert_eq!(
            next("0 8 * * *", last, quiet, [48, 6]),
            at("2026-03-11T08:00:00Z")
        );
        // Where the schedule pauses, the last look before the pause is not left out.
        let friday = "2026-03-13T16:00:00Z";
        assert_eq!(
            next("0 8-18 * * 1-5", friday, quiet, [6, 24]),
            at("2026-03-13T17:00:00Z")
        );
    }

    #[test]
    fn whatever_happens_brings_the_normal_cadence_back() {
        let (before, now) = (at("2026-03-01T00:00:00Z"), at("2026-03-10T00:00:00Z"));
        let mut look = check(vec![]);
        (look.verdict, look.decision) = (Verdict::InSync, Decision::new(DecisionKind::Nothing));
        assert_eq!(quiet_since(None, &look, false, now), Some(now));
        assert_eq!(quiet_since(Some(before), &look, false, now), Some(before));
        assert_eq!(quiet_since(Some(before), &look, true, now), Some(now));
        // Something that no apply would put back, or a failing check.
        look.decision = Decision::new(DecisionKind::Alert);
        assert_eq!(quiet_since(Some(before), &look, false, now), None);
        look.decision = Decision::new(DecisionKind::Nothing);
        for verdict in [Verdict::Drifted, Verdict::Pending, Verdict::Failed] {
            look.verdict = verdict;
            assert_eq!(quiet_since(Some(before), &look, false, now), None);
        }
    }

    proptest! {
        #[test]
        fn the_next_look_is_one_of_the_schedule_and_within_every_limit(
            expression in prop::sample::select(vec![
                "*/10 * * * *", "*/30 * * * *", "5 */2 * * *", "0 8-18 * * 1-5", "0 0 * * *",
            ]),
            last in 0i64..40_000_000,
            quiet in prop::option::of(0i64..5_000_000),
            max_interval in 1i64..400_000,
            max_age in 1i64..400_000,
            jitter in 0i64..900,
        ) {
            let seconds = SignedDuration::from_secs;
            let last = Timestamp::from_second(1_767_225_600 + last).unwrap();
            let schedule = Schedule::parse(expression, "UTC", seconds(jitter), last).unwrap();
            let stack = StackId::new("infra/a");
            let cadence = Cadence { max_interval: seconds(max_interval) };
            let rest = Rest {
                stack: &stack,
                last,
                quiet_since: quiet.map(|quiet| last - seconds(quiet)),
                max_age: seconds(max_age),
            };
            let normal = schedule.next(last, &stack).unwrap();
            let next = cadence.next(&schedule, &rest).unwrap();
            prop_assert!(next >= normal);
            prop_assert_eq!(schedule.next(next - seconds(1), &stack), Some(next));
            if next > normal {
                let quiet = quiet.unwrap();
                let wait = next.duration_since(last).as_secs();
                prop_assert!(wait <= max_interval && 2 * wait <= max_age && 12 * wait <= quiet);
            }
            let louder = Rest { quiet_since: None, ..rest };
            prop_assert_eq!(cadence.next(&schedule, &louder), Some(normal));
        }
    }
}

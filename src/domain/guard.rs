//! Facts beyond the plan that forbid acting on it by itself.

use jiff::{SignedDuration, Timestamp};

use super::attribute_key::AttributeKey;
use super::check::StackCheck;
use super::confirm::Confirmation;
use super::content::drifted;
use super::policy::{Contest, Guard};
use super::stack::{Repair, StackRecord, StateIdentity};

/// What is known of a look besides its findings.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The look.
    pub check: &'a StackCheck,
    /// The state the plan was made from; none if there is no state.
    pub state: Option<&'a StateIdentity>,
    /// Whether that state holds no object.
    pub empty: bool,
    /// Whether the backend can lock the state.
    pub locks: bool,
    /// Whether another process that may apply would not find the state.
    pub here_only: bool,
    /// Whether the look can be believed.
    pub confirmation: Confirmation,
    /// No repair within this time of the first sight of a drift.
    pub hold_off: SignedDuration,
    /// When drift that comes back is no longer repaired.
    pub contest: Contest,
}

/// Every guard that stands; `record` is as it was before this look.
pub fn guards(record: &StackRecord, seen: &Seen<'_>, now: Timestamp) -> Vec<Guard> {
    let held_off_until = held_off_until(record, seen, now);
    let known = record.state.as_ref();
    let older = |known: &StateIdentity, state: &StateIdentity| {
        known.lineage == state.lineage && state.serial < known.serial
    };
    let both = known.zip(seen.state);
    let standing = [
        (Guard::FirstSight, record.last.is_none()),
        (Guard::EmptyState, seen.empty || seen.state.is_none()),
        (
            Guard::NewLineage,
            both.is_some_and(|(known, state)| known.lineage != state.lineage),
        ),
        (
            Guard::OlderSerial,
            both.is_some_and(|(known, state)| older(known, state)),
        ),
        (Guard::NoLocking, !seen.locks),
        (Guard::HereOnly, seen.here_only),
        (Guard::Contested, !contested(record, seen, now).is_empty()),
        (Guard::HoldOff, held_off_until.is_some()),
        (Guard::Held, record.held.is_some()),
        (Guard::DirtyTree, seen.check.dirty),
        (Guard::Unstable, seen.confirmation == Confirmation::Unstable),
    ];
    let standing = standing.into_iter().filter(|(_, stands)| *stands);
    standing.map(|(guard, _)| guard).collect()
}

/// When the youngest drift is old enough to be repaired; none if it is.
pub fn held_off_until(record: &StackRecord, seen: &Seen<'_>, now: Timestamp) -> Option<Timestamp> {
    let since = |key: AttributeKey| record.drifting.get(&key).map_or(now, |seen| seen.since);
    let youngest = drifted(seen.check).map(since).max().unwrap_or(now);
    let until = youngest.checked_add(seen.hold_off).ok()?;
    (until > now).then_some(until)
}

/// Whether a repair is young enough for its return to be contested.
pub fn is_recent(repair: &Repair, contest: &Contest, now: Timestamp) -> bool {
    now.duration_since(repair.at) < contest.within
}

/// What drifted although it was repaired lately, as often as is enough.
pub fn contested(record: &StackRecord, seen: &Seen<'_>, now: Timestamp) -> Vec<AttributeKey> {
    let lately = || {
        let repairs = record.repairs.iter();
        repairs.filter(|repair| is_recent(repair, &seen.contest, now))
    };
    let repaired = |key: &AttributeKey| lately().filter(|repair| repair.attribute == *key).count();
    drifted(seen.check)
        .filter(|key| repaired(key) >= seen.contest.times.max(1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{SourceName, StackId};
    use crate::domain::testing::{attribute, check, drift};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap_or_default()
    }

    fn record(now: Timestamp) -> StackRecord {
        let (id, source) = (StackId::new("infra/a"), SourceName::new("infra"));
        let mut record = StackRecord::new(
            id,
            source,
            "a".to_owned(),
            "default".to_owned(),
            std::collections::BTreeMap::new(),
            now,
        );
        record.observe(check(vec![]), now);
        record.state = Some(identity("one", 7));
        record
    }

    fn identity(lineage: &str, serial: u64) -> StateIdentity {
        StateIdentity {
            lineage: lineage.to_owned(),
            serial,
        }
    }

    fn seen<'a>(check: &'a StackCheck, state: Option<&'a StateIdentity>) -> Seen<'a> {
        Seen {
            check,
            state,
            empty: false,
            locks: true,
            here_only: false,
            confirmation: Confirmation::Confirmed,
            hold_off: SignedDuration::ZERO,
            contest: Contest::default(),
        }
    }

    #[test]
    fn each_guard_stands_for_its_own_reason_and_for_no_other() {
        let now = at(100_000);
        let bad = check(vec![drift("aws_sqs_queue.jobs", "tags.Env", "hacked")]);
        let same = identity("one", 7);
        let stands = |record: &StackRecord, seen: &Seen<'_>| guards(record, seen, now);
        assert_eq!(stands(&record(now), &seen(&bad, Some(&same))), []);
        let first = StackRecord {
            last: None,
            ..record(now)
        };
        assert_eq!(
            stands(&first, &seen(&bad, Some(&same))),
            [Guard::FirstSight]
        );
        assert_eq!(stands(&record(now), &seen(&bad, None)), [Guard::EmptyState]);
        let other = identity("two", 9);
        assert_eq!(
            stands(&record(now), &seen(&bad, Some(&other))),
            [Guard::NewLineage]
        );
        let older = identity("one", 6);
        assert_eq!(
            stands(&record(now), &seen(&bad, Some(&older))),
            [Guard::OlderSerial]
        );
        let unlocked = Seen {
            locks: false,
            ..seen(&bad, Some(&same))
        };
        assert_eq!(stands(&record(now), &unlocked), [Guard::NoLocking]);
        let here_only = Seen {
            here_only: true,
            ..seen(&bad, Some(&same))
        };
        assert_eq!(stands(&record(now), &here_only), [Guard::HereOnly]);
        let held = StackRecord {
            held: Some("killed".to_owned()),
            ..record(now)
        };
        assert_eq!(stands(&held, &seen(&bad, Some(&same))), [Guard::Held]);
        let young = Seen {
            hold_off: SignedDuration::from_mins(5),
            ..seen(&bad, Some(&same))
        };
        assert_eq!(stands(&record(now), &young), [Guard::HoldOff]);
    }

    #[test]
    fn drift_that_comes_back_within_a_day_of_its_repair_is_contested() {
        let now = at(200_000);
        let same = identity("one", 7);
        let bad = check(vec![drift("aws_sqs_queue.jobs", "tags.Env", "hacked")]);
        let repaired = |seconds: i64| {
            let attribute = attribute("aws_sqs_queue.jobs", "tags.Env");
            StackRecord {
                repairs: vec![Repair {
                    attribute,
                    at: at(seconds),
                }],
                ..record(now)
            }
        };
        let look = seen(&bad, Some(&same));
        assert_eq!(guards(&repaired(199_000), &look, now), [Guard::Contested]);
        assert_eq!(guards(&repaired(100_000), &look, now), []);
    }

    #[test]
    fn drift_is_contested_once_it_came_back_as_often_as_is_said() {
        let now = at(200_000);
        let same = identity("one", 7);
        let bad = check(vec![drift("aws_sqs_queue.jobs", "tags.Env", "hacked")]);
        let repaired = |times: &[i64]| StackRecord {
            repairs: times
                .iter()
                .map(|seconds| Repair {
                    attribute: attribute("aws_sqs_queue.jobs", "tags.Env"),
                    at: at(*seconds),
                })
                .collect(),
            ..record(now)
        };
        let twice = Seen {
            contest: Contest {
                times: 2,
                within: SignedDuration::from_hours(1),
            },
            ..seen(&bad, Some(&same))
        };
        assert_eq!(guards(&repaired(&[199_000]), &twice, now), []);
        assert_eq!(guards(&repaired(&[190_000, 199_000]), &twice, now), []);
        assert_eq!(
            guards(&repaired(&[198_000, 199_000]), &twice, now),
            [Guard::Contested]
        );
    }

    #[test]
    fn a_hold_off_ends_that_long_after_the_youngest_drift_was_first_seen() {
        let now = at(200_000);
        let bad = check(vec![drift("aws_sqs_queue.jobs", "tags.Env", "hacked")]);
        let mut known = record(now);
        known.observe(bad.clone(), at(199_900));
        let held = Seen {
            hold_off: SignedDuration::from_mins(5),
            ..seen(&bad, None)
        };
        assert_eq!(held_off_until(&known, &held, now), Some(at(200_200)));
        assert_eq!(held_off_until(&known, &held, at(200_200)), None);
    }
}

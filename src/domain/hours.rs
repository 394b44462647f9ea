//! Times of the day at which something holds, in a time zone.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

/// Hours of some days of the week. Hours that end before they begin reach into the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// The days on which they begin; none means every day.
    #[serde(with = "days")]
    pub days: Vec<Weekday>,
    /// When they begin.
    pub from: Time,
    /// When they end, exclusively; the same time as the beginning means a whole day.
    pub to: Time,
    /// Whose clock.
    #[serde(with = "jiff::fmt::serde::tz::required")]
    pub zone: TimeZone,
}

impl Hours {
    /// Whether a moment lies in them.
    pub fn contain(&self, at: Timestamp) -> bool {
        let local = at.to_zoned(self.zone.clone());
        let (date, time) = (local.date(), local.time());
        let begun = |weekday| self.days.is_empty() || self.days.contains(&weekday);
        let today = begun(date.weekday());
        let yesterday = begun(date.weekday().previous());
        if self.from < self.to {
            today && self.from <= time && time < self.to
        } else {
            (today && self.from <= time) || (yesterday && time < self.to)
        }
    }

    /// When they are over, seen from a moment in them; none outside of them.
    pub fn end(&self, at: Timestamp) -> Option<Timestamp> {
        if !self.contain(at) {
            return None;
        }
        let local = at.to_zoned(self.zone.clone());
        let mut date = local.date();
        // Hours of neighbouring days can adjoin; a week of them has no end worth waiting for.
        for _ in 0..8 {
            let end = date.to_datetime(self.to).to_zoned(self.zone.clone()).ok()?;
            if end.timestamp() > at && !self.contain(end.timestamp()) {
                return Some(end.timestamp());
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    /// When they begin next, seen from a moment outside of them.
    pub fn next(&self, at: Timestamp) -> Option<Timestamp> {
        let mut date = at.to_zoned(self.zone.clone()).date();
        // A week and a day: today's may have begun already.
        for _ in 0..9 {
            let begin = date
                .to_datetime(self.from)
                .to_zoned(self.zone.clone())
                .ok()?;
            if begin.timestamp() > at && self.contain(begin.timestamp()) {
                return Some(begin.timestamp());
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }
}

/// Days of the week as ISO 8601 counts them: Monday is 1.
mod days {
    use jiff::civil::Weekday;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(days: &[Weekday], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(days.iter().map(|day| day.to_monday_one_offset()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Weekday>, D::Error> {
        let days = Vec::<i8>::deserialize(from)?.into_iter();
        days.map(|day| Weekday::from_monday_one_offset(day).map_err(D::Error::custom))
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use jiff::civil::time;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn hours(days: &[Weekday], from: i8, to: i8, zone: &str) -> Hours {
        Hours {
            days: days.to_vec(),
            from: time(from, 0, 0, 0),
            to: time(to, 0, 0, 0),
            zone: TimeZone::get(zone).unwrap(),
        }
    }

    #[test]
    fn a_night_reaches_into_the_next_day() {
        let night = hours(&[], 22, 7, "Europe/Berlin");
        assert!(night.contain(at("2026-11-23T21:30:00Z")));
        assert!(night.contain(at("2026-11-24T05:59:59Z")));
        assert!(!night.contain(at("2026-11-24T06:00:00Z")));
        assert!(!night.contain(at("2026-11-23T20:59:59Z")));
        assert_eq!(
            night.end(at("2026-11-23T21:30:00Z")),
            Some(at("2026-11-24T06:00:00Z"))
        );
        assert_eq!(night.end(at("2026-11-23T12:00:00Z")), None);
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let fridays = hours(&[Weekday::Friday], 22, 7, "UTC");
        assert!(fridays.contain(at("2026-11-28T06:00:00Z")));
        assert!(!fridays.contain(at("2026-11-27T06:00:00Z")));
    }

    #[test]
    fn a_weekend_is_one_stretch() {
        let weekend = hours(&[Weekday::Saturday, Weekday::Sunday], 0, 0, "UTC");
        assert_eq!(
            weekend.end(at("2026-11-28T12:00:00Z")),
            Some(at("2026-11-30T00:00:00Z"))
        );
    }

    #[test]
    fn a_night_in_which_the_clocks_change_ends_by_the_clock() {
        let night = hours(&[], 22, 7, "Europe/Berlin");
        assert_eq!(
            night.end(at("2026-10-24T21:00:00Z")),
            Some(at("2026-10-25T06:00:00Z"))
        );
        assert_eq!(
            night.end(at("2026-03-28T22:00:00Z")),
            Some(at("2026-03-29T05:00:00Z"))
        );
    }

    #[test]
    fn the_next_begin_is_on_a_day_of_theirs_by_their_clock() {
        let fridays = hours(&[Weekday::Friday], 9, 17, "Europe/Berlin");
        assert_eq!(
            fridays.next(at("2026-11-27T16:30:00Z")),
            Some(at("2026-12-04T08:00:00Z"))
        );
        assert_eq!(
            fridays.next(at("2026-11-27T07:59:00Z")),
            Some(at("2026-11-27T08:00:00Z"))
        );
        // The clocks go forward between the two.
        let daily = hours(&[], 9, 17, "Europe/Berlin");
        assert_eq!(
            daily.next(at("2026-03-28T16:30:00Z")),
            Some(at("2026-03-29T07:00:00Z"))
        );
    }

    #[test]
    fn always_has_no_end() {
        let always = hours(&[], 0, 0, "UTC");
        assert!(always.contain(at("2026-11-28T12:00:00Z")));
        assert_eq!(always.end(at("2026-11-28T12:00:00Z")), None);
    }
}

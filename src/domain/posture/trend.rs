//! The window day by day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AlertSeen, RunSeen, Saw, Window};

/// A day (UTC), or the part of it that is in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The day.
    pub date: Date,
    /// Alerts opened on it.
    pub opened: usize,
    /// Alerts resolved on it.
    pub resolved: usize,
    /// Alerts open at its end.
    pub open: usize,
    /// Runs on it that put something back.
    pub repaired: usize,
}

pub(super) fn trend(window: Window, alerts: &[&AlertSeen], runs: &[&RunSeen]) -> Vec<Day> {
    let mut days = days(window);
    let first = days.first().map_or(Date::ZERO, |day| day.date);
    let place = |at: Timestamp| -> Option<usize> {
        let days = date(at).duration_since(first).as_hours() / 24;
        usize::try_from(days).ok().filter(|_| window.contains(at))
    };
    let mut count = |at: Option<Timestamp>, of: fn(&mut Day) -> &mut usize| {
        if let Some(day) = at.and_then(place).and_then(|place| days.get_mut(place)) {
            *of(day) += 1;
        }
    };
    for alert in alerts {
        count(Some(alert.opened_at), |day| &mut day.opened);
        count(alert.ended_at(), |day| &mut day.resolved);
    }
    for run in runs.iter().filter(|run| run.saw == Saw::Repair) {
        count(Some(run.ended_at), |day| &mut day.repaired);
    }
    let is_open = |alert: &&&AlertSeen| alert.is_open_before(window.from());
    let mut open = alerts.iter().filter(is_open).count();
    for day in &mut days {
        open = (open + day.opened).saturating_sub(day.resolved);
        day.open = open;
    }
    days
}

fn date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

fn days(window: Window) -> Vec<Day> {
    let last = window.to() - SignedDuration::from_nanos(1);
    let mut days = Vec::new();
    let mut next = Some(date(window.from()));
    while let Some(day) = next.filter(|day| *day <= date(last)) {
        days.push(Day {
            date: day,
            opened: 0,
            resolved: 0,
            open: 0,
            repaired: 0,
        });
        next = day.tomorrow().ok();
    }
    days
}

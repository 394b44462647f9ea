//! A posture in words, the same for every form of report.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::words::count;
use crate::domain::alert::AlertKind;
use crate::domain::posture::{FixedBy, Seconds, Spread};

/// What stands for something unknown.
pub(super) const NONE: &str = "–";

/// A time in a zone, with what the zone is called then.
pub(super) fn minute(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// A length of time in its two largest units: `3 d 4 h`.
pub(super) fn long(seconds: Seconds) -> String {
    let Seconds(seconds) = seconds;
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        small => format!("{large} {large_unit} {small} {small_unit}"),
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..86_400 => two(hours, "h", minutes % 60, "min"),
        86_400..864_000 => two(days, "d", hours % 24, "h"),
        _ => format!("{days} d"),
    }
}

pub(super) fn maybe_long(seconds: Option<Seconds>) -> String {
    seconds.map_or_else(|| NONE.to_owned(), long)
}

pub(super) const fn kind(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Drift => "drift",
        AlertKind::Pending => "waiting code",
        AlertKind::Failed => "cannot be checked",
        AlertKind::Apply => "repairs held",
    }
}

pub(super) const fn by(by: FixedBy) -> &'static str {
    match by {
        FixedBy::Mooring => "by Mooring",
        FixedBy::Outside => "outside Mooring",
        FixedBy::Code => "through code",
        FixedBy::Ignored => "ignored by rules",
        FixedBy::Untracked => "no longer tracked",
    }
}

/// Where a spread comes from: how many were measured, how many were not.
pub(super) fn spread(spread: &Spread) -> String {
    let unmeasured = match spread.unmeasured {
        0 => String::new(),
        number => format!(", {number} not measurable"),
    };
    if spread.measured == 0 {
        return format!("nothing to measure{unmeasured}");
    }
    let measured = count(spread.measured, "alert");
    let tail = maybe_long(spread.p90_seconds);
    format!("median of {measured}; 90 % within {tail}{unmeasured}")
}

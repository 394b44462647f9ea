//! The time that is told of, as people write it and as it is.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest time that is told of: a year and a day.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A time that begins with a moment and ends just before another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    from: Timestamp,
    to: Timestamp,
}

impl Window {
    /// The time between two moments.
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self, BadWindow> {
        if from >= to {
            Err(BadWindow::Empty)
        } else if to.duration_since(from) > LONGEST {
            Err(BadWindow::TooLong)
        } else {
            Ok(Self { from, to })
        }
    }

    /// The time of this length before a moment; no shorter than a second and no longer than a year.
    pub fn before(to: Timestamp, long: SignedDuration) -> Self {
        let shortest = SignedDuration::from_secs(1);
        let from = to.checked_sub(long.clamp(shortest, LONGEST));
        Self {
            from: from.unwrap_or(Timestamp::MIN),
            to,
        }
    }

    /// The time before this one, as long as it is; none if there was none.
    pub fn preceding(&self) -> Option<Self> {
        let long = self.to.duration_since(self.from);
        Self::new(self.from.checked_sub(long).ok()?, self.from).ok()
    }

    /// The time that two moments as written mean now; without an end it ends now.
    pub fn resolve(
        since: Moment,
        until: Option<Moment>,
        now: Timestamp,
    ) -> Result<Self, BadWindow> {
        let to = until.map_or(now, |until| until.before(now));
        if to > now {
            return Err(BadWindow::Future);
        }
        Self::new(since.before(to), to)
    }

    /// Its first moment.
    pub const fn from(&self) -> Timestamp {
        self.from
    }

    /// The moment after its last one.
    pub const fn to(&self) -> Timestamp {
        self.to
    }

    /// Whether a moment is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        (self.from..self.to).contains(&at)
    }
}

/// Why there is no such time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadWindow {
    /// It ends before it begins.
    #[error("the report's time ends before it begins: `until` has to be after `since`")]
    Empty,
    /// It is too long.
    #[error(
        "the report's time is longer than a year: begin later, for example `90d` before its end"
    )]
    TooLong,
    /// It has not happened yet.
    #[error("the report's time ends in the future: leave `until` out to end it now")]
    Future,
}

/// A moment as people write it: `7d`, `24h`, `2w` (that long before), `2026-11-18` (UTC), or
/// `2026-11-18T08:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// This long before another one.
    Before(SignedDuration),
    /// A moment of its own.
    At(Timestamp),
}

impl Moment {
    /// A week before.
    pub const WEEK: Self = Self::Before(SignedDuration::from_hours(7 * 24));

    /// The moment, counted back from another one.
    pub fn before(self, end: Timestamp) -> Timestamp {
        match self {
            Self::Before(long) => end.checked_sub(long).unwrap_or(Timestamp::MIN),
            Self::At(at) => at,
        }
    }
}

/// A text that means no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no time: write how long ago (`7d`, `24h`, `2w`), a day (`2026-11-18`) or a time \
         (`2026-11-18T08:00:00Z`)"
)]
pub struct BadMoment(String);

impl FromStr for Moment {
    type Err = BadMoment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || BadMoment(text.chars().take(60).collect());
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        if let Ok(date) = text.parse::<Date>() {
            let start = date.to_zoned(TimeZone::UTC).map_err(|_| wrong())?;
            return Ok(Self::At(start.timestamp()));
        }
        let span: Span = text.parse().map_err(|_| wrong())?;
        let days = SpanRelativeTo::days_are_24_hours();
        let long = span.to_duration(days).map_err(|_| wrong())?;
        if long.is_positive() {
            Ok(Self::Before(long))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Moment {
    /// As it may be written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(long) => write!(f, "{long:#}"),
            Self::At(at) => at.fmt(f),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-25T08:00:00Z".parse().unwrap()
    }

    fn since(text: &str) -> String {
        let moment: Moment = text.parse().unwrap();
        moment.before(now()).to_string()
    }

    #[test]
    fn a_moment_is_written_as_people_write_it() {
        assert_eq!(since("7d"), "2026-11-18T08:00:00Z");
        assert_eq!(since("24h"), "2026-11-24T08:00:00Z");
        assert_eq!(since("2w"), "2026-11-11T08:00:00Z");
        assert_eq!(since("1d 12h"), "2026-11-23T20:00:00Z");
        assert_eq!(since("P1D"), "2026-11-24T08:00:00Z");
        assert_eq!(since("2026-11-18"), "2026-11-18T00:00:00Z");
        assert_eq!(since("2026-11-18T08:00:00+01:00"), "2026-11-18T07:00:00Z");
        for wrong in [
            "",
            "7",
            "d",
            "1mo",
            "-7d",
            "0s",
            "yesterday",
            "2026-13-01",
            "9999999999999d",
        ] {
            let refused = wrong.parse::<Moment>().expect_err(wrong).to_string();
            assert!(refused.contains("`7d`"), "{refused}");
        }
    }

    #[test]
    fn a_window_lies_in_the_past_and_is_no_longer_than_a_year() {
        let day = |text: &str| text.parse::<Moment>().unwrap();
        let window = Window::resolve(day("7d"), Some(day("2026-11-20")), now()).unwrap();
        assert_eq!(window.from().to_string(), "2026-11-13T00:00:00Z");
        assert!(window.contains(window.from()) && !window.contains(window.to()));
        let bad = |since, until: Option<&str>| {
            Window::resolve(day(since), until.map(day), now()).expect_err("refused")
        };
        assert_eq!(bad("2026-11-21", Some("2026-11-20")), BadWindow::Empty);
        assert_eq!(bad("367d", None), BadWindow::TooLong);
        assert_eq!(bad("7d", Some("2026-11-26")), BadWindow::Future);
    }

    #[test]
    fn a_time_before_a_moment_is_bounded_and_has_one_before_it() {
        let hours = |hours| Window::before(now(), SignedDuration::from_hours(hours));
        assert_eq!(hours(24).from().to_string(), "2026-11-24T08:00:00Z");
        assert_eq!(hours(-5).from().to_string(), "2026-11-25T07:59:59Z");
        assert_eq!(hours(10_000_000), hours(366 * 24));
        let before = hours(24).preceding().unwrap();
        assert_eq!(before.from().to_string(), "2026-11-23T08:00:00Z");
        assert_eq!(before.to(), hours(24).from());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_shown_is_read_again(text in "[-0-9a-zA-Z :+.]{0,24}") {
            if let Ok(moment) = text.parse::<Moment>() {
                prop_assert_eq!(moment.to_string().parse::<Moment>(), Ok(moment));
            }
        }

        #[test]
        fn every_duration_is_read_again(seconds in 1i64..100_000_000) {
            let moment = Moment::Before(SignedDuration::from_secs(seconds));
            prop_assert_eq!(moment.to_string().parse::<Moment>(), Ok(moment));
        }
    }
}

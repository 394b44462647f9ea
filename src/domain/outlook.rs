//! What is yet to be done, and until when.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// What a look at a stack of which nothing is known is taken to last, in milliseconds.
const UNKNOWN_MS: u64 = 5000;

/// The runs that wait and those under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// How many wait.
    pub waiting: usize,
    /// How many are under way.
    pub under_way: usize,
    /// When all of it will be done, if it goes on as it went; none if there is nothing to do.
    pub ends_at: Option<Timestamp>,
}

impl Outlook {
    /// `waiting` and `under_way` are how long each run usually lasts, in milliseconds, if that is known;
    /// `places` is how many run at once. Of what is under way half is taken to be done.
    pub fn of(
        waiting: impl Iterator<Item = Option<u64>>,
        under_way: impl Iterator<Item = Option<u64>>,
        places: usize,
        now: Timestamp,
    ) -> Self {
        let sum = |runs: &mut dyn Iterator<Item = Option<u64>>| {
            runs.fold((0_usize, 0_u64), |(count, total), wall| {
                (count + 1, total.saturating_add(wall.unwrap_or(UNKNOWN_MS)))
            })
        };
        let (mut waiting, mut under_way) = (waiting, under_way);
        let ((waiting, ahead), (under_way, begun)) = (sum(&mut waiting), sum(&mut under_way));
        let places = u64::try_from(places.max(1)).unwrap_or(u64::MAX);
        let left = (ahead + begun / 2) / places;
        let left = SignedDuration::from_millis(i64::try_from(left).unwrap_or(i64::MAX));
        Self {
            waiting,
            under_way,
            ends_at: (waiting + under_way > 0)
                .then(|| now.checked_add(left).ok())
                .flatten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_follows_from_what_runs_usually_last() {
        let now = Timestamp::UNIX_EPOCH;
        let none = std::iter::empty;
        assert_eq!(Outlook::of(none(), none(), 4, now).ends_at, None);
        let waiting = [Some(60_000), None, Some(55_000)].into_iter();
        let outlook = Outlook::of(waiting, std::iter::once(Some(80_000)), 2, now);
        assert_eq!((outlook.waiting, outlook.under_way), (3, 1));
        let seconds = outlook.ends_at.map(Timestamp::as_second);
        assert_eq!(seconds, Some((60 + 5 + 55 + 40) / 2));
    }
}

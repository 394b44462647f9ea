//! What charts show: days, or runs of days where there are too many.

use jiff::tz::TimeZone;

use crate::domain::posture::Day;

/// Days that a bar stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    /// Its first day, as `18 Nov`.
    pub(super) from: String,
    /// Its last day, if that is another one.
    pub(super) to: Option<String>,
    pub(super) opened: usize,
    pub(super) resolved: usize,
    pub(super) repaired: usize,
    /// At the end of its last day.
    pub(super) open: usize,
}

impl Bar {
    fn over(days: &[Day]) -> Option<Self> {
        let (first, last) = (days.first()?, days.last()?);
        let name = |day: &Day| day.date.strftime("%-d %b").to_string();
        Some(Self {
            from: name(first),
            to: (first.date != last.date).then(|| name(last)),
            opened: days.iter().map(|day| day.opened).sum(),
            resolved: days.iter().map(|day| day.resolved).sum(),
            repaired: days.iter().map(|day| day.repaired).sum(),
            open: last.open,
        })
    }

    pub(super) fn name(&self) -> String {
        match &self.to {
            Some(to) => format!("{} – {to}", self.from),
            None => self.from.clone(),
        }
    }
}

/// At most so many bars, each of the same number of days but perhaps the last.
pub(super) fn bars(trend: &[Day], most: usize) -> Vec<Bar> {
    let days = trend.len().div_ceil(most.max(1)).max(1);
    trend.chunks(days).filter_map(Bar::over).collect()
}

/// Whether there is anything to see.
pub(super) fn is_empty(trend: &[Day]) -> bool {
    let mut days = trend.iter();
    days.all(|day| day.opened + day.resolved + day.open + day.repaired == 0)
}

/// Says whose days these are where times are of another zone.
pub(super) fn days(zone: &TimeZone) -> &'static str {
    if *zone == TimeZone::UTC {
        ""
    } else {
        " (days in UTC)"
    }
}

/// The chart in a sentence.
pub(super) fn told(bars: &[Bar]) -> String {
    let peak = bars.iter().rev().max_by_key(|bar| bar.open);
    let sum = |of: fn(&Bar) -> usize| bars.iter().map(of).sum::<usize>();
    let (opened, resolved) = (sum(|bar| bar.opened), sum(|bar| bar.resolved));
    let open = bars.last().map_or(0, |bar| bar.open);
    let peak = peak.map_or_else(String::new, |bar| {
        format!(
            " The most were open at the end of {}: {}.",
            bar.name(),
            bar.open
        )
    });
    format!("{opened} alerts opened, {resolved} resolved, {open} open at the end.{peak}")
}

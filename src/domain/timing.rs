//! When people are told of troubles: how long they have to stay, when they are repeated and escalated.

use jiff::SignedDuration;

use super::alert_kind::AlertKind;
use super::finding::Severity;

/// When people are told of troubles of one kind and severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A trouble that is over sooner is no news.
    pub persist: SignedDuration,
    /// A trouble that fewer looks in a row have seen is no news.
    pub looks: u32,
    /// How often people are reminded; none is never.
    pub remind: Option<SignedDuration>,
    /// After how long without acknowledgement others are told; none is never.
    pub escalate: Option<SignedDuration>,
}

/// A value for each severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BySeverity<T> {
    /// For what is critical.
    pub critical: T,
    /// For what is high.
    pub high: T,
    /// For what is medium.
    pub medium: T,
    /// For everything less.
    pub low: T,
}

impl<T: Copy> BySeverity<T> {
    /// The value for a severity.
    pub const fn of(&self, severity: Severity) -> T {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low | Severity::Info => self.low,
        }
    }
}

/// When people are told of troubles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// How long drift has to stay.
    pub persist: BySeverity<SignedDuration>,
    /// How often people are reminded; none is never.
    pub remind: BySeverity<Option<SignedDuration>>,
    /// After how long without acknowledgement others are told; none is never.
    pub escalate: BySeverity<Option<SignedDuration>>,
    /// How many confirmed looks in a row have to fail.
    pub failures: u32,
}

impl Default for Timings {
    /// What is critical or high is told at once, less after ten minutes. What is critical is repeated
    /// every four hours and escalated after half an hour, what is high daily and after four hours,
    /// what is medium weekly, what is low never.
    fn default() -> Self {
        let (minutes, hours) = (SignedDuration::from_mins, SignedDuration::from_hours);
        Self {
            persist: BySeverity {
                critical: SignedDuration::ZERO,
                high: SignedDuration::ZERO,
                medium: minutes(10),
                low: minutes(10),
            },
            remind: BySeverity {
                critical: Some(hours(4)),
                high: Some(hours(24)),
                medium: Some(hours(7 * 24)),
                low: None,
            },
            escalate: BySeverity {
                critical: Some(minutes(30)),
                high: Some(hours(4)),
                medium: None,
                low: None,
            },
            failures: 1,
        }
    }
}

impl Timings {
    /// The same, but that every trouble counts from its first sight.
    #[must_use]
    pub const fn at_once(self) -> Self {
        let none = SignedDuration::ZERO;
        Self {
            persist: BySeverity {
                critical: none,
                high: none,
                medium: none,
                low: none,
            },
            failures: 1,
            ..self
        }
    }

    /// When people are told of a trouble. `pending_after` is how long code of this stack may wait.
    pub fn of(&self, kind: AlertKind, severity: Severity, pending_after: SignedDuration) -> Timing {
        let (persist, looks) = match kind {
            AlertKind::Drift => (self.persist.of(severity), 1),
            AlertKind::Pending => (pending_after, 1),
            AlertKind::Failed => (SignedDuration::ZERO, self.failures),
            AlertKind::Apply => (SignedDuration::ZERO, 1),
        };
        Timing {
            persist,
            looks,
            remind: self.remind.of(severity),
            escalate: self.escalate.of(severity),
        }
    }
}

//! Alerts: the life of one trouble of one stack. Only changed content speaks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::finding::Severity;
use super::ids::{AlertId, StackId};

/// What an alert is about; a stack has at most one open alert of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The world moved (drift, unenforced changes, failing checks).
    Drift,
    /// Code has been waiting longer than it may.
    Pending,
    /// The stack cannot be checked.
    Failed,
    /// An apply was interrupted or did not do what it should.
    Apply,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Drift, Self::Pending, Self::Failed, Self::Apply];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Apply => "apply",
        }
    }

    /// The kind of a stable word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How a trouble ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Mooring repaired it.
    Repaired,
    /// It was put right elsewhere: by hand, or by an apply that was not ours.
    PutBack,
    /// The stack is no longer tracked.
    Untracked,
}

impl Resolution {
    /// As a person reads it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Repaired => "repaired by Mooring",
            Self::PutBack => "put right outside Mooring",
            Self::Untracked => "the stack is no longer tracked",
        }
    }
}

/// The trouble as seen now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Changes whenever the content does: a hash over what the trouble consists of, without times.
    pub content: String,
    /// The worst severity in it.
    pub severity: Severity,
}

/// An open or resolved alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// The stack.
    pub stack: StackId,
    /// What it is about.
    pub kind: AlertKind,
    /// The trouble as last told.
    pub trouble: Trouble,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its content last changed.
    pub changed_at: Timestamp,
    /// When and how it ended.
    pub resolved: Option<(Timestamp, Resolution)>,
}

/// What to tell people about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertEvent {
    /// A new trouble.
    Opened,
    /// The trouble is another than last told.
    Changed,
    /// The trouble is still there.
    Reminded,
    /// Nobody has acknowledged the trouble in time: others are told.
    Escalated,
    /// A person has taken the trouble on.
    Acknowledged,
    /// The trouble is over.
    Resolved,
}

impl AlertEvent {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Changed => "changed",
            Self::Reminded => "reminded",
            Self::Escalated => "escalated",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// What was looked at: a check that failed says nothing about drift, so its silence resolves none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// The trouble is there.
    Present(Trouble),
    /// It was looked for and is not there.
    Absent(Resolution),
    /// It could not be looked at.
    Unseen,
}

/// The next state of an alert and what to tell, if anything. `open` is the stack's open alert of
/// this kind; `fresh` is the id a new one would get.
pub fn advance(
    open: Option<Alert>,
    sight: &Sight,
    stack: &StackId,
    kind: AlertKind,
    fresh: AlertId,
    now: Timestamp,
) -> Option<(Alert, AlertEvent)> {
    match (open, sight) {
        (None, Sight::Present(trouble)) => Some((
            Alert {
                id: fresh,
                stack: stack.clone(),
                kind,
                trouble: trouble.clone(),
                opened_at: now,
                changed_at: now,
                resolved: None,
            },
            AlertEvent::Opened,
        )),
        (Some(alert), Sight::Present(trouble)) if alert.trouble.content != trouble.content => {
            let alert = Alert {
                trouble: trouble.clone(),
                changed_at: now,
                ..alert
            };
            Some((alert, AlertEvent::Changed))
        }
        (Some(alert), Sight::Absent(resolution)) => {
            let alert = Alert {
                resolved: Some((now, *resolution)),
                ..alert
            };
            Some((alert, AlertEvent::Resolved))
        }
        (Some(_), Sight::Present(_) | Sight::Unseen) | (None, Sight::Absent(_) | Sight::Unseen) => {
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sight() -> impl Strategy<Value = Sight> {
        prop_oneof![
            (0u8..4).prop_map(|n| Sight::Present(Trouble {
                content: n.to_string(),
                severity: Severity::High
            })),
            Just(Sight::Absent(Resolution::PutBack)),
            Just(Sight::Unseen),
        ]
    }

    proptest! {
        #[test]
        fn only_changed_content_speaks(sights in proptest::collection::vec(sight(), 0..60)) {
            let stack = StackId::new("s");
            let mut open: Option<Alert> = None;
            let mut told: Option<String> = None;
            for sight in sights {
                let id = AlertId::from_uuid(uuid::Uuid::nil());
                let was_open = open.clone();
                let next =
                    advance(open.clone(), &sight, &stack, AlertKind::Drift, id, Timestamp::UNIX_EPOCH);
                match (&sight, &next) {
                    (Sight::Unseen, next) => prop_assert!(next.is_none()),
                    (Sight::Present(trouble), Some((_, event))) => {
                        prop_assert_ne!(told.as_ref(), Some(&trouble.content));
                        prop_assert_eq!(*event == AlertEvent::Opened, was_open.is_none());
                        told = Some(trouble.content.clone());
                    }
                    (Sight::Present(trouble), None) => {
                        prop_assert_eq!(told.as_ref(), Some(&trouble.content));
                    }
                    (Sight::Absent(_), next) => {
                        prop_assert_eq!(next.is_some(), was_open.is_some());
                        told = None;
                    }
                }
                if let Some((alert, _)) = next {
                    open = alert.resolved.is_none().then_some(alert);
                }
            }
        }
    }
}

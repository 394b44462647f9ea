//! A run: one pass over a stack, as an explicit state machine.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::finding::Verdict;
use super::ids::{CommitId, RunId, StackId};
use super::lease::Lease;
use super::state_watch::StateMove;

/// Why a run was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The schedule.
    Schedule,
    /// Git moved and the stack may read what changed.
    Git,
    /// A person asked.
    Person,
    /// The stack was seen for the first time.
    FirstSight,
    /// A newly bad verdict is looked at again.
    Confirmation,
    /// People approved a plan.
    Approval,
    /// A person wants to go back to an earlier commit.
    Rollback,
    /// Somebody else wrote the state.
    StateMoved,
}

impl Trigger {
    /// How much earlier than a scheduled run of the same time it is served.
    pub const fn head_start(self) -> SignedDuration {
        match self {
            Self::Person | Self::Approval | Self::Rollback => SignedDuration::from_hours(2),
            Self::Git | Self::Confirmation | Self::StateMoved => SignedDuration::from_hours(1),
            Self::Schedule | Self::FirstSight => SignedDuration::ZERO,
        }
    }

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Git => "git",
            Self::Person => "person",
            Self::FirstSight => "first_sight",
            Self::Confirmation => "confirmation",
            Self::Approval => "approval",
            Self::Rollback => "rollback",
            Self::StateMoved => "state_moved",
        }
    }
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waiting for a free place.
    Queued,
    /// Bringing the checkout to the commit.
    Syncing,
    /// Terraform plans.
    Planning,
    /// Policy decides.
    Deciding,
    /// The intent to apply is stored; Terraform may be changing things.
    Applying,
    /// Planned again after an apply.
    Verifying,
    /// Over; see the outcome.
    Finished,
    /// Cut off in the middle of an apply; a person has to look. Never repeated by itself.
    Interrupted,
}

impl RunState {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Syncing => "syncing",
            Self::Planning => "planning",
            Self::Deciding => "deciding",
            Self::Applying => "applying",
            Self::Verifying => "verifying",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether the run will not move again.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Interrupted)
    }

    /// The state of a run found unfinished after a restart: an apply under way becomes
    /// `interrupted`; anything that changed nothing simply ends.
    pub const fn after_crash(self) -> Self {
        match self {
            Self::Applying | Self::Verifying | Self::Interrupted => Self::Interrupted,
            Self::Queued | Self::Syncing | Self::Planning | Self::Deciding | Self::Finished => {
                Self::Finished
            }
        }
    }

    /// Whether a run may go from here to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Queued => matches!(next, Self::Syncing | Self::Finished),
            Self::Syncing => matches!(next, Self::Planning | Self::Finished),
            Self::Planning => matches!(next, Self::Deciding | Self::Finished),
            Self::Deciding => matches!(next, Self::Applying | Self::Finished),
            Self::Applying => matches!(next, Self::Verifying | Self::Interrupted | Self::Finished),
            Self::Verifying => matches!(next, Self::Finished | Self::Interrupted),
            Self::Finished | Self::Interrupted => false,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Outcome {
    /// The stack was looked at and nothing was changed.
    Checked {
        /// What was seen.
        verdict: Verdict,
    },
    /// A newly bad verdict that a second plan has yet to confirm.
    Unconfirmed {
        /// What was seen.
        verdict: Verdict,
    },
    /// An apply was made and the repaired findings are gone.
    Repaired,
    /// An apply was made and some of the repaired findings are still there.
    PartlyRepaired,
    /// It failed; the stack's verdict is `failed`.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// The state kept moving; the old verdict stays and ages.
    Busy,
    /// Stopped before anything was changed (shutdown, crash, superseded).
    Cancelled,
}

/// An impossible step of a run: a bug, never the consequence of input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a run cannot go from {} to {}", .from.as_str(), .to.as_str())]
pub struct InvalidStep {
    /// Where the run was.
    pub from: RunState,
    /// Where it was to go.
    pub to: RunState,
}

/// A run of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The stack.
    pub stack: StackId,
    /// Why it was started.
    pub trigger: Trigger,
    /// Where it is.
    pub state: RunState,
    /// The commit it looks at, once known.
    pub commit: Option<CommitId>,
    /// When it was asked for.
    pub queued_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// What somebody else made of the state since it was last read, if anything and if that is known.
    pub state_moved: Option<StateMove>,
    /// Which of several replicas has it, or had; none before it begins, or if there is only one.
    pub lease: Option<Lease>,
}

impl Run {
    /// A new run, queued.
    pub const fn queued(id: RunId, stack: StackId, trigger: Trigger, now: Timestamp) -> Self {
        Self {
            id,
            stack,
            trigger,
            state: RunState::Queued,
            commit: None,
            queued_at: now,
            started_at: None,
            ended_at: None,
            outcome: None,
            state_moved: None,
            lease: None,
        }
    }

    /// Takes the next step.
    pub fn step(&mut self, next: RunState, now: Timestamp) -> Result<(), InvalidStep> {
        if !self.state.may_become(next) {
            return Err(InvalidStep {
                from: self.state,
                to: next,
            });
        }
        if self.state == RunState::Queued {
            self.started_at = Some(now);
        }
        self.state = next;
        if next.is_over() {
            self.ended_at = Some(now);
        }
        Ok(())
    }

    /// Ends the run with an outcome.
    pub fn finish(&mut self, outcome: Outcome, now: Timestamp) -> Result<(), InvalidStep> {
        self.step(RunState::Finished, now)?;
        self.outcome = Some(outcome);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [RunState; 8] = [
        RunState::Queued,
        RunState::Syncing,
        RunState::Planning,
        RunState::Deciding,
        RunState::Applying,
        RunState::Verifying,
        RunState::Finished,
        RunState::Interrupted,
    ];

    proptest! {
        #[test]
        fn an_apply_comes_only_after_a_decision_and_an_end_is_an_end(
            steps in proptest::collection::vec(0usize..8, 0..40)
        ) {
            let id = RunId::from_uuid(uuid::Uuid::nil());
            let mut run = Run::queued(id, StackId::new("s"), Trigger::Schedule, Timestamp::UNIX_EPOCH);
            let mut path = vec![run.state];
            for step in steps {
                let before = run.state;
                let accepted = run.step(ALL[step], Timestamp::UNIX_EPOCH).is_ok();
                prop_assert!(!(accepted && before.is_over()));
                if accepted { path.push(run.state); }
            }
            for pair in path.windows(2) {
                if pair[1] == RunState::Applying { prop_assert_eq!(pair[0], RunState::Deciding); }
            }
            prop_assert!(path.iter().filter(|s| **s == RunState::Applying).count() <= 1);
        }
    }

    #[test]
    fn a_crash_in_an_apply_is_never_forgotten() {
        assert_eq!(RunState::Applying.after_crash(), RunState::Interrupted);
        assert_eq!(RunState::Verifying.after_crash(), RunState::Interrupted);
        assert_eq!(RunState::Planning.after_crash(), RunState::Finished);
    }
}

//! What was decided of the parts of a plan, and what follows from it for the whole.

use super::judge::{Judgement, Outcome};
use super::not_now::{Wait, end};
use super::{
    Approvable, By, Decision, DecisionKind, Facts, Policy, PolicyMode, Reason, Requirement,
};

/// What was decided of the parts of a plan.
#[derive(Debug, Default)]
pub(super) struct Tally {
    refused: bool,
    /// What stands against the plan; of each object what weighs most.
    pub(super) objections: Vec<Reason>,
    /// Of each object the first change that may be applied, where all may.
    allowed: Vec<Reason>,
    /// Everything else.
    details: Vec<Reason>,
    requirement: Requirement,
}

impl Tally {
    pub(super) fn object(&mut self, reason: Reason) {
        self.objections.push(reason);
    }

    /// Takes in what was decided of one object.
    pub(super) fn take(&mut self, judgements: Vec<Judgement>) {
        let weight = |outcome: &Outcome| match outcome {
            Outcome::Refused => 2,
            Outcome::Asks(_) => 1,
            Outcome::Allowed => 0,
        };
        let heaviest = judgements.iter().map(|j| weight(&j.outcome)).max();
        let mut first = true;
        for Judgement { outcome, reason } in judgements {
            let weighs = Some(weight(&outcome)) == heaviest;
            match &outcome {
                Outcome::Refused => self.refused = true,
                Outcome::Asks(requirement) => {
                    self.requirement = std::mem::take(&mut self.requirement).and(requirement);
                }
                Outcome::Allowed => {}
            }
            if !(weighs && first) {
                self.details.push(reason);
                continue;
            }
            first = false;
            match outcome {
                Outcome::Allowed => self.allowed.push(reason),
                Outcome::Asks(_) | Outcome::Refused => self.objections.push(reason),
            }
        }
    }

    pub(super) fn decision(
        mut self,
        policy: &Policy,
        facts: &Facts,
        holds_code: bool,
        later: Vec<Wait>,
    ) -> Decision {
        let not_before = end(&later);
        let waits = !later.is_empty();
        let later = later.into_iter().map(|wait| wait.reason);
        if self.allowed.is_empty() && self.objections.is_empty() {
            // An exit code that says so is no change that anybody could have judged.
            self.object("the plan changes something that it does not show".into());
        }
        if self.refused || !self.objections.is_empty() {
            let mut reasons = self.objections;
            reasons.extend(later);
            let mut details = self.allowed;
            details.append(&mut self.details);
            if self.refused {
                return Decision {
                    reasons,
                    details,
                    approvable: Approvable::No,
                    ..Decision::new(DecisionKind::Refuse)
                };
            }
            let obstacles = obstacles(policy, facts, holds_code);
            let approvable = if obstacles.is_empty() {
                Approvable::Yes
            } else {
                Approvable::No
            };
            reasons.extend(obstacles);
            return Decision {
                reasons,
                details,
                approvable,
                requirement: self.requirement,
                not_before,
                ..Decision::new(DecisionKind::Ask)
            };
        }
        if waits {
            let mut details = self.allowed;
            details.append(&mut self.details);
            return Decision {
                reasons: later.collect(),
                details,
                not_before,
                ..Decision::new(DecisionKind::Alert)
            };
        }
        Decision {
            reasons: self.allowed,
            details: self.details,
            ..Decision::new(DecisionKind::Apply)
        }
    }
}

/// What has to be done before people can say yes.
fn obstacles(policy: &Policy, facts: &Facts, holds_code: bool) -> Vec<Reason> {
    let of = |by, first: &str| {
        let text = format!("nobody can approve this plan yet: first {first}");
        Reason::plan(by, text)
    };
    let guards = facts.guards.iter();
    let mut obstacles: Vec<Reason> = guards
        .filter_map(|guard| Some(of(By::Guard(*guard), guard.first()?)))
        .collect();
    if holds_code && policy.furthest() == PolicyMode::Heal {
        obstacles.push(of(
            By::Builtin,
            "apply the code by hand, or let mode `sync` apply it",
        ));
    }
    obstacles
}

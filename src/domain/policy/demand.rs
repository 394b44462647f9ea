//! What rules ask of a plan that somebody wants, rather than one that would be applied by itself.

use super::super::finding::Findings;
use super::judge::{Judgement, Outcome};
use super::{Facts, Policy, Reason, Requirement};

/// What the rules ask of a whole plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demand {
    /// Whose yes it needs.
    pub requirement: Requirement,
    /// What rules refuse; then nobody can say yes.
    pub refusals: Vec<Reason>,
}

/// What the rules ask of all changes of a plan together, in whichever mode. Pure, like
/// [`super::decide`].
pub fn demand(findings: &Findings, policy: &Policy, facts: &Facts) -> Demand {
    let judge = policy.judge(findings, facts);
    let mut demand = Demand::default();
    for Judgement { outcome, reason } in findings.resources.iter().flat_map(|f| judge.finding(f)) {
        match outcome {
            Outcome::Asks(requirement) => {
                demand.requirement = demand.requirement.and(&requirement);
            }
            Outcome::Refused => demand.refusals.push(reason),
            Outcome::Allowed => {}
        }
    }
    demand
}

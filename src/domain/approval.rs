//! The only way to something that may be applied.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::binding::Binding;
use super::ids::{RequestId, RunId};
use super::policy::{Decision, DecisionKind};
use super::request::Request;
use super::stack::StateIdentity;

/// Who said yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approver {
    /// Policy: every change in the plan is safe by rule.
    Policy,
    /// People, who were asked about exactly this plan.
    People {
        /// The request.
        request: RequestId,
        /// Who said yes.
        by: Vec<String>,
    },
}

/// What is stored before an apply starts, so that an interrupted one is never taken for one that
/// did not begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The run that is about to apply.
    pub run: RunId,
    /// What exactly it applies, and to which state.
    pub binding: Binding,
    /// Who said yes.
    pub approver: Approver,
    /// What policy decided and why.
    pub decision: Decision,
    /// The copy of the state made before: a path relative to the data directory.
    pub snapshot: String,
    /// When it was decided.
    pub at: Timestamp,
}

impl Intent {
    /// The state that it was to be applied to.
    pub fn state(&self) -> StateIdentity {
        StateIdentity {
            lineage: self.binding.lineage.clone(),
            serial: self.binding.serial,
        }
    }
}

/// A plan that may be applied. Its fields are private and nothing but this module makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedPlan {
    binding: Binding,
    approver: Approver,
}

impl ApprovedPlan {
    /// Policy's own approval: exists only for a decision to apply.
    pub fn by_policy(decision: &Decision, binding: Binding) -> Option<Self> {
        (decision.kind == DecisionKind::Apply).then_some(Self {
            binding,
            approver: Approver::Policy,
        })
    }

    /// People's approval: exists only for a request that enough of them approved, that is neither used
    /// nor taken back nor too old, and for the very plan that they were asked about.
    pub fn by_people(request: &Request, present: Binding, now: Timestamp) -> Option<Self> {
        let same = request.asked.binding.differences(&present).is_empty();
        (same && request.is_live(now)).then(|| Self {
            binding: present,
            approver: Approver::People {
                request: request.id,
                by: request.counting(now).approvers(),
            },
        })
    }

    /// What was approved.
    pub const fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Who approved it.
    pub const fn approver(&self) -> &Approver {
        &self.approver
    }

    /// Whether a plan at hand is exactly the approved one.
    pub fn covers(&self, present: &Binding) -> bool {
        &self.binding == present
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::domain::ids::{ChangeDigest, Fingerprint, StackId};

    fn binding(digest: &str) -> Binding {
        Binding {
            stack: StackId::new("infra/a"),
            digest: ChangeDigest::new(digest),
            lineage: "l".into(),
            serial: 4,
            commit: None,
            inputs: Fingerprint::new("i"),
        }
    }

    #[test]
    fn only_a_decision_to_apply_mints_an_approval() {
        for kind in [
            DecisionKind::Nothing,
            DecisionKind::Alert,
            DecisionKind::Ask,
            DecisionKind::Refuse,
        ] {
            let decision = Decision::new(kind);
            assert_eq!(ApprovedPlan::by_policy(&decision, binding("d")), None);
        }
    }

    #[test]
    fn an_approval_dies_when_anything_it_binds_changes() {
        let decision = Decision::new(DecisionKind::Apply);
        let approved = ApprovedPlan::by_policy(&decision, binding("d")).unwrap();
        assert!(approved.covers(&binding("d")));
        assert!(!approved.covers(&binding("e")));
        assert!(!approved.covers(&Binding {
            serial: 5,
            ..binding("d")
        }));
        assert!(!approved.covers(&Binding {
            lineage: "m".into(),
            ..binding("d")
        }));
        assert!(!approved.covers(&Binding {
            inputs: Fingerprint::new("j"),
            ..binding("d")
        }));
    }
}

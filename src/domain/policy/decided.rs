//! Decisions that are kept with what they were made from, so that they can be explained, and made
//! again under another policy.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::finding::{Findings, Verdict};
use super::super::ids::{RunId, StackId};
use super::{Decision, Facts, Policy, Tightening, decide, ignore};

/// What a decision was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, without secrets.
    pub findings: Findings,
    /// What was known besides.
    pub facts: Facts,
    /// What the repository said of policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repository: Vec<Tightening>,
}

/// What was decided in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The run.
    pub run: RunId,
    /// Its stack.
    pub stack: StackId,
    /// When.
    pub at: Timestamp,
    /// From what.
    pub inputs: Inputs,
    /// What.
    pub decision: Decision,
}

impl Inputs {
    /// What another policy decides of the same findings.
    pub fn again(&self, policy: &Policy, facts: &Facts) -> Decision {
        let mut findings = self.findings.clone();
        for finding in &mut findings.resources {
            if finding.ignored.take().is_some() {
                finding.suppressed = None;
            }
        }
        ignore(&mut findings, policy, facts);
        decide(self.verdict, &findings, policy, facts)
    }
}

impl Decision {
    /// Whether people would notice that this was decided and not the other.
    pub fn differs(&self, other: &Self) -> bool {
        let part = |decision: &Self| (decision.kind, decision.shadow, decision.approvable);
        part(self) != part(other) || self.requirement != other.requirement
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::super::testing::{check, drift};
    use super::super::{Conditions, DecisionKind, Effect, Ignore, PolicyMode, Rule};
    use super::*;

    #[test]
    fn another_policy_decides_as_if_the_first_had_ignored_nothing() {
        let rule = |effect| Rule {
            name: "tags".to_owned(),
            when: Conditions::default(),
            effect,
        };
        let policy = |effect| Policy {
            mode: PolicyMode::Heal,
            rules: vec![rule(effect)],
            ..Policy::default()
        };
        let ignoring = policy(Effect::Ignore(Ignore {
            owner: "web".to_owned(),
            reason: "why".to_owned(),
            until: None,
        }));
        let facts = Facts::default();
        let mut look = check(vec![drift("t.a", "tags.Env", "x")]);
        ignore(&mut look.findings, &ignoring, &facts);
        let first = decide(look.verdict, &look.findings, &ignoring, &facts);
        let inputs = Inputs {
            verdict: look.verdict,
            findings: look.findings,
            facts: facts.clone(),
            repository: Vec::new(),
        };
        let kept: Inputs = serde_json::from_str(&serde_json::to_string(&inputs).unwrap()).unwrap();
        assert_eq!(kept, inputs);
        let same = kept.again(&ignoring, &facts);
        assert!(!same.differs(&first));
        let other = kept.again(&policy(Effect::Safe), &facts);
        assert_eq!(other.kind, DecisionKind::Apply);
        assert!(other.differs(&first));
    }
}

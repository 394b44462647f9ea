//! What policies written in Rego say of a plan. An opinion can only make Mooring more careful, or call
//! a change safe that nothing else forbids: it takes no guard away.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::Address;

/// A rule of a policy, as people name it: `main.deny_public_bucket`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleName {
    /// Its package, without `data.`.
    pub package: String,
    /// Its own name.
    pub rule: String,
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.package, self.rule)
    }
}

/// A denial or a warning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Remark {
    /// Who says it.
    pub rule: RuleName,
    /// What it says.
    pub message: String,
}

/// A resource that a policy calls safe to change automatically.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SafeResource {
    /// Which one.
    pub address: Address,
    /// Why, if the policy says so.
    pub reason: Option<String>,
}

/// Why a policy gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyFailureKind {
    /// The plan is too large, too deep, or has a number that cannot be handled.
    Input,
    /// It did not end within its time.
    TimedOut,
    /// It broke off: two values for one rule, a builtin that failed in a rule about what is safe.
    Evaluation,
    /// It gave something else than messages or addresses.
    WrongResult,
    /// Too many evaluations that ran out of time have still not ended.
    Busy,
    /// The evaluator itself broke.
    Crashed,
}

/// A policy that gave no answer. Nothing is safe then.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyFailure {
    /// The rule that failed; none if all of them did.
    pub rule: Option<RuleName>,
    /// In which way.
    pub kind: PolicyFailureKind,
    /// What happened, with the place in the policy where there is one.
    pub message: String,
}

/// What all policies together say of one plan, each list sorted and without duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// What they forbid.
    pub denials: Vec<Remark>,
    /// What they only warn of.
    pub warnings: Vec<Remark>,
    /// What they call safe. Ask [`Opinion::calls_safe`], which knows of failures.
    pub safe: Vec<SafeResource>,
    /// Which of them gave no answer.
    pub failures: Vec<PolicyFailure>,
}

impl Opinion {
    /// No answer at all.
    pub fn failed(kind: PolicyFailureKind, message: impl Into<String>) -> Self {
        Self {
            failures: vec![PolicyFailure {
                rule: None,
                kind,
                message: message.into(),
            }],
            ..Self::default()
        }
    }

    /// The same with each list in order and without duplicates.
    pub fn sorted(mut self) -> Self {
        self.denials.sort();
        self.denials.dedup();
        self.warnings.sort();
        self.warnings.dedup();
        self.safe.sort();
        self.safe.dedup();
        self.failures.sort();
        self.failures.dedup();
        self
    }

    /// The entry that calls this resource safe. None if any policy gave no answer: what it would have
    /// said is not known.
    pub fn calls_safe(&self, address: &Address) -> Option<&SafeResource> {
        let known = self.failures.is_empty();
        let mut entries = self.safe.iter().filter(|_| known);
        entries.find(|entry| entry.address == *address)
    }

    /// What policies have against applying it automatically, one sentence each.
    pub fn denied(&self) -> impl Iterator<Item = String> {
        self.denials
            .iter()
            .map(|denial| format!("policy {} denies it: {}", denial.rule, denial.message))
    }

    /// What may be against it too, since a policy gave no answer, one sentence each.
    pub fn unanswered(&self) -> impl Iterator<Item = String> {
        self.failures.iter().map(|failure| match &failure.rule {
            Some(rule) => format!("policy {rule} gave no answer: {}", failure.message),
            None => format!("the policies gave no answer: {}", failure.message),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str) -> RuleName {
        RuleName {
            package: "main".into(),
            rule: name.into(),
        }
    }

    fn opinion() -> Opinion {
        Opinion {
            safe: vec![SafeResource {
                address: Address::new("aws_sqs_queue.jobs"),
                reason: Some("only tags".into()),
            }],
            ..Opinion::default()
        }
    }

    #[test]
    fn only_the_very_address_that_was_named_is_safe() {
        let opinion = opinion();
        let safe = |address: &str| opinion.calls_safe(&Address::new(address)).is_some();
        assert!(safe("aws_sqs_queue.jobs"));
        assert!(!safe("aws_sqs_queue.jobs[0]"));
        assert!(!safe("module.a.aws_sqs_queue.jobs"));
    }

    #[test]
    fn nothing_is_safe_once_a_policy_failed() {
        let mut opinion = opinion();
        opinion.failures.push(PolicyFailure {
            rule: Some(rule("warn")),
            kind: PolicyFailureKind::Evaluation,
            message: "main.rego:3:1: rule conflicts".into(),
        });
        let jobs = Address::new("aws_sqs_queue.jobs");
        assert_eq!(opinion.calls_safe(&jobs), None);
        assert_eq!(
            opinion.unanswered().collect::<Vec<_>>(),
            ["policy main.warn gave no answer: main.rego:3:1: rule conflicts"]
        );
    }

    #[test]
    fn denials_object_and_warnings_do_not() {
        let remark = |message: &str| Remark {
            rule: rule("deny_public"),
            message: message.into(),
        };
        let opinion = Opinion {
            denials: vec![remark("b"), remark("a"), remark("b")],
            warnings: vec![remark("w")],
            ..Opinion::default()
        };
        assert_eq!(
            opinion.sorted().denied().collect::<Vec<_>>(),
            [
                "policy main.deny_public denies it: a",
                "policy main.deny_public denies it: b"
            ]
        );
        let failed = Opinion::failed(PolicyFailureKind::TimedOut, "no end after 5 s");
        assert_eq!(
            failed.unanswered().collect::<Vec<_>>(),
            ["the policies gave no answer: no end after 5 s"]
        );
    }
}

//! What policy says of a plan, and why: values that are kept, shown and asked about later.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::ids::Address;
use super::{EffectKind, Guard};

/// What to do about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionKind {
    /// Nothing to do or say.
    Nothing,
    /// Tell people.
    Alert,
    /// Apply it.
    Apply,
    /// A person has to say yes.
    Ask,
    /// It must not be applied.
    Refuse,
}

impl DecisionKind {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Alert => "alert",
            Self::Apply => "apply",
            Self::Ask => "ask",
            Self::Refuse => "refuse",
        }
    }

    /// What would have happened, in a sentence about a decision that is only recorded.
    pub const fn would_have(self) -> &'static str {
        match self {
            Self::Nothing | Self::Alert => "would have been told",
            Self::Apply => "would have been applied",
            Self::Ask => "would have been asked about",
            Self::Refuse => "would have been refused",
        }
    }
}

/// Whose yes a plan needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// How many people have to say yes.
    pub count: u32,
    /// Of each of these lists of groups somebody who is in one of the groups has to say yes.
    pub groups: Vec<Vec<String>>,
    /// Whether the yes of whoever wrote the change does not count.
    pub not_author: bool,
}

impl Default for Requirement {
    /// One person, whoever it is.
    fn default() -> Self {
        Self {
            count: 1,
            groups: Vec::new(),
            not_author: false,
        }
    }
}

impl Requirement {
    /// What satisfies both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.count = self.count.max(other.count);
        self.not_author |= other.not_author;
        for list in &other.groups {
            if !self.groups.contains(list) {
                self.groups.push(list.clone());
            }
        }
        self
    }
}

/// Whether people can say yes to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approvable {
    /// There is nothing to say yes to.
    #[default]
    NotAsked,
    /// They can.
    Yes,
    /// Nobody can; a reason says what has to be done first.
    No,
}

/// What a reason is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The plan as a whole.
    #[default]
    Plan,
    /// A change of it.
    Change {
        /// The object.
        address: Address,
        /// What of it (a path, or `<deleted>` and its like); none means all of it.
        attribute: Option<String>,
    },
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// What holds whatever the rules say.
    #[default]
    Builtin,
    /// That no rule fits: nothing is safe.
    Default,
    /// A guard.
    Guard(Guard),
    /// A rule.
    Rule {
        /// Its name.
        name: String,
        /// What it does.
        effect: EffectKind,
        /// The file of the repository in which it stands; without one it is the operator's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
    /// A file of the repository, by what it says besides rules or because it cannot be read.
    Repository {
        /// The file, relative to the root of the repository.
        file: String,
    },
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Builtin => f.write_str("built in"),
            Self::Default => f.write_str("no rule"),
            Self::Guard(guard) => write!(f, "guard {}", guard.as_str()),
            Self::Rule { name, effect, file } => {
                let of = file.as_ref().map(|file| format!(" of {file}"));
                write!(
                    f,
                    "rule {name}{}: {}",
                    of.unwrap_or_default(),
                    effect.as_str()
                )
            }
            Self::Repository { file } => f.write_str(file),
        }
    }
}

/// Why something was decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Reason {
    /// What it is about.
    pub about: About,
    /// What decided.
    pub by: By,
    /// The reason as one sentence.
    pub text: String,
}

/// A reason as it may have been kept: early versions kept its sentence alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Full { about: About, by: By, text: String },
}

impl From<Written> for Reason {
    fn from(written: Written) -> Self {
        match written {
            Written::Text(text) => text.into(),
            Written::Full { about, by, text } => Self { about, by, text },
        }
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self {
            about: About::Plan,
            by: By::Builtin,
            text,
        }
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Reason {
    /// A reason about the plan as a whole.
    pub fn plan(by: By, text: impl Into<String>) -> Self {
        Self {
            about: About::Plan,
            by,
            text: text.into(),
        }
    }
}

/// A decision and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What to do.
    pub kind: DecisionKind,
    /// Why, one sentence each, guards first; of each object what weighs most.
    pub reasons: Vec<Reason>,
    /// What was decided of all other changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Reason>,
    /// Whose yes it needs, if it is asked.
    #[serde(default)]
    pub requirement: Requirement,
    /// Whether people can say yes.
    #[serde(default)]
    pub approvable: Approvable,
    /// It is not decided otherwise before this time, if that is known.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// What was decided, if decisions are only recorded.
    #[serde(default)]
    pub shadow: Option<DecisionKind>,
}

impl Decision {
    /// Whether nothing of it may be done for the time being, not even with people's approval.
    pub fn waits(&self) -> bool {
        let later = |reason: &Reason| {
            matches!(
                reason.by,
                By::Guard(
                    Guard::Window
                        | Guard::Freeze
                        | Guard::StackLimit
                        | Guard::FleetLimit
                        | Guard::Paused
                        | Guard::NeededApplying
                )
            )
        };
        self.reasons.iter().any(later)
    }

    /// A decision without reasons.
    pub const fn new(kind: DecisionKind) -> Self {
        Self {
            kind,
            reasons: Vec::new(),
            details: Vec::new(),
            requirement: Requirement {
                count: 1,
                groups: Vec::new(),
                not_author: false,
            },
            approvable: Approvable::NotAsked,
            not_before: None,
            shadow: None,
        }
    }

    /// A decision for one reason about the plan as a whole.
    pub fn because(kind: DecisionKind, reason: impl Into<Reason>) -> Self {
        Self {
            reasons: vec![reason.into()],
            ..Self::new(kind)
        }
    }

    /// Whether people can say yes to it.
    pub fn is_approvable(&self) -> bool {
        self.approvable == Approvable::Yes
    }

    /// What rules and policies have against it that they did not have before: whoever said yes
    /// then has not seen it.
    pub fn new_objections<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a Reason> {
        let by_rule = |reason: &&Reason| {
            matches!(
                reason.by,
                By::Rule {
                    effect: EffectKind::Ask | EffectKind::Refuse,
                    ..
                }
            )
        };
        let known = |reason: &Reason| before.explained().any(|other| other == reason);
        self.explained()
            .filter(by_rule)
            .filter(move |reason| !known(reason))
    }

    /// Whether a policy gave no answer that had given one before, or the other way of failing: whoever
    /// said yes then does not know what it would have said.
    pub fn is_unanswered(&self, before: &Self) -> bool {
        let failed = |reason: &&Reason| reason.by == By::Guard(Guard::PolicyFailed);
        let known = |reason: &Reason| before.explained().any(|other| other == reason);
        self.explained().filter(failed).any(|reason| !known(reason))
    }

    /// Everything that was decided, the reasons first.
    pub fn explained(&self) -> impl Iterator<Item = &Reason> {
        self.reasons.iter().chain(&self.details)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn decisions_kept_before_reasons_had_parts_still_read() {
        let kept =
            r#"{"kind":"ask","reasons":["a: no rule calls a change of tags.Env safe (drift)"]}"#;
        let decision: Decision = serde_json::from_str(kept).unwrap();
        assert_eq!(decision.kind, DecisionKind::Ask);
        assert_eq!(decision.reasons[0].by, By::Builtin);
        assert_eq!(decision.requirement, Requirement::default());
        assert!(!decision.is_approvable());
        let again = serde_json::to_string(&decision).unwrap();
        assert_eq!(serde_json::from_str::<Decision>(&again).unwrap(), decision);
    }

    #[test]
    fn what_rules_object_is_new_until_it_was_seen_and_guards_are_none_of_it() {
        let rule = |text: &str| {
            let by = By::Rule {
                name: "Rego".to_owned(),
                effect: EffectKind::Ask,
                file: None,
            };
            Reason::plan(by, text)
        };
        let of = |reasons: Vec<Reason>, details: Vec<Reason>| Decision {
            reasons,
            details,
            ..Decision::new(DecisionKind::Ask)
        };
        let guard = Reason::plan(By::Guard(Guard::HoldOff), "too early");
        let before = of(vec![rule("a")], vec![rule("b")]);
        let now = of(vec![guard, rule("b"), rule("c")], vec![rule("a")]);
        let new: Vec<&str> = now
            .new_objections(&before)
            .map(|r| r.text.as_str())
            .collect();
        assert_eq!(new, ["c"]);
        assert_eq!(before.new_objections(&now).count(), 0);
    }

    #[test]
    fn a_policy_that_gave_no_answer_is_no_objection_but_holds_back_until_it_does() {
        let failed = |text: &str| Decision {
            reasons: vec![Reason::plan(By::Guard(Guard::PolicyFailed), text)],
            ..Decision::new(DecisionKind::Ask)
        };
        let answered = Decision::new(DecisionKind::Ask);
        assert_eq!(failed("too slow").new_objections(&answered).count(), 0);
        assert!(failed("too slow").is_unanswered(&answered));
        assert!(!answered.is_unanswered(&failed("too slow")));
        assert!(!failed("too slow").is_unanswered(&failed("too slow")));
    }

    #[test]
    fn what_satisfies_several_requirements_satisfies_each() {
        let of = |count, groups: &[&str], not_author| Requirement {
            count,
            groups: vec![groups.iter().map(|group| (*group).to_owned()).collect()],
            not_author,
        };
        let both = of(1, &["platform"], true).and(&of(2, &["security", "audit"], false));
        assert_eq!((both.count, both.not_author), (2, true));
        assert_eq!(both.groups.len(), 2);
        let same = of(1, &["platform"], false);
        assert_eq!(same.clone().and(&same).groups.len(), 1);
    }
}

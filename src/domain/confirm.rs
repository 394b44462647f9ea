//! A verdict that newly turns bad is looked at again before anybody hears of it: an apply under way
//! elsewhere looks just like drift, and a plan that never comes out twice the same cannot be
//! approved.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::attribute_key::AttributeKey;
use super::check::StackCheck;
use super::content::{content, counts, tells_drift};
use super::finding::Verdict;

/// How often a plan may differ from the one before until it is taken as unstable.
const MAX_TRIES: u32 = 3;

/// A bad look that waits for a second one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// What was seen.
    pub check: StackCheck,
    /// How many looks in a row saw something new.
    pub tries: u32,
}

/// What is remembered between looks for the sake of confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Doubt {
    /// The look that waits for a second one.
    pub unconfirmed: Option<Unconfirmed>,
    /// Attributes whose planned value differs from plan to plan.
    pub unstable: BTreeSet<AttributeKey>,
}

/// Whether a look can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// It says nothing new, nothing bad, or what the look before it said.
    Confirmed,
    /// Look again.
    Again,
    /// It keeps changing; it can be told, not acted on.
    Unstable,
}

impl Doubt {
    /// Takes in a look; `last` is the last confirmed one.
    pub fn weigh(&mut self, last: Option<&StackCheck>, check: &StackCheck) -> Confirmation {
        if is_quiet(check) {
            *self = Self::default();
            return Confirmation::Confirmed;
        }
        let before = self.unconfirmed.take();
        if last.is_some_and(|last| self.same(last, check)) {
            return self.settled(check);
        }
        match before {
            Some(before) if self.same(&before.check, check) => self.settled(check),
            Some(before) if before.tries >= MAX_TRIES => {
                self.unstable.extend(differing(&before.check, check));
                Confirmation::Unstable
            }
            before => {
                self.unconfirmed = Some(Unconfirmed {
                    check: check.clone(),
                    tries: before.map_or(0, |before| before.tries) + 1,
                });
                Confirmation::Again
            }
        }
    }

    fn settled(&self, check: &StackCheck) -> Confirmation {
        let wavering = check.findings.resources.iter().any(|finding| {
            let mut keys = finding
                .attributes
                .iter()
                .map(|a| AttributeKey::of(finding, a));
            keys.any(|key| self.unstable.contains(&key))
        });
        if wavering {
            Confirmation::Unstable
        } else {
            Confirmation::Confirmed
        }
    }

    fn same(&self, one: &StackCheck, other: &StackCheck) -> bool {
        let kind = |check: &StackCheck| check.failure.as_ref().map(|failure| failure.kind);
        one.verdict == other.verdict
            && kind(one) == kind(other)
            && (one.digest == other.digest || !self.unstable.is_empty())
            && content(one, &self.unstable, counts) == content(other, &self.unstable, counts)
    }
}

/// Whether there is nothing to tell about a look.
fn is_quiet(check: &StackCheck) -> bool {
    check.verdict == Verdict::InSync
        && !check.findings.has_failing_check()
        && !check.findings.resources.iter().any(tells_drift)
}

/// Attributes that both looks have and that differ.
fn differing(one: &StackCheck, other: &StackCheck) -> BTreeSet<AttributeKey> {
    let keyed = |check: &StackCheck| -> Vec<(AttributeKey, String)> {
        let findings = check.findings.resources.iter();
        findings
            .flat_map(|f| f.attributes.iter().map(move |a| (f, a)))
            .map(|(f, a)| {
                let sides = serde_json::json!([a.state, a.real, a.want]);
                (AttributeKey::of(f, a), sides.to_string())
            })
            .collect()
    };
    let before = keyed(one);
    keyed(other)
        .into_iter()
        .filter(|(key, sides)| before.iter().any(|(k, s)| k == key && s != sides))
        .map(|(key, _)| key)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{attribute, check, drift, pending};

    #[test]
    fn a_new_trouble_is_believed_on_the_second_look() {
        let mut doubt = Doubt::default();
        let bad = check(vec![drift("aws_sqs_queue.jobs", "tags.Env", "hacked")]);
        assert_eq!(doubt.weigh(None, &bad), Confirmation::Again);
        assert_eq!(doubt.weigh(None, &bad), Confirmation::Confirmed);
        assert_eq!(doubt.weigh(Some(&bad), &bad), Confirmation::Confirmed);
    }

    #[test]
    fn what_went_away_was_an_apply_elsewhere() {
        let mut doubt = Doubt::default();
        let good = check(vec![]);
        let bad = check(vec![drift("aws_sqs_queue.jobs", "tags.Env", "hacked")]);
        assert_eq!(doubt.weigh(Some(&good), &bad), Confirmation::Again);
        assert_eq!(doubt.weigh(Some(&good), &good), Confirmation::Confirmed);
        assert_eq!(doubt, Doubt::default());
    }

    #[test]
    fn a_plan_that_never_comes_out_twice_the_same_is_unstable_and_then_quiet() {
        let mut doubt = Doubt::default();
        let at = |n: u32| check(vec![pending("terraform_data.t", "input", &n.to_string())]);
        let seen: Vec<Confirmation> = (0..4).map(|n| doubt.weigh(None, &at(n))).collect();
        assert_eq!(seen[..3], [Confirmation::Again; 3]);
        assert_eq!(seen[3], Confirmation::Unstable);
        let key = attribute("terraform_data.t", "input");
        assert_eq!(doubt.unstable.iter().collect::<Vec<_>>(), [&key]);
        assert_eq!(doubt.weigh(Some(&at(3)), &at(9)), Confirmation::Unstable);
    }
}

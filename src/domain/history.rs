//! What earlier looks and Git say about a difference that the plan alone calls pending.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::assess::assess;
use super::attribute_key::AttributeKey;
use super::check::StackCheck;
use super::content::drifted_attributes;
use super::finding::{AttributeChange, Evidence, Finding, Findings, Origin, Subject};
use super::ids::CommitId;
use super::plan::Mode;
use super::rules::Rules;
use super::value::Value;

/// Drift as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drifting {
    /// Since when.
    pub since: Timestamp,
    /// The value that an apply would put back.
    pub want: Value,
    /// The value that was found.
    pub real: Value,
}

/// What is known from before a look.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Drift that earlier looks saw and none saw end.
    pub drifting: BTreeMap<AttributeKey, Drifting>,
    /// The commit at which the stack was last in sync, if nothing it reads changed since then.
    pub unmoved_since: Option<CommitId>,
}

/// The drift that a look saw; what was `known` before keeps the time at which it was first seen.
pub fn drifting(
    check: &StackCheck,
    known: &BTreeMap<AttributeKey, Drifting>,
    now: Timestamp,
) -> BTreeMap<AttributeKey, Drifting> {
    let seen = drifted_attributes(check).map(|(key, attribute)| {
        let seen = Drifting {
            since: known.get(&key).map_or(now, |seen| seen.since),
            want: attribute.want.clone(),
            real: attribute.real.clone(),
        };
        (key, seen)
    });
    seen.collect()
}

/// Corrects origins by what is known from before. A refresh that somebody saved writes drift into
/// the state, and the plan then shows it as pending code; and a change that Git does not explain
/// comes from a data source, a variable or a provider.
pub fn refine(findings: &mut Findings, history: &History, rules: &Rules) {
    for finding in &mut findings.resources {
        if finding.mode != Mode::Managed {
            continue;
        }
        let mut changed = false;
        for place in 0..finding.attributes.len() {
            let corrected = finding
                .attributes
                .get(place)
                .and_then(|attribute| corrected(finding, attribute, history));
            if let (Some(attribute), Some(corrected)) =
                (finding.attributes.get_mut(place), corrected)
            {
                *attribute = corrected;
                changed = true;
            }
        }
        if changed {
            finding.origin = Origin::over(&finding.attributes).unwrap_or(finding.origin);
            assess(finding, rules);
        }
    }
    if history.unmoved_since.is_some() {
        for output in &mut findings.outputs {
            if output.origin == Origin::Pending {
                output.origin = Origin::Input;
            }
        }
    }
}

fn corrected(
    finding: &Finding,
    attribute: &AttributeChange,
    history: &History,
) -> Option<AttributeChange> {
    if attribute.origin != Origin::Pending {
        return None;
    }
    let subject = match attribute.subject {
        // What was deleted by hand and then forgotten by a refresh.
        Subject::Create => Subject::Deleted,
        ref subject => subject.clone(),
    };
    let same = AttributeChange {
        subject,
        ..attribute.clone()
    };
    let before = history.drifting.get(&AttributeKey::of(finding, &same));
    let still = before.filter(|seen| seen.want == attribute.want && seen.real == attribute.real);
    if let Some(seen) = still {
        return Some(AttributeChange {
            origin: Origin::Drift,
            evidence: Evidence::Absorbed { since: seen.since },
            ..same
        });
    }
    let since = history.unmoved_since.clone()?;
    Some(AttributeChange {
        origin: Origin::Input,
        evidence: Evidence::GitUnmoved { since },
        ..attribute.clone()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::domain::finding::FindingAction;
    use crate::domain::testing::{check, finding};

    const PENDING: Origin = Origin::Pending;

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn refined(finding: Finding, history: &History) -> Finding {
        let mut findings = check(vec![finding]).findings;
        refine(&mut findings, history, &Rules::default());
        findings.resources.pop().unwrap()
    }

    #[test]
    fn drift_that_a_refresh_absorbed_is_still_drift() {
        let now = finding("t.a", "tags.Env", PENDING, ["hacked", "hacked", "prod"]);
        let key = AttributeKey::of(&now, &now.attributes[0]);
        let seen = |real: &str, want: &str| History {
            drifting: BTreeMap::from([(
                key.clone(),
                Drifting {
                    since: Timestamp::UNIX_EPOCH,
                    want: text(want),
                    real: text(real),
                },
            )]),
            unmoved_since: None,
        };
        let still = refined(now.clone(), &seen("hacked", "prod"));
        assert_eq!(still.origin, Origin::Drift);
        assert_eq!(
            still.attributes[0].evidence,
            Evidence::Absorbed {
                since: Timestamp::UNIX_EPOCH
            }
        );
        // Code that wants something else by now is pending, and so is another real value.
        for history in [seen("hacked", "stage"), seen("other", "prod")] {
            assert_eq!(refined(now.clone(), &history), now);
        }
    }

    #[test]
    fn what_git_does_not_explain_is_an_input() {
        let history = History {
            unmoved_since: Some(CommitId::new("4f2a91c03b7d11e2a0c54f2a91c03b7d11e2a0c5")),
            ..History::default()
        };
        let pending = finding("t.a", "ami", PENDING, ["old", "old", "new"]);
        let refined_input = refined(pending.clone(), &history);
        assert_eq!(refined_input.origin, Origin::Input);
        assert!(refined_input.is_pending());
        assert_eq!(refined(pending.clone(), &History::default()), pending);
        let drift = finding("t.a", "ami", Origin::Drift, ["old", "new", "old"]);
        assert_eq!(refined(drift.clone(), &history), drift);
    }

    #[test]
    fn a_deletion_that_a_refresh_absorbed_is_no_new_object() {
        let mut created = finding("t.a", "x", PENDING, ["", "", ""]);
        created.action = FindingAction::Create;
        created.attributes = vec![AttributeChange::whole(Subject::Create, PENDING)];
        let deleted = AttributeChange::whole(Subject::Deleted, Origin::Drift);
        let key = AttributeKey::of(&created, &deleted);
        let history = History {
            drifting: BTreeMap::from([(
                key,
                Drifting {
                    since: Timestamp::UNIX_EPOCH,
                    want: Value::Null,
                    real: Value::Null,
                },
            )]),
            unmoved_since: None,
        };
        let refined = refined(created, &history);
        assert_eq!(refined.attributes[0].subject, Subject::Deleted);
        assert_eq!(refined.origin, Origin::Drift);
    }
}

//! Where a trouble comes from, boiled down to a key: troubles of many stacks with one key are one
//! piece of news. A tag policy, a provider's new version, an expired credential or an API that
//! cannot be reached show up in many stacks at once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::alert_kind::AlertKind;
use super::check::StackCheck;
use super::failure::{Failure, FailureKind};
use super::finding::{Finding, FindingAction};

/// Where a trouble comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The same for troubles that may come from one cause.
    pub key: String,
    /// What they have in common, as people read it.
    pub words: String,
}

/// Longest list of types or paths in words.
const MOST_NAMED: usize = 4;

/// Attributes that policies of an organisation set on everything, whatever its type.
const ON_EVERY_TYPE: [&str; 3] = ["tags", "tags_all", "labels"];

/// The cause of a failure: for what every stack can run into, its kind alone.
pub fn of_failure(failure: &Failure) -> Cause {
    let kind = failure.kind.as_str();
    let common = matches!(
        failure.kind,
        FailureKind::EngineMissing
            | FailureKind::ProviderMissing
            | FailureKind::BackendUnreachable
            | FailureKind::Throttled
            | FailureKind::CredentialsRefused
            | FailureKind::OutOfDisk
            | FailureKind::TimedOut
            | FailureKind::NotChecked
            | FailureKind::RepositoryUnreachable
            | FailureKind::RepositoryRefused
    );
    let key = if common {
        format!("failed/{kind}")
    } else {
        format!("failed/{kind}/{}", hash(&failure.message))
    };
    Cause {
        key,
        words: failure.to_string(),
    }
}

/// The cause of what an alert of this kind sees in these findings: which attributes differ and where from, whatever the
/// objects are called. None if there are none.
pub fn of_findings(
    check: &StackCheck,
    kind: AlertKind,
    which: impl Fn(&Finding) -> bool,
) -> Option<Cause> {
    let findings: Vec<&Finding> = check
        .findings
        .resources
        .iter()
        .filter(|finding| which(finding))
        .collect();
    if findings.is_empty() {
        return None;
    }
    let mut lines = BTreeSet::new();
    let mut paths = BTreeSet::new();
    let mut types = BTreeSet::new();
    for finding in &findings {
        types.insert(finding.resource_type.clone());
        for attribute in &finding.attributes {
            let path = attribute.subject.to_string();
            let everywhere = finding.action != FindingAction::Delete
                && ON_EVERY_TYPE.iter().any(|name| {
                    let rest = path.strip_prefix(name);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                });
            let on = if everywhere {
                ""
            } else {
                &finding.resource_type
            };
            // What a policy sets is in `tags` and `tags_all` alike.
            let named = path
                .strip_prefix("tags_all")
                .map(|rest| format!("tags{rest}"));
            let named = named.unwrap_or_else(|| path.clone());
            lines.insert(format!(
                "{on} {} {named} {}",
                finding.action.as_str(),
                attribute.origin.as_str()
            ));
            paths.insert(named);
        }
    }
    let key = lines.into_iter().collect::<Vec<_>>().join("\n");
    Some(Cause {
        key: format!("{}/{}", kind.as_str(), hash(&key)),
        words: format!("{} of {}", some(&paths), some(&types)),
    })
}

fn some(names: &BTreeSet<String>) -> String {
    let mut text: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
    let more = names.len().saturating_sub(MOST_NAMED);
    let more = format!("{more} more");
    if names.len() > MOST_NAMED {
        text.push(&more);
    }
    text.join(", ")
}

fn hash(text: &str) -> String {
    let digest = hex::encode(Sha256::digest(text));
    digest.chars().take(16).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::finding::Origin;
    use super::super::testing::{check, finding};
    use super::*;

    /// Whoever takes the drift on has not taken on the code that waits.
    #[test]
    fn drift_and_waiting_code_of_one_object_are_two_causes() {
        let both = finding("aws_x.a", "size", Origin::Both, ["1", "2", "3"]);
        let check = check(vec![both]);
        let drift = of_findings(&check, AlertKind::Drift, Finding::is_drift).unwrap();
        let pending = of_findings(&check, AlertKind::Pending, Finding::is_pending).unwrap();
        assert_ne!(drift.key, pending.key);
        assert_eq!(drift.words, pending.words);
        assert!(drift.key.starts_with("drift/") && pending.key.starts_with("pending/"));
    }
}

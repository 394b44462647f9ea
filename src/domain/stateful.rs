//! Which changes could lose data or cannot be undone.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::finding::{Finding, FindingAction, Origin, Subject};

/// Type → why it may hold data, from `stateful_types.txt`, which names its sources.
static STATEFUL: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    include_str!("stateful_types.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut fields = line.split(" | ");
            Some((fields.next()?, fields.next()?))
        })
        .collect()
});

/// Why objects of this type may hold data, if they may.
pub fn holds_data(resource_type: &str) -> Option<&'static str> {
    STATEFUL.get(resource_type).copied()
}

/// Why applying this change could lose data, if it could: delete, replace or forget of something that may
/// hold data, an action this program does not know, or its re-creation (empty) after somebody deleted it.
pub fn irreversible(finding: &Finding) -> Option<String> {
    let recreated = finding.action == FindingAction::Create
        && finding
            .attributes
            .iter()
            .any(|a| a.subject == Subject::Deleted && a.origin == Origin::Drift);
    let gone = matches!(
        finding.action,
        FindingAction::Delete
            | FindingAction::Replace
            | FindingAction::Forget
            | FindingAction::Other
    );
    let why = holds_data(&finding.resource_type).filter(|_| gone || recreated);
    why.map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_sorted() {
        let rows: Vec<&str> = include_str!("stateful_types.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert!(
            rows.iter().all(|row| row.split(" | ").count() == 3),
            "type | why | source"
        );
        assert!(rows.is_sorted());
        assert_eq!(rows.len(), STATEFUL.len(), "a type stands twice");
        assert!(holds_data("aws_db_instance").is_some());
        assert!(holds_data("kubernetes_namespace").is_some());
        assert!(holds_data("aws_iam_role_policy_attachment").is_none());
    }
}

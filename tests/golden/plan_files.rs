//! Plan files beside the labelled plans, each the one that its JSON was shown of.

use mooring::domain::finding::PlanExit;
use mooring::terraform::{PlanFile, Refreshed};

use crate::harness::skipped;

use super::{exit, folder, plans, reading};

#[test]
fn a_plan_file_is_the_same_only_where_its_json_says_so() {
    let mut seen = Vec::new();
    for (name, bytes) in plans() {
        let path = folder().join(format!("{name}.tfplan"));
        if !path.exists() {
            continue;
        }
        let (reading, findings) = reading(&bytes);
        let something = exit(&reading.plan, &findings) != PlanExit::NoChanges
            || !findings.resources.is_empty()
            || !findings.outputs.is_empty()
            || !findings.checks.is_empty();
        let refreshed = PlanFile::open_existing(path).refreshed();
        let expected = matches!(
            (something, refreshed),
            (false, Refreshed::Same) | (true, Refreshed::Differs(_))
        );
        assert!(expected, "{name}: {refreshed:?}, but {findings:#?}");
        seen.push(refreshed);
    }
    if seen.is_empty() {
        skipped(
            "a_plan_file_is_the_same_only_where_its_json_says_so",
            "no plan files",
        );
    } else {
        assert!(seen.contains(&Refreshed::Same), "one of them is in sync");
    }
}

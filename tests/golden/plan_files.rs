//! Plan files beside the labelled plans, each the one that its JSON was shown of.

use mooring::terraform::{PlanFile, Refreshed};

use super::{cases, explained, folder};

#[test]
fn a_plan_file_is_the_same_only_where_its_json_says_so() {
    let (mut files, mut same, mut shown_in_vain) = (0, 0, Vec::new());
    for case in cases() {
        let path = folder().join(format!("{}.tfplan", case.name));
        if !path.exists() {
            continue;
        }
        files += 1;
        let check = explained(&case.bytes).unwrap();
        let findings = &check.findings;
        let nothing = case.expected["exit"] == 0
            && findings.resources.is_empty()
            && findings.outputs.is_empty()
            && findings.checks.is_empty();
        match PlanFile::open_existing(path).refreshed() {
            Refreshed::Same => {
                assert!(nothing, "{}: {findings:#?}", case.name);
                same += 1;
            }
            Refreshed::Differs(_) if nothing => shown_in_vain.push(case.name.as_str()),
            Refreshed::Differs(_) => {}
            Refreshed::Unreadable(why) => panic!("{}: {why}", case.name),
        }
    }
    assert!(files > 100 && same > 10, "{same} of {files} say so");
    // What is left out on purpose, or is spelt differently and says the same, costs a look at the JSON.
    assert!(shown_in_vain.len() * 3 < same, "{shown_in_vain:?}");
}

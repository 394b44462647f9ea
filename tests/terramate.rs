//! Stacks of Terramate: which there are, and what comes before them.

use mooring::discover::Mark;
use mooring::domain::failure::FailureKind;

use crate::discover::tree;
use crate::remote_states::{found, needs};

const RESOURCE: &str = "resource \"terraform_data\" \"x\" {}\n";

#[test]
fn stacks_are_found_and_ordered_as_terramate_does() {
    let root = tree(&[
        ("stacks/config.tm.hcl", "globals {\n  a = 1\n}\n"),
        (
            "stacks/vpc/stack.tm.hcl",
            "stack {\n  name = \"vpc\"\n  tags = [\"net\"]\n  before = [\"tag:db\"]\n}\n",
        ),
        ("stacks/vpc/main.tf", RESOURCE),
        ("stacks/vpc/peering/stack.tm", "stack {\n}\n"),
        ("stacks/vpc/peering/main.tf", RESOURCE),
        (
            "stacks/db/stack.tm.hcl",
            "stack {\n  tags = [\"db\"]\n  watch = [\"/policies/db.json\", \"../shared.txt\", \"own.txt\"]\n}\n",
        ),
        (
            "stacks/db/_terramate_generated_main.tf",
            "locals {\n  only = \"this\"\n}\n",
        ),
        (
            "stacks/app/stack.tm.hcl",
            "stack {\n  after = [\"/stacks/db\", \"../vpc\"]\n}\n",
        ),
        (
            "stacks/app/main.tf",
            "module \"m\" {\n  source = \"../../modules/m\"\n}\n",
        ),
        ("stacks/called/main.tf", RESOURCE),
        ("stacks/called/stack.tm.hcl", "stack {}\n"),
        (
            "stacks/caller/main.tf",
            "module \"m\" {\n  source = \"../called\"\n}\n",
        ),
        ("modules/m/main.tf", RESOURCE),
        ("policies/db.json", "{}"),
    ]);
    let all = found(&root);
    let marks: Vec<_> = all
        .iter()
        .map(|found| (found.dir.as_str(), &found.mark))
        .collect();
    assert_eq!(
        marks,
        [
            ("stacks/app", &Mark::Module),
            ("stacks/called", &Mark::Resource),
            ("stacks/caller", &Mark::Module),
            ("stacks/db", &Mark::Terramate),
            ("stacks/vpc", &Mark::Resource),
            ("stacks/vpc/peering", &Mark::Resource),
        ]
    );
    assert!(
        all.iter()
            .all(|found| found.problem.is_none() && found.closed)
    );
    assert_eq!(all[3].reads, ["policies/db.json", "stacks/shared.txt"]);
    assert_eq!(
        needs(&root),
        [
            "stacks/app: stacks/db stacks/vpc stacks/vpc/peering",
            "stacks/db: stacks/vpc",
            "stacks/vpc/peering: stacks/vpc",
        ]
    );
}

#[test]
fn a_stack_whose_code_is_not_committed_says_so() {
    let stack = "stack {\n}\n";
    let root = tree(&[
        (
            "generated/backend.tm.hcl",
            "generate_hcl \"_backend.tf\" {\n  content {}\n}\n",
        ),
        ("generated/a/stack.tm.hcl", stack),
        ("generated/skipped/.tmskip", ""),
        ("generated/skipped/stack.tm.hcl", stack),
        (
            "imported/a/stack.tm.hcl",
            "stack {}\nimport {\n  source = \"/imports/x.tm.hcl\"\n}\n",
        ),
        (
            "other/stack.tm.hcl",
            "stack {}\ngenerate_file \"values.yaml\" {\n  content = \"\"\n}\n",
        ),
        ("other/kustomization.yaml", ""),
        (
            "unit/stack.tm.hcl",
            "stack {\n  after = [\"/generated/a\"]\n}\n",
        ),
        (
            "unit/terragrunt.hcl",
            "terraform {\n  source = \"tfr:///x/y/z\"\n}\n",
        ),
    ]);
    let all = found(&root);
    let dirs: Vec<_> = all
        .iter()
        .map(|found| (found.dir.as_str(), &found.mark))
        .collect();
    assert_eq!(
        dirs,
        [
            ("generated/a", &Mark::Terramate),
            ("imported/a", &Mark::Terramate),
            ("unit", &Mark::Terragrunt),
        ]
    );
    let problem = all[0].problem.as_ref().unwrap();
    assert_eq!(problem.kind, FailureKind::Unsupported);
    assert!(problem.hint.contains("terramate generate"), "{problem}");
    assert!(!all[0].closed);
    assert_eq!(needs(&root), ["unit: generated/a"]);
}

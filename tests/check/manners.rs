//! Manners in somebody else's tree: it is as it was, and no plan stays behind.

use super::*;

#[test]
fn an_initialised_tree_is_used_in_place_and_left_as_it_was() {
    let tree = Tree::new();
    tree.write("web/main.tf", WITH_BACKEND);
    tree.apply("web");
    let commit = tree.commit();
    let before = tree.everything(&tree.path(""));
    assert!(before.contains_key(&tree.path("web/.terraform/terraform.tfstate")));

    let (code, report) = tree.check_with(&[], &[]);

    assert_eq!(
        verdicts(&report),
        [("web".into(), "in_sync".into(), "-".into())]
    );
    assert_eq!(
        (code, report["stacks"][0]["commit"].as_str()),
        (0, Some(&*commit))
    );
    assert!(
        tree.everything(&tree.path("")) == before,
        "something has changed in the tree"
    );
    assert!(
        !tree.beside("cache/mooring/trees").exists(),
        "no copy was needed"
    );
    assert_eq!(tree.plans_left(), Vec::<PathBuf>::new());
}

#[test]
fn a_tree_that_is_not_initialised_gets_no_trace_of_it() {
    let tree = Tree::new();
    tree.write(
        "modules/m/main.tf",
        "variable \"v\" {}\nresource \"terraform_data\" \"m\" {}\n",
    );
    let call =
        format!("{WITH_BACKEND}module \"m\" {{\n  source = \"../../modules/m\"\n  v = 1\n}}\n");
    tree.write("live/web/main.tf", &call);
    let commit = tree.commit();
    let before = tree.everything(&tree.path(""));

    // From below the tree: the module lies beside what is checked.
    let (code, report) = tree.check_with(&[], &["live"]);

    assert_eq!(
        verdicts(&report),
        [("web".into(), "pending".into(), "-".into())]
    );
    let stack = &report["stacks"][0];
    assert_eq!((code, stack["commit"].as_str()), (2, Some(&*commit)));
    assert_eq!(stack["findings"].as_array().unwrap().len(), 2);
    assert!(
        tree.everything(&tree.path("")) == before,
        "something has changed in the tree"
    );
    assert_eq!(
        tree.run("", "git", &["status", "--porcelain", "--ignored"]),
        ""
    );
    assert_eq!(tree.plans_left(), Vec::<PathBuf>::new());
    let mode = std::fs::metadata(tree.beside("cache/mooring"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_local_state_is_found_whether_or_not_the_directory_is_initialised() {
    let tree = Tree::new();
    tree.write("web/main.tf", WITH_BACKEND);
    tree.apply("web");
    std::fs::remove_dir_all(tree.path("web/.terraform")).unwrap();
    let before = tree.everything(&tree.path(""));
    let (code, report) = tree.check_with(&[], &[]);
    assert_eq!(
        (code, &report["stacks"][0]["verdict"]),
        (0, &"in_sync".into()),
        "{report:#}"
    );
    assert!(
        tree.everything(&tree.path("")) == before,
        "something has changed in the tree"
    );
}

#[test]
fn a_state_outside_the_tree_is_never_taken_for_none() {
    let tree = Tree::new();
    let main = "terraform {\n  backend \"local\" {\n    path = \"../../outside.tfstate\"\n  }\n}\n";
    tree.write("web/main.tf", &format!("{main}{ONE}"));
    tree.apply("web");
    assert!(tree.beside("outside.tfstate").exists());
    assert_eq!(tree.check(&[]).code, 0);

    std::fs::remove_dir_all(tree.path("web/.terraform")).unwrap();
    let (code, report) = tree.check_with(&[], &[]);
    assert_eq!(
        verdicts(&report),
        [("web".into(), "failed".into(), "not_initialised".into())]
    );
    assert_eq!(code, 1);

    let absolute = main.replace(
        "../../outside.tfstate",
        tree.beside("outside.tfstate").to_str().unwrap(),
    );
    tree.write("web/main.tf", &format!("{absolute}{ONE}"));
    let (code, report) = tree.check_with(&[], &[]);
    assert_eq!(
        (code, &report["stacks"][0]["verdict"]),
        (0, &"in_sync".into()),
        "{report:#}"
    );
}

#[test]
fn the_workspace_in_use_is_respected() {
    let tree = Tree::new();
    tree.write(
        "main.tf",
        &WITH_BACKEND.replace("= 1", "= terraform.workspace"),
    );
    tree.apply("");
    tree.run("", "terraform", &["workspace", "new", "staging"]);
    let before = tree.everything(&tree.path(""));

    let (code, report) = tree.check_with(&[], &[]);
    let stack = &report["stacks"][0];
    assert_eq!(
        (code, &stack["workspace"], &stack["verdict"]),
        (2, &"staging".into(), &"pending".into())
    );

    let (code, report) = tree.check_with(&[("TF_WORKSPACE", "default")], &[]);
    let stack = &report["stacks"][0];
    assert_eq!(
        (code, &stack["workspace"], &stack["verdict"]),
        (0, &"default".into(), &"in_sync".into())
    );
    assert!(
        tree.everything(&tree.path("")) == before,
        "something has changed in the tree"
    );
}

#[test]
fn an_unknown_workspace_is_an_error_and_never_made() {
    let tree = Tree::new();
    tree.write("new/main.tf", ONE);
    tree.write("used/main.tf", WITH_BACKEND);
    tree.apply("used");
    let before = tree.everything(&tree.path(""));
    let (code, report) = tree.check_with(&[("TF_WORKSPACE", "mistyped")], &[]);
    let failed = |stack: &str| {
        (
            stack.to_owned(),
            "failed".to_owned(),
            "unknown_workspace".to_owned(),
        )
    };
    assert_eq!(verdicts(&report), [failed("new"), failed("used")]);
    assert_eq!(code, 1);
    assert!(
        tree.everything(&tree.path("")) == before,
        "something has changed in the tree"
    );
    let made = tree.everything(&tree.beside("cache")).into_keys();
    assert_eq!(
        made.filter(|p| p.ends_with("terraform.tfstate.d")).count(),
        0
    );
}

#[test]
fn a_dirty_tree_is_planned_as_it_lies() {
    let tree = Tree::new();
    tree.write("main.tf", ONE);
    tree.write("README", "x");
    let commit = tree.commit();
    let stack = |tree: &Tree| tree.check_with(&[], &[]).1["stacks"][0].clone();
    assert_eq!(
        (&stack(&tree)["commit"], &stack(&tree)["dirty"]),
        (&commit.clone().into(), &false.into())
    );
    tree.write("notes.txt", "not read by Terraform");
    assert_eq!(stack(&tree)["dirty"], false);
    tree.write("more.tf", "resource \"terraform_data\" \"more\" {}\n");
    let dirty = stack(&tree);
    assert_eq!(
        (&dirty["commit"], &dirty["dirty"]),
        (&commit.into(), &true.into())
    );
    assert_eq!(dirty["findings"].as_array().unwrap().len(), 2, "{dirty:#}");
}

#[test]
fn outside_of_git_there_is_no_commit() {
    let tree = Tree::new();
    tree.write("main.tf", ONE);
    let (_, report) = tree.check_with(&[], &[]);
    let stack = &report["stacks"][0];
    assert_eq!(
        (&stack["stack"], &stack["commit"], &stack["dirty"]),
        (&".".into(), &Json::Null, &false.into())
    );
}

//! Rules that declare a stack for each variable file or workspace, and order between stacks.

use super::*;
use crate::domain::file_pattern::FilePattern;
use crate::reconcile::settings::ForEach;

/// What is wrong with a rule, and what to do about it.
fn wrong(rule: &str) -> Vec<String> {
    let text = format!("{GOOD}stacks:\n  - match: \"infra/**\"\n{rule}");
    let report = read(&text).expect_err("accepted").report(false, 400);
    let told = report.lines().map(str::trim);
    let told = told.filter(|line| line.starts_with("× ") || line.starts_with("help: "));
    told.map(|line| line.trim_start_matches("× ").to_owned())
        .collect()
}

#[test]
fn each_file_or_workspace_is_a_stack_with_its_name_in_what_the_rule_sets() {
    let settings = good(&format!(
        "{GOOD}stacks:
  - match: infra/a
    for_each_var_file: ../envs/*.tfvars
    backend_config: [\"envs/{{name}}.hcl\"]
  - match: infra/b
    for_each_var_file: envs/*.tfvars
    workspace: \"{{name}}\"
  - match: infra/c
    for_each_workspace: [dev, prod]
    name: \"x-{{name}}\"
    env: {{ TF_VAR_json: '{{\"a\":1}}', AWS_PROFILE: \"acme-{{name}}\" }}
    after: [\"infra/*/net\"]
"
    ));
    let [a, b, c] = settings.stacks.as_slice() else {
        panic!("{:?}", settings.stacks);
    };
    let is_files = |rule: &crate::reconcile::settings::StackRule, files: &str| {
        let pattern = FilePattern::parse(files).unwrap();
        matches!(&rule.for_each, Some(ForEach::VarFile(own)) if *own == pattern)
    };
    assert!(is_files(a, "../envs/*.tfvars") && is_files(b, "envs/*.tfvars"));
    assert_eq!(a.name.as_deref(), Some("{name}"));
    assert_eq!(
        (b.name.as_deref(), b.overrides.workspace.as_deref()),
        (None, Some("{name}"))
    );
    assert!(matches!(&c.for_each, Some(ForEach::Workspace(names)) if names == &["dev", "prod"]));
    assert_eq!(c.overrides.workspace.as_deref(), Some("{name}"));
    assert!(c.overrides.after.as_ref().unwrap()[0].is_match("infra/live/net"));
}

#[test]
fn what_declares_each_is_one_thing_that_tells_stacks_apart() {
    let both = "    for_each_var_file: \"*.tfvars\"\n    for_each_workspace: [a]\n";
    assert_eq!(
        wrong(both)[0],
        "this declares stacks by variable files and by workspaces at once"
    );
    assert_eq!(
        wrong("    for_each_workspace: [a, b, a]\n    workspace: b\n"),
        [
            "a second workspace of this list is called `a`",
            "help: give each its own name",
            "the workspaces stand in `for_each_workspace` already",
            "help: keep one of the two",
        ]
    );
    assert_eq!(
        wrong("    for_each_workspace: []\n")[0],
        "this declares no stack"
    );
    assert_eq!(
        wrong("    for_each_var_file: \"*.tfvars\"\n    name: web\n"),
        [
            "every stack of this entry would be called `web`",
            "help: write `{name}` where they differ, or take the key away",
        ]
    );
    let name = "    for_each_var_file: \"*.tfvars\"\n    name: \"Web {name}\"\n";
    assert_eq!(wrong(name)[0], "`Web {name}` is no name");
}

#[test]
fn the_name_stands_for_something_and_nothing_else_does() {
    for rule in [
        "    name: \"{name}\"\n",
        "    workspace: \"{name}\"\n",
        "    var_files: [\"{name}.tfvars\"]\n",
        "    backend_config: [\"key=a/{name}\"]\n",
        "    labels: { env: \"{name}\" }\n",
        "    watch: [\"envs/{name}\"]\n",
    ] {
        assert_eq!(
            wrong(rule),
            [
                "`{name}` stands for nothing: this entry is about one stack of a directory",
                "help: add `for_each_var_file` or `for_each_workspace`, or write the name",
            ],
            "{rule}"
        );
    }
    let rule = "    for_each_workspace: [a]\n    var_files: [\"{env}.tfvars\"]\n    labels: { a: \"{Name}\" }\n";
    let help = "help: write `{name}`: what the `*` of the file or the workspace is";
    assert_eq!(
        wrong(rule),
        [
            "`{env}` stands for nothing",
            help,
            "`{Name}` stands for nothing",
            help
        ]
    );
}

#[test]
fn a_pattern_for_files_says_where_the_name_stands_and_stays_in_the_repository() {
    let wrong = |pattern: &str| wrong(&format!("    for_each_var_file: \"{pattern}\"\n"));
    assert_eq!(
        wrong("/etc/*.tfvars")[0],
        "this path leads out of the repository"
    );
    assert_eq!(
        wrong("dev.tfvars")[0],
        "no `*` says what tells the files apart"
    );
    assert_eq!(
        wrong("**/*.tfvars"),
        [
            "a pattern for variable files has one `*`, and no other signs for patterns",
            "help: write one `*` where the name stands, for example `envs/*.tfvars` or \
             `envs/*/main.tfvars`",
        ]
    );
    assert_eq!(
        wrong("a/../*.tfvars")[0],
        "this path goes up after it went down"
    );
    assert_eq!(wrong("envs/*.yaml")[0], "this matches no variable files");
}

#[test]
fn what_comes_first_is_in_a_source_that_there_is() {
    assert_eq!(
        wrong("    after: [\"infar/net\", \"infra/{a\"]\n"),
        [
            "no source is called `infar`, so this matches no stack",
            "help: did you mean `infra`?",
            "this is no pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)",
            "help: patterns are written like `aws_*`, `live/**` or `{a,b}`; put them in quotes",
        ]
    );
}

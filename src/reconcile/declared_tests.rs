//! Which stacks a rule declares for files and workspaces.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use globset::GlobBuilder;

use super::*;
use crate::discover::{Found, Mark};
use crate::domain::stack::StackRecord;
use crate::notify::settings::NotifySettings;
use crate::reconcile::fixture;
use crate::reconcile::resolve::{Tracked, again, resolve, unused_files};
use crate::reconcile::settings::{EnvValue, Settings, SourceSettings, StackOverrides};

fn rule(pattern: &str, for_each: Option<ForEach>) -> StackRule {
    StackRule {
        pattern: GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .unwrap()
            .compile_matcher(),
        name: None,
        for_each,
        overrides: StackOverrides::default(),
    }
}

/// As the configuration makes it of `for_each_var_file` alone.
fn each_file(pattern: &str, files: &str) -> StackRule {
    StackRule {
        name: Some("{name}".to_owned()),
        ..rule(
            pattern,
            Some(ForEach::VarFile(FilePattern::parse(files).unwrap())),
        )
    }
}

fn texts(texts: &[&str]) -> Option<Vec<String>> {
    Some(texts.iter().map(|&text| text.to_owned()).collect())
}

fn settings(rules: Vec<StackRule>) -> Settings {
    let mut settings = fixture::settings(Path::new("/nowhere"), NotifySettings::default());
    settings.stacks = rules;
    settings.sources.push(SourceSettings {
        name: SourceName::new("infra"),
        location: crate::git::settings::SourceLocation::Local("/nowhere".into()),
        reference: None,
        poll: std::time::Duration::from_secs(1),
        exclude: globset::GlobSet::empty(),
        submodules: false,
        repository: None,
    });
    settings
}

fn found(dir: &str) -> Found {
    Found {
        dir: dir.to_owned(),
        mark: Mark::Resource,
        reads: Vec::new(),
        closed: true,
        needs: Vec::new(),
        var_files: Vec::new(),
        problem: None,
    }
}

/// A tree with these files, and what the rules make of a directory in it.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|file| tree.add(file));
        tree
    }

    fn add(&self, file: &str) {
        let path = self.0.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    fn stacks(&self, settings: &Settings, dirs: &[&str]) -> Vec<Tracked> {
        let found: Vec<Found> = dirs.iter().map(|dir| found(dir)).collect();
        let mut files = Files::Tree(VarFiles::new(self.0.path()));
        resolve(settings, &SourceName::new("infra"), &found, &mut files)
    }
}

fn ids(stacks: &[Tracked]) -> Vec<&str> {
    stacks.iter().map(|stack| stack.id.as_str()).collect()
}

#[test]
fn each_file_is_a_stack_as_long_as_it_is_there() {
    let mut each = each_file("infra/live/*", "../../envs/*.tfvars");
    each.overrides.backend_config = texts(&["key=state/{name}"]);
    each.overrides.labels = [("env".to_owned(), "{name}".to_owned())].into();
    let region = EnvValue::Plain("eu-{name}".to_owned());
    each.overrides.plan_env = [("AWS_REGION".to_owned(), region)].into();
    let settings = settings(vec![each]);
    let tree = Tree::new(&["envs/dev.tfvars", "envs/prod.tfvars", "live/web/own.tfvars"]);
    let stacks = tree.stacks(&settings, &["live/web"]);
    assert_eq!(ids(&stacks), ["infra/live/web#dev", "infra/live/web#prod"]);
    let dev = &stacks[0];
    assert_eq!(dev.settings.var_files, ["../../envs/dev.tfvars"]);
    assert_eq!(dev.settings.backend_config, ["key=state/dev"]);
    assert_eq!(dev.settings.labels["env"], "dev");
    assert_eq!(
        dev.settings.plan_env["AWS_REGION"],
        EnvValue::Plain("eu-dev".to_owned())
    );
    assert!(
        dev.reads.contains(&"envs/dev.tfvars".to_owned()),
        "a change of it wakes the stack"
    );
    assert!(!dev.reads.contains(&"envs/prod.tfvars".to_owned()));

    std::fs::remove_file(tree.0.path().join("envs/dev.tfvars")).unwrap();
    tree.add("envs/qa.tfvars");
    let stacks = tree.stacks(&settings, &["live/web"]);
    assert_eq!(ids(&stacks), ["infra/live/web#prod", "infra/live/web#qa"]);
    let candidates = Found {
        var_files: vec!["own.tfvars".to_owned()],
        ..found("live/web")
    };
    assert_eq!(
        unused_files(&[candidates], &stacks),
        ["live/web/own.tfvars"]
    );
}

#[test]
fn each_workspace_is_a_stack() {
    let names = vec!["default".to_owned(), "dev".to_owned()];
    let mut each = rule("infra/*", Some(ForEach::Workspace(names)));
    each.overrides.workspace = Some("{name}".to_owned());
    each.overrides.var_files = texts(&["common.tfvars", "{name}.tfvars"]);
    let stacks = Tree::new(&[]).stacks(&settings(vec![each]), &["app", "live/app"]);
    assert_eq!(
        ids(&stacks),
        ["infra/app", "infra/app@dev", "infra/live/app"]
    );
    assert_eq!(
        stacks[1].settings.var_files,
        ["common.tfvars", "dev.tfvars"]
    );
    assert_eq!(
        (stacks[1].workspace.as_str(), &stacks[1].name),
        ("dev", &None)
    );
}

#[test]
fn later_rules_refine_what_was_declared_and_never_take_its_file_away() {
    let each = each_file("infra/*", "*.tfvars");
    let mut all = rule("infra/**", None);
    all.overrides.var_files = texts(&["common.tfvars"]);
    let mut prod = rule("infra/web", None);
    prod.name = Some("prod".to_owned());
    prod.overrides.engine = Some("tofu".to_owned());
    let tree = Tree::new(&["web/dev.tfvars", "web/prod.tfvars"]);
    let rules = settings(vec![each, all, prod]);
    let stacks = tree.stacks(&rules, &["web"]);
    assert_eq!(ids(&stacks), ["infra/web#dev", "infra/web#prod"]);
    let [dev, prod] = [&stacks[0].settings, &stacks[1].settings];
    assert_eq!(
        (dev.engine.as_str(), prod.engine.as_str()),
        ("terraform", "tofu")
    );
    assert_eq!(prod.var_files, ["common.tfvars", "prod.tfvars"]);
    std::fs::remove_file(tree.0.path().join("web/prod.tfvars")).unwrap();
    assert_eq!(ids(&tree.stacks(&rules, &["web"])), ["infra/web#dev"]);
    std::fs::remove_file(tree.0.path().join("web/dev.tfvars")).unwrap();
    let stacks = tree.stacks(&rules, &["web"]);
    assert_eq!(ids(&stacks), ["infra/web"]);
    assert_eq!(stacks[0].settings.engine, "terraform");
}

#[test]
fn a_directory_without_such_files_is_one_stack_with_what_needs_no_name() {
    let mut each = each_file("infra/*", "envs/*.tfvars");
    each.overrides.var_files = texts(&["common.tfvars", "more-{name}.tfvars"]);
    each.overrides.labels = [
        ("team".to_owned(), "web".to_owned()),
        ("env".to_owned(), "{name}".to_owned()),
    ]
    .into();
    let stacks = Tree::new(&[]).stacks(&settings(vec![each]), &["web"]);
    assert_eq!(ids(&stacks), ["infra/web"]);
    let settings = &stacks[0].settings;
    assert_eq!(settings.var_files, ["common.tfvars"]);
    assert_eq!(settings.labels.keys().collect::<Vec<_>>(), ["team"]);
    assert_eq!(stacks[0].problem, None);
}

#[test]
fn two_files_for_one_stack_and_ways_out_of_the_repository_are_told() {
    let twice = settings(vec![
        each_file("infra/*", "envs/*.tfvars"),
        each_file("infra/*", "other/*.tfvars"),
        each_file("infra/web", "../web/envs/*.tfvars"),
    ]);
    let tree = Tree::new(&[
        "web/envs/dev.tfvars",
        "web/other/dev.tfvars",
        "web/other/qa.tfvars",
    ]);
    let stacks = tree.stacks(&twice, &["web"]);
    assert_eq!(ids(&stacks), ["infra/web#dev", "infra/web#qa"]);
    let problem = stacks[0].problem.as_ref().unwrap();
    assert_eq!(problem.kind, FailureKind::InvalidConfiguration);
    assert_eq!(
        problem.message,
        "envs/dev.tfvars and other/dev.tfvars would both be this stack"
    );
    assert_eq!(stacks[1].problem, None);

    let out = settings(vec![each_file("infra/**", "../../envs/*.tfvars")]);
    let stacks = Tree::new(&["envs/dev.tfvars"]).stacks(&out, &["web", "a/b"]);
    assert_eq!(ids(&stacks), ["infra/a/b#dev", "infra/web"]);
    let problem = stacks[1].problem.as_ref().unwrap();
    assert!(
        problem
            .message
            .contains("leads from infra/web out of the repository")
    );
    assert_eq!(stacks[0].problem, None);
}

#[test]
fn each_stack_has_its_file_also_where_another_directory_has_two_for_one() {
    let rules = settings(vec![
        each_file("infra/*/*", "../envs/*.tfvars"),
        each_file("infra/*/*", "../../live/envs/*.tfvars"),
    ]);
    let tree = Tree::new(&["a/envs/dev.tfvars", "live/envs/dev.tfvars"]);
    let stacks = tree.stacks(&rules, &["a/web", "live/web"]);
    assert_eq!(ids(&stacks), ["infra/a/web#dev", "infra/live/web#dev"]);
    assert!(stacks[0].problem.is_some() && stacks[1].problem.is_none());
    assert_eq!(stacks[1].settings.var_files, ["../envs/dev.tfvars"]);
}

#[test]
fn stacks_that_would_have_one_id_say_so() {
    let names = vec!["dev".to_owned()];
    let mut each = rule("infra/app", Some(ForEach::Workspace(names)));
    each.overrides.workspace = Some("{name}".to_owned());
    let stacks = Tree::new(&[]).stacks(&settings(vec![each]), &["app", "app@dev"]);
    assert_eq!(ids(&stacks), ["infra/app@dev"]);
    let problem = stacks[0].problem.as_ref().unwrap();
    assert_eq!(
        problem.message,
        "a stack in app and one in app@dev are both called infra/app@dev"
    );
}

#[test]
fn a_stack_is_the_same_before_its_source_has_been_read_again() {
    let mut by_workspace = each_file("infra/b", "envs/*.tfvars");
    by_workspace.name = None;
    by_workspace.overrides.workspace = Some("eu-{name}".to_owned());
    let settings = settings(vec![each_file("infra/a", "envs/*.tfvars"), by_workspace]);
    let tree = Tree::new(&["a/envs/dev.tfvars", "b/envs/dev.tfvars"]);
    let stacks = tree.stacks(&settings, &["a", "b", "c"]);
    assert_eq!(ids(&stacks), ["infra/a#dev", "infra/b@eu-dev", "infra/c"]);
    for stack in &stacks {
        let (id, dir) = (stack.id.clone(), stack.dir.clone());
        let (source, now) = (stack.source.clone(), jiff::Timestamp::UNIX_EPOCH);
        let labels = std::collections::BTreeMap::new();
        let record = StackRecord::new(id, source, dir, stack.workspace.clone(), labels, now);
        let known = again(&settings, &record).unwrap();
        assert_eq!(known.settings.var_files, stack.settings.var_files);
        assert_eq!(
            (&known.workspace, &known.name),
            (&stack.workspace, &stack.name)
        );
    }
}

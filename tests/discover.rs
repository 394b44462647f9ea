//! Which directories of a tree are stacks, and what they read.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use globset::{Glob, GlobSet, GlobSetBuilder};
use mooring::discover::{Found, Mark, discover};
use mooring::domain::failure::FailureKind;
use proptest::prelude::*;
use tempfile::TempDir;

const S3: &str = "terraform {\n  backend \"s3\" {}\n}\n";
const RESOURCE: &str = "resource \"null_resource\" \"x\" {}\n";

pub fn tree(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        write(root.path(), path, content);
    }
    root
}

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn module(source: &str) -> String {
    format!("module \"m\" {{\n  source = \"{source}\"\n}}\n")
}

fn globs(patterns: &[&str]) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        builder.add(Glob::new(pattern).unwrap());
    }
    builder.build().unwrap()
}

fn found(root: &TempDir) -> Vec<Found> {
    discover(root.path(), &GlobSet::empty(), None).unwrap()
}

fn dirs(found: &[Found]) -> Vec<&str> {
    found.iter().map(|found| found.dir.as_str()).collect()
}

fn only(root: &TempDir) -> Found {
    let mut found = found(root);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn every_mark_is_seen_and_the_strongest_one_told() {
    let root = tree(&[
        ("main.tf", "terraform {\n  cloud {}\n}\n"),
        ("a/backend.tf", S3),
        ("a/main.tf", RESOURCE),
        (
            "b/main.tf",
            "provider \"aws\" {}\nresource \"x\" \"y\" {}\n",
        ),
        ("c/main.tofu", RESOURCE),
        ("d/main.tf", &module("registry.example/x/y")),
        (
            "e/variables.tf",
            "variable \"x\" {}\noutput \"y\" { value = var.x }\n",
        ),
        ("f/terragrunt.hcl", "locals {}\n"),
        ("g/.hidden.tf", RESOURCE),
        ("h/tests/x.tftest.hcl", "provider \"aws\" {}\n"),
        (".hidden/main.tf", S3),
        ("a/.terraform/modules/x/main.tf", S3),
    ]);
    let found = found(&root);
    let marks: Vec<_> = found
        .iter()
        .map(|found| (found.dir.as_str(), &found.mark))
        .collect();
    let s3 = Mark::Backend {
        kind: "s3".to_owned(),
    };
    assert_eq!(
        marks,
        [
            (".", &Mark::Cloud),
            ("a", &s3),
            ("b", &Mark::Provider),
            ("c", &Mark::Resource),
            ("d", &Mark::Module),
        ]
    );
    assert!(found.iter().all(|found| found.problem.is_none()));
}

#[test]
fn what_cannot_be_named_or_listed_is_reported() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;

    let root = tree(&[("a/main.tf", RESOURCE), ("closed/main.tf", RESOURCE)]);
    let odd = root.path().join(OsStr::from_bytes(b"odd\xff"));
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("main.tf"), RESOURCE).unwrap();
    let no_stack = root.path().join(OsStr::from_bytes(b"empty\xff"));
    fs::create_dir(no_stack).unwrap();
    fs::write(
        root.path().join("a").join(OsStr::from_bytes(b"b\xff.tf")),
        "}",
    )
    .unwrap();
    let closed = root.path().join("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).unwrap();
    // Root lists everything.
    let listed = fs::read_dir(&closed).is_ok();
    let found = found(&root);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(dirs(&found), ["a", "closed", "odd\u{fffd}"]);
    let kinds: Vec<_> = found
        .iter()
        .map(|found| found.problem.as_ref().map(|problem| problem.kind))
        .collect();
    let missing = Some(FailureKind::DirectoryMissing);
    let invalid = Some(FailureKind::InvalidConfiguration);
    assert_eq!(kinds, [invalid, missing.filter(|_| !listed), missing]);
}

#[test]
fn the_backend_of_an_override_file_counts() {
    let remote = "terraform {\n  backend \"remote\" {}\n}\n";
    let local = "terraform {\n  backend \"local\" {}\n}\n";
    let root = tree(&[
        ("a/z.tf", remote),
        ("a/a_override.tf", local),
        ("b/main.tf", remote),
        ("b/override.tf", "terraform {\n  cloud {}\n}\n"),
        ("c/main.tf", S3),
        ("c/override.tf", RESOURCE),
    ]);
    let backend = |kind: &str| Mark::Backend {
        kind: kind.to_owned(),
    };
    let marks: Vec<Mark> = found(&root).into_iter().map(|found| found.mark).collect();
    assert_eq!(marks, [backend("local"), Mark::Cloud, backend("s3")]);
}

#[test]
fn a_called_directory_is_a_module_unless_it_has_a_backend() {
    let root = tree(&[
        ("live/one/main.tf", &(module("../../modules/net") + S3)),
        ("live/two/main.tf", &(module("../../modules/net/") + S3)),
        ("modules/net/main.tf", &(module("./inner") + RESOURCE)),
        (
            "modules/net/inner/main.tf",
            &(module("../../base") + RESOURCE),
        ),
        ("modules/base/main.tf", RESOURCE),
        ("both/main.tf", S3),
        ("caller/main.tf", &(module("../both") + RESOURCE)),
        ("hides/main.tf", &(module("../.modules/x") + S3)),
        (".modules/x/main.tf", &module("../../modules/deep")),
        ("modules/deep/main.tf", RESOURCE),
        ("unused/main.tf", RESOURCE),
        ("selfish/main.tf", &(module("./") + RESOURCE)),
    ]);
    let found = found(&root);
    let reads: Vec<_> = found
        .iter()
        .map(|found| (found.dir.as_str(), found.reads.join(" ")))
        .collect();
    let net = "modules/base modules/net";
    assert_eq!(
        reads,
        [
            ("both", ""),
            ("caller", "both"),
            ("hides", ".modules/x modules/deep"),
            ("live/one", net),
            ("live/two", net),
            ("selfish", ""),
            ("unused", ""),
        ]
        .map(|(dir, reads)| (dir, reads.to_owned()))
    );
}

#[test]
fn modules_that_call_each_other_in_a_circle_end() {
    let root = tree(&[
        ("live/main.tf", &(module("../a") + S3)),
        ("a/main.tf", &module("../b")),
        ("b/main.tf", &module("../a")),
    ]);
    assert_eq!(only(&root).reads, ["a", "b"]);
}

#[test]
fn files_read_elsewhere_are_told_for_the_stack_and_its_modules() {
    let root = tree(&[
        (
            "live/web/main.tf",
            &(S3.to_owned()
                + &module("../../modules/m")
                + r#"
locals {
  own      = file("own.txt")
  policy   = file("../../policies/web.json")
  rendered = templatefile("${path.module}/../shared/x.tpl", {})
  every    = [for f in fileset("../../sets", "*.json") : jsondecode(file("../../sets/${f}"))]
  dynamic  = file("${path.root}/../../envs/${var.env}.json")
  unknown  = file("${var.where}/../x")
  outside  = file("../../../../../etc/passwd")
}
data "archive_file" "x" {
  source_dir = "${path.module}/../../lambda"
}
"#),
        ),
        (
            "modules/m/main.tf",
            "locals {\n  x = filebase64(\"${path.module}/../data/x\")\n  y = file(\"../by_stack\")\n}\n",
        ),
    ]);
    assert_eq!(
        only(&root).reads,
        [
            "envs",
            "lambda",
            "live/by_stack",
            "live/shared/x.tpl",
            "modules/by_stack",
            "modules/data/x",
            "modules/m",
            "policies/web.json",
            "sets",
        ]
    );
}

#[test]
fn the_json_form_counts_the_same() {
    let root = tree(&[
        (
            "a/main.tf.json",
            r#"{"terraform": [{"backend": {"gcs": {"bucket": "b"}}}],
                "module": {"m": [{"source": "../m"}]},
                "locals": {"x": "${file(\"${path.module}/../x/y\")}", "z": "../z/${var.a}.json"}}"#,
        ),
        (
            "m/main.tf.json",
            r#"{"resource": {"null_resource": {"x": {}}}}"#,
        ),
        ("p/main.tf.json", r#"{"provider": {"aws": [{}]}}"#),
    ]);
    let found = found(&root);
    assert_eq!(dirs(&found), ["a", "p"]);
    assert_eq!(
        found[0].mark,
        Mark::Backend {
            kind: "gcs".to_owned()
        }
    );
    assert_eq!(found[0].reads, ["m", "x/y", "z"]);
    assert_eq!(found[1].mark, Mark::Provider);
}

#[test]
fn a_file_that_does_not_parse_is_reported_and_its_stack_kept() {
    let root = tree(&[
        ("a/main.tf", "terraform {\n  backend \"s3\" {\n  key =\n}\n"),
        ("a/more.tf", &module("../m")),
        (
            "b/main.tf",
            "module \"m\" {\n  source = \"../n\"\n  x = = 1\n}\nresource \"a\" \"b\" {}\n",
        ),
        ("c/main.tf.json", "{\"resource\": {\"a\": {\n}"),
        ("m/main.tf", RESOURCE),
        ("n/main.tf", RESOURCE),
        ("z/main.tf", "nothing known = = here\n"),
    ]);
    let found = found(&root);
    assert_eq!(dirs(&found), ["a", "b", "c"]);
    assert_eq!(found[0].reads, ["m"]);
    assert_eq!(found[1].reads, ["n"]);
    for (found, place) in found
        .iter()
        .zip(["a/main.tf:3 ", "b/main.tf:3 ", "c/main.tf.json:2 "])
    {
        let problem = found.problem.as_ref().unwrap();
        assert_eq!(problem.kind, FailureKind::InvalidConfiguration);
        assert!(problem.message.starts_with(place), "{problem}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_reported_and_never_lost() {
    let root = tree(&[("marked/main.tf", S3)]);
    let at = |path: &str| root.path().join(path);
    symlink("nowhere", at("marked/dangling.tf")).unwrap();
    fs::create_dir(at("unmarked")).unwrap();
    symlink("loop.tf", at("unmarked/loop.tf")).unwrap();
    let large = format!("{S3}# {}\n", "x".repeat(9 << 20));
    write(root.path(), "large/main.tf", &large);
    let deep = format!(
        "{S3}locals {{ x = {}1{} }}\n",
        "[".repeat(4000),
        "]".repeat(4000)
    );
    write(root.path(), "deep/main.tf", &deep);
    fs::create_dir_all(at("deep/a_directory.tf")).unwrap();
    fs::write(at("deep/latin1.tf"), b"# caf\xe9\n").unwrap();

    let found = found(&root);
    assert_eq!(dirs(&found), ["deep", "large", "marked", "unmarked"]);
    let says = |position: usize| found[position].problem.clone().unwrap().message;
    assert_eq!(says(0), "deep/latin1.tf is not UTF-8");
    assert!(says(1).contains("more than 8 MiB"));
    assert_eq!(found[1].mark, Mark::Unknown);
    assert!(says(2).contains("marked/dangling.tf cannot be read"));
    assert_eq!(found[3].mark, Mark::Unknown);

    fs::remove_file(at("deep/latin1.tf")).unwrap();
    let deep = &discover(root.path(), &GlobSet::empty(), None).unwrap()[0];
    assert!(
        deep.problem
            .as_ref()
            .unwrap()
            .message
            .contains("nested too deeply")
    );
}

#[test]
fn links_are_followed_inside_the_root_once() {
    let outside = tree(&[("stack/main.tf", S3)]);
    let root = tree(&[
        ("live/a/main.tf", S3),
        ("live/b/own.tf", RESOURCE),
        ("common/provider.tf", "provider \"aws\" {}\n"),
        (".templates/stack/main.tf", S3),
        ("modules/m/main.tf", RESOURCE),
    ]);
    let at = |path: &str| root.path().join(path);
    symlink("../..", at("live/a/loop")).unwrap();
    symlink("live/a", at("aaa")).unwrap();
    symlink(outside.path().join("stack"), at("outside")).unwrap();
    symlink("../.templates/stack", at("live/linked")).unwrap();
    symlink("../../common/provider.tf", at("live/b/provider.tf")).unwrap();
    symlink("../modules", at("live/modules")).unwrap();
    write(
        root.path(),
        "live/c/main.tf",
        &(S3.to_owned() + &module("../modules/m")),
    );

    let found = found(&root);
    assert_eq!(
        dirs(&found),
        ["common", "live/a", "live/b", "live/c", "live/linked"]
    );
    assert_eq!(found[2].mark, Mark::Provider);
    assert_eq!(found[2].reads, ["common/provider.tf"]);
    assert_eq!(found[3].reads, ["live/modules/m", "modules/m"]);
    assert_eq!(found[4].reads, [".templates/stack"]);
}

#[test]
fn excluded_directories_are_not_reported_but_their_calls_count() {
    let root = tree(&[
        ("examples/basic/main.tf", &(module("../../modules/m") + S3)),
        ("modules/m/main.tf", RESOURCE),
        ("live/a/main.tf", S3),
        ("live/sandbox/x/main.tf", S3),
    ]);
    let excluded = discover(root.path(), &globs(&["examples", "**/sandbox"]), None).unwrap();
    assert_eq!(dirs(&excluded), ["live/a"]);
}

#[test]
fn a_part_of_the_tree_is_reported_with_the_whole_in_mind() {
    let root = tree(&[
        ("live/a/main.tf", &(module("../../modules/m") + S3)),
        ("live/ab/main.tf", S3),
        ("modules/m/main.tf", RESOURCE),
        ("modules/free/main.tf", RESOURCE),
    ]);
    let below = |dir: &str| discover(root.path(), &GlobSet::empty(), Some(dir));
    assert_eq!(dirs(&below("modules").unwrap()), ["modules/free"]);
    assert_eq!(dirs(&below("live/a").unwrap()), ["live/a"]);
    assert_eq!(
        dirs(&below(".").unwrap()),
        ["live/a", "live/ab", "modules/free"]
    );
    assert_eq!(
        below("absent").unwrap_err().kind,
        FailureKind::DirectoryMissing
    );
    let nowhere = discover(&root.path().join("nowhere"), &GlobSet::empty(), None);
    assert_eq!(nowhere.unwrap_err().kind, FailureKind::DirectoryMissing);
}

#[test]
fn variable_files_that_are_not_loaded_by_themselves_are_candidates() {
    let root = tree(&[
        ("main.tf", S3),
        ("prod.tfvars", ""),
        ("dev.tfvars.json", ""),
        ("terraform.tfvars", ""),
        ("terraform.tfvars.json", ""),
        ("x.auto.tfvars", ""),
        ("y.auto.tfvars.json", ""),
        (".secret.tfvars", ""),
        ("env/stage.tfvars", ""),
    ]);
    assert_eq!(only(&root).var_files, ["dev.tfvars.json", "prod.tfvars"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the files hold: no panic, sorted, each directory once, and a backend is found
    /// beside anything.
    #[test]
    fn any_content_is_survived(contents in prop::collection::vec("(?s)[a-z{}\"=\\[\\]$./\n #]{0,60}", 1..6)) {
        let root = tempfile::tempdir().unwrap();
        for (number, content) in contents.iter().enumerate() {
            write(root.path(), &format!("d{}/x{number}.tf", number % 3), content);
            write(root.path(), &format!("d{}/x{number}.tf.json", number % 3), content);
        }
        write(root.path(), "d0/backend.tf", S3);
        let found = discover(root.path(), &GlobSet::empty(), None).unwrap();
        let dirs = dirs(&found);
        prop_assert!(dirs.contains(&"d0"));
        prop_assert!(dirs.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

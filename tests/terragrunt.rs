//! Units and stacks of Terragrunt: found, ordered, and not planned.

use std::fs;

use globset::{Glob, GlobSet, GlobSetBuilder};
use mooring::discover::{Found, Mark, discover};
use mooring::domain::failure::FailureKind;
use proptest::prelude::*;

use crate::discover::tree;
use crate::remote_states::{found, needs};

const RESOURCE: &str = "resource \"terraform_data\" \"x\" {}\n";
const PARTIAL: &str = "terraform {\n  backend \"s3\" {}\n}\n";
const INCLUDE: &str = "include \"root\" {\n  path = find_in_parent_folders(\"root.hcl\")\n}\n";

fn source(path: &str) -> String {
    format!("terraform {{\n  source = \"{path}\"\n}}\n")
}

fn dependency(path: &str) -> String {
    format!("dependency \"d\" {{\n  config_path = {path}\n}}\n")
}

fn marks(found: &[Found]) -> Vec<(&str, &Mark)> {
    let found = found.iter();
    found
        .map(|found| (found.dir.as_str(), &found.mark))
        .collect()
}

fn reads_of<'a>(found: &'a [Found], dir: &str) -> &'a [String] {
    let found = found.iter().find(|found| found.dir == dir);
    found.map_or(&[], |found| &found.reads)
}

/// A tree as Gruntwork shows it: a root configuration, environments, what they have in common, modules.
#[test]
fn a_live_repository_has_its_units_with_order_and_files() {
    let root = tree(&[
        (
            "root.hcl",
            "locals {\n  account = read_terragrunt_config(find_in_parent_folders(\"account.hcl\"))\n}\n\
                      remote_state {\n  backend = \"s3\"\n  config = { key = \"${path_relative_to_include()}/x\" }\n}\n",
        ),
        (
            "_envcommon/mysql.hcl",
            "locals {\n  env  = read_terragrunt_config(find_in_parent_folders(\"env.hcl\"))\n  \
          base = \"../../../modules/mysql\"\n}\n\
          dependency \"vpc\" {\n  config_path = \"../vpc\"\n}\ninputs = { name = local.env.locals.name }\n",
        ),
        (
            "prod/account.hcl",
            "locals {\n  id = jsondecode(file(\"accounts.json\"))\n}\n",
        ),
        ("prod/accounts.json", "{}"),
        ("prod/eu/env.hcl", "locals {\n  name = \"prod\"\n}\n"),
        (
            "prod/eu/mysql/terragrunt.hcl",
            &(INCLUDE.to_owned()
                + "include \"envcommon\" {\n  path = \"${dirname(find_in_parent_folders(\"root.hcl\"))}/_envcommon/mysql.hcl\"\n  \
                expose = true\n}\n"
                + &source("${include.envcommon.locals.base}//?ref=v1")),
        ),
        (
            "prod/eu/vpc/terragrunt.hcl",
            &(INCLUDE.to_owned() + &source("../../../modules//vpc")),
        ),
        (
            "prod/eu/app/terragrunt.hcl",
            &(INCLUDE.to_owned()
                + &source("git::https://git.example/modules.git//app?ref=v1")
                + "dependencies {\n  paths = [\"../vpc\", \"${get_terragrunt_dir()}/../mysql\", \"../gone\"]\n}\n\
                locals {\n  text = file(\"${get_repo_root()}/shared/app.json\")\n}\n"),
        ),
        ("shared/app.json", "{}"),
        (
            "modules/vpc/main.tf",
            &(PARTIAL.to_owned() + "module \"s\" {\n  source = \"../subnets\"\n}\n" + RESOURCE),
        ),
        ("modules/subnets/main.tf", RESOURCE),
        ("modules/mysql/main.tf", RESOURCE),
    ]);
    let all = found(&root);
    let unit = &Mark::Terragrunt;
    assert_eq!(
        marks(&all),
        [
            ("prod/eu/app", unit),
            ("prod/eu/mysql", unit),
            ("prod/eu/vpc", unit)
        ]
    );
    assert_eq!(
        needs(&root),
        [
            "prod/eu/app: prod/eu/mysql prod/eu/vpc",
            "prod/eu/mysql: prod/eu/vpc"
        ]
    );
    let shared = ["prod/account.hcl", "prod/accounts.json"];
    let of = |more: &[&str]| {
        let mut all: Vec<String> = more
            .iter()
            .chain(&shared)
            .map(|&path| path.to_owned())
            .collect();
        all.push("root.hcl".to_owned());
        all.sort();
        all
    };
    assert_eq!(reads_of(&all, "prod/eu/vpc"), of(&["modules"]));
    assert_eq!(
        reads_of(&all, "prod/eu/mysql"),
        of(&[
            "_envcommon/mysql.hcl",
            "modules/mysql",
            "prod/eu/env.hcl",
            "prod/eu/vpc"
        ])
    );
    let app = of(&[
        "prod/eu/gone",
        "prod/eu/mysql",
        "prod/eu/vpc",
        "shared/app.json",
    ]);
    assert_eq!(reads_of(&all, "prod/eu/app"), app);
    for found in &all {
        let problem = found.problem.as_ref().unwrap();
        assert_eq!(problem.kind, FailureKind::Unsupported);
        assert!(!found.closed && problem.message.contains("unit of Terragrunt"));
        assert!(problem.hint.contains("exclude"));
    }
}

#[test]
fn what_others_include_is_no_unit() {
    let include = "include {\n  path = find_in_parent_folders()\n}\n";
    let root = tree(&[
        (
            "terragrunt.hcl",
            "terraform {\n  extra_arguments \"x\" {\n    commands = []\n  }\n}\n",
        ),
        ("empty/terragrunt.hcl", "locals {}\n"),
        ("a/terragrunt.hcl", &(include.to_owned() + &source("../m"))),
        ("by_code/main.tf", RESOURCE),
        ("by_code/terragrunt.hcl", include),
        ("json/terragrunt.hcl.json", "{}"),
        ("broken/terragrunt.hcl", "terraform {"),
        ("m/main.tf", RESOURCE),
    ]);
    let all = found(&root);
    let dirs: Vec<&str> = all.iter().map(|found| found.dir.as_str()).collect();
    assert_eq!(dirs, ["a", "broken", "by_code", "json"]);
    assert!(all.iter().all(|found| found.mark == Mark::Terragrunt));
}

#[test]
fn code_that_terragrunt_only_puts_in_order_is_planned_as_ever() {
    let order = "dependencies {\n  paths = [\"../net\"]\n}\n";
    let root = tree(&[
        ("app/main.tf", RESOURCE),
        ("app/terragrunt.hcl", order),
        ("filled/main.tf", RESOURCE),
        (
            "filled/terragrunt.hcl",
            &(order.to_owned() + "inputs = { a = 1 }\n"),
        ),
        ("net/main.tf", RESOURCE),
    ]);
    let all = found(&root);
    assert_eq!(
        marks(&all),
        [
            ("app", &Mark::Resource),
            ("filled", &Mark::Terragrunt),
            ("net", &Mark::Resource),
        ]
    );
    assert!(all[0].problem.is_none());
    assert_eq!(needs(&root), ["app: net", "filled: net"]);
}

#[test]
fn a_directory_that_is_called_like_a_unit_is_none() {
    let root = tree(&[("web/main.tf", RESOURCE), ("web/terragrunt.hcl/notes", "")]);
    let found = discover(root.path(), &GlobSet::empty(), None).unwrap();
    assert_eq!(marks(&found), [("web", &Mark::Resource)]);
    assert_eq!(found[0].problem, None);
}

#[test]
fn a_module_of_units_is_a_stack_only_if_its_backend_is_whole() {
    let whole = "terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"k\"\n  }\n}\n";
    let root = tree(&[
        ("live/a/terragrunt.hcl", &source("../../modules/a")),
        (
            "live/b/terragrunt.hcl",
            &source("${get_terragrunt_dir()}/../../modules//b"),
        ),
        ("modules/a/main.tf", &(PARTIAL.to_owned() + RESOURCE)),
        ("modules/b/main.tf", &(whole.to_owned() + RESOURCE)),
        ("modules/c/main.tf", &(PARTIAL.to_owned() + RESOURCE)),
    ]);
    let all = found(&root);
    let dirs: Vec<&str> = all.iter().map(|found| found.dir.as_str()).collect();
    assert_eq!(dirs, ["live/a", "live/b", "modules/b", "modules/c"]);
}

#[test]
fn dependencies_that_are_off_or_not_known_are_none() {
    let off = dependency("\"../net\"").replace("}\n", "  enabled = false\n}\n");
    let unit = |text: &str| source("tfr:///x/y/z?version=1.0.0") + text;
    let root = tree(&[
        ("a/terragrunt.hcl", &unit(&off)),
        ("b/terragrunt.hcl", &unit(&dependency("get_env(\"NET\")"))),
        (
            "c/terragrunt.hcl",
            &unit(&dependency("\"../../../../../net\"")),
        ),
        (
            "d/terragrunt.hcl",
            &unit(&dependency("\"${get_env(\"X\", \"\")}/../net\"")),
        ),
        (
            "e/terragrunt.hcl",
            &unit(&dependency("find_in_parent_folders(\"net\")")),
        ),
        (
            "f/terragrunt.hcl",
            &unit(&dependency("\"../net/terragrunt.hcl\"")),
        ),
        ("g/terragrunt.hcl", &unit(&dependency("\"./../\" "))),
        ("h/terragrunt.hcl", &unit(&dependency("\"../h\""))),
        (
            "i/terragrunt.hcl",
            &unit(
                "locals {\n  n = \"net\"\n  all = [\"../${local.n}\"]\n}\ndependencies {\n  paths = local.all\n}\n",
            ),
        ),
        ("net/terragrunt.hcl", &unit("")),
    ]);
    assert_eq!(needs(&root), ["e: net", "f: net", "i: net"]);
}

#[test]
fn a_stack_file_is_told_with_the_units_that_it_would_make() {
    let root = tree(&[
        (
            "live/terragrunt.stack.hcl",
            "locals {\n  units = \"${get_repo_root()}/catalog/units\"\n}\n\
             unit \"vpc\" {\n  source = \"${local.units}/vpc\"\n  path = \"net/vpc\"\n}\n\
             unit \"app\" {\n  source = \"../catalog/units/app\"\n  path = \"app\"\n  values = { vpc = \"../net/vpc\", x = var.y }\n}\n\
             unit \"far\" {\n  source = \"git::https://git.example/c.git//units/far\"\n  path = \"far\"\n  \
             no_dot_terragrunt_stack = true\n}\n\
             unit \"dynamic\" {\n  source = \"x\"\n  path = get_env(\"X\")\n}\n\
             unit \"outside\" {\n  source = \"x\"\n  path = \"../../../outside\"\n}\n\
             stack \"more\" {\n  source = \"../catalog/stacks/more\"\n  path = \"more\"\n}\n",
        ),
        ("live/root.hcl", "locals {}\n"),
        (
            "catalog/units/vpc/terragrunt.hcl",
            &(INCLUDE.to_owned() + &source("../../../../m")),
        ),
        (
            "catalog/units/app/terragrunt.hcl",
            &(source("m") + &dependency("values.vpc")),
        ),
        (
            "catalog/stacks/more/terragrunt.stack.hcl",
            "unit \"again\" {\n  source = \"../../units/vpc\"\n  path = \"again\"\n}\n\
             stack \"endless\" {\n  source = \"../more\"\n  path = \"endless\"\n}\n",
        ),
    ]);
    let all = found(&root);
    let short: Vec<&str> = all.iter().map(|found| found.dir.as_str()).take(5).collect();
    assert_eq!(
        short,
        [
            "live",
            "live/.terragrunt-stack/app",
            "live/.terragrunt-stack/more/.terragrunt-stack/again",
            "live/.terragrunt-stack/more/.terragrunt-stack/endless/.terragrunt-stack/again",
            "live/.terragrunt-stack/more/.terragrunt-stack/endless/.terragrunt-stack/endless/.terragrunt-stack/again",
        ]
    );
    assert!(all.len() < 20, "{}", all.len());
    assert!(
        all.iter()
            .all(|found| found.mark == Mark::Terragrunt && found.problem.is_some())
    );
    assert!(all.iter().any(|found| found.dir == "live/far"));
    assert_eq!(
        needs(&root),
        ["live/.terragrunt-stack/app: live/.terragrunt-stack/net/vpc"]
    );
    assert_eq!(
        reads_of(&all, "live/.terragrunt-stack/net/vpc"),
        [
            "catalog/units/vpc",
            "live/root.hcl",
            "live/terragrunt.stack.hcl",
            "m"
        ]
    );
}

#[test]
fn units_below_what_is_excluded_are_not_reported() {
    let stack = "unit \"a\" {\n  source = \"x\"\n  path = \"a\"\n}\n";
    let root = tree(&[
        ("old/terragrunt.stack.hcl", stack),
        ("old/b/terragrunt.hcl", &source("../../m")),
        ("live/terragrunt.hcl", &source("tfr:///x/y/z")),
        ("live/made/terragrunt.stack.hcl", stack),
        ("live/made/.terragrunt-stack/a/terragrunt.hcl", ""),
        (
            "m/main.tf",
            "terraform {\n  backend \"s3\" {}\n}\nresource \"terraform_data\" \"x\" {}\n",
        ),
    ]);
    let dirs = |patterns: &[&str]| {
        let mut exclude = GlobSetBuilder::new();
        for pattern in patterns {
            exclude.add(Glob::new(pattern).unwrap());
        }
        let found = discover(root.path(), &exclude.build().unwrap(), None).unwrap();
        let dirs = found.into_iter().map(|found| found.dir);
        dirs.collect::<Vec<_>>()
    };
    let made = "live/made/.terragrunt-stack/a";
    assert_eq!(dirs(&["old"]), ["live", "live/made", made]);
    assert_eq!(
        dirs(&["old", "**/.terragrunt-stack"]),
        ["live", "live/made"]
    );
}

#[test]
fn configurations_that_include_or_read_each_other_end() {
    let read =
        |path: &str| format!("locals {{\n  x = read_terragrunt_config(\"{path}\").locals.x\n}}\n");
    let root = tree(&[
        (
            "a/terragrunt.hcl",
            &(read("../b/terragrunt.hcl") + &dependency("local.x") + &source("m")),
        ),
        (
            "b/terragrunt.hcl",
            &(read("../a/terragrunt.hcl") + &dependency("local.x") + &source("m")),
        ),
        (
            "c/terragrunt.hcl",
            "include {\n  path = \"terragrunt.hcl\"\n}\nterraform {}\n",
        ),
    ]);
    let all = found(&root);
    assert_eq!(reads_of(&all, "a"), ["b/terragrunt.hcl"]);
    assert_eq!(needs(&root), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the files of the other tools hold: no panic, each directory once, and a stack beside
    /// them is found.
    #[test]
    fn any_content_is_survived(contents in prop::collection::vec(
        "(?s)([a-z{}\"=\\[\\]$./()\n #]|stack|unit|dependency|include \\{\n path = |locals \\{\n|config_path = |\
         find_in_parent_folders\\(|\"\\.\\./d1\"|source = |path = |\\$\\{local\\.a\\}|after = \\[\"){0,40}", 1..6,
    )) {
        let root = tempfile::tempdir().unwrap();
        for (number, content) in contents.iter().enumerate() {
            let dir = root.path().join(format!("d{}", number % 3));
            fs::create_dir_all(&dir).unwrap();
            for name in ["terragrunt.hcl", "terragrunt.stack.hcl", "stack.tm.hcl", "x.tm", "main.tf", "terraform.tfvars"] {
                fs::write(dir.join(name), content).unwrap();
            }
        }
        fs::create_dir_all(root.path().join("own")).unwrap();
        fs::write(root.path().join("own/main.tf"), RESOURCE).unwrap();
        let found = discover(root.path(), &GlobSet::empty(), None).unwrap();
        let dirs: Vec<&str> = found.iter().map(|found| found.dir.as_str()).collect();
        prop_assert!(dirs.contains(&"own"));
        prop_assert!(dirs.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

#[test]
fn deep_nesting_is_survived_in_the_files_of_every_tool() {
    let nested = |before: &str, open: &str, inner: &str, close: &str| {
        format!(
            "{before}{}{inner}{}\n",
            open.repeat(100_000),
            close.repeat(100_000)
        )
    };
    let texts = [
        nested("locals {\n x = ", "[", "", "]") + "}\n",
        nested("locals {\n x = ", "\"${", "a", "}\"") + "}\n",
        nested("locals {\n x = ", "!", "a", "") + "}\n",
        nested("", "stack {\n", "", "}\n"),
        nested("locals {\n x = ", "f(", "", ")") + "}\n",
        nested("locals {\n x = a", ".b", "", "") + "}\n",
        nested("locals {\n x = a", "+a", "", "") + "}\n",
    ];
    for text in &texts {
        let root = tree(&[
            ("a/terragrunt.hcl", text),
            ("b/terragrunt.stack.hcl", text),
            ("c/stack.tm.hcl", text),
            ("d/main.tf", &(text.to_owned() + RESOURCE)),
            ("d/terraform.tfvars", text),
        ]);
        let all = found(&root);
        assert!(all.iter().any(|found| found.dir == "d"));
    }
}

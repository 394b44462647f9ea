//! Which stacks come before which, because their states are read.

use std::time::Duration;

use globset::GlobSet;
use mooring::discover::{Found, discover};
use tempfile::TempDir;

use crate::discover::tree;

pub fn found(root: &TempDir) -> Vec<Found> {
    discover(root.path(), &GlobSet::empty(), None).unwrap()
}

/// Those that need others, each in a line.
pub fn needs(root: &TempDir) -> Vec<String> {
    let found = found(root)
        .into_iter()
        .filter(|found| !found.needs.is_empty());
    found
        .map(|found| format!("{}: {}", found.dir, found.needs.join(" ")))
        .collect()
}

fn backend(kind: &str, settings: &str) -> String {
    format!("terraform {{\n  backend \"{kind}\" {{\n    {settings}\n  }}\n}}\n")
}

fn s3(key: &str) -> String {
    let settings = format!("bucket = \"states\"\n key = \"{key}\"\n region = \"eu-central-1\"");
    backend("s3", &settings)
}

fn reads(kind: &str, config: &str) -> String {
    format!(
        "data \"terraform_remote_state\" \"x\" {{\n  backend = \"{kind}\"\n  config = {{\n    {config}\n  }}\n}}\n"
    )
}

fn reads_s3(key: &str) -> String {
    reads(
        "s3",
        &format!("bucket = \"states\"\n key = {key}\n profile = var.profile"),
    )
}

#[test]
fn whose_state_is_read_comes_before() {
    let app = s3("app") + &reads_s3("\"net/vpc\"") + &reads_s3("\"app\"") + &reads_s3("\"gone\"");
    let root = tree(&[
        ("live/app/main.tf", &app),
        ("live/db/main.tf", &(s3("db") + &reads_s3("\"net/vpc\""))),
        ("live/net/main.tf", &s3("net/vpc")),
        (
            "live/web/main.tf",
            &(s3("web") + &reads_s3("\"db\"") + &reads_s3("\"app\"")),
        ),
    ]);
    assert_eq!(
        needs(&root),
        [
            "live/app: live/net",
            "live/db: live/net",
            "live/web: live/app live/db",
        ]
    );
}

#[test]
fn every_backend_is_known_by_what_identifies_its_state() {
    let cases = [
        (
            "s3",
            "bucket = \"b\"\n key = \"k\"\n encrypt = true",
            "bucket = \"b\"\n key = \"k\"",
        ),
        (
            "s3",
            "bucket = \"b\"\n key = \"k\"\n endpoints = { s3 = \"http://m\", iam = \"x\" }",
            "bucket = \"b\"\n key = \"k\"\n endpoints = { s3 = \"http://m\" }",
        ),
        (
            "gcs",
            "bucket = \"b\"\n prefix = \"p/\"",
            "bucket = \"b\"\n prefix = \"p\"",
        ),
        ("gcs", "bucket = \"b\"", "bucket = \"b\"\n prefix = \"\""),
        (
            "azurerm",
            "storage_account_name = \"s\"\n container_name = \"c\"\n key = \"k\"\n resource_group_name = \"r\"",
            "storage_account_name = \"s\"\n container_name = \"c\"\n key = \"k\"",
        ),
        (
            "http",
            "address = \"https://s.example/a\"",
            "address = \"https://s.example/a\"",
        ),
        ("consul", "path = \"a\"", "path = \"a\""),
        (
            "kubernetes",
            "secret_suffix = \"a\"",
            "secret_suffix = \"a\"\n namespace = \"default\"",
        ),
        (
            "oss",
            "bucket = \"b\"\n prefix = \"p\"",
            "bucket = \"b\"\n prefix = \"p\"",
        ),
        (
            "cos",
            "bucket = \"b\"",
            "bucket = \"b\"\n key = \"terraform.tfstate\"",
        ),
        (
            "local",
            "path = \"../states/a\"",
            "path = \"${path.module}/../states/a\"",
        ),
        ("local", "", "path = \"../owner/terraform.tfstate\""),
    ];
    for (kind, owner, config) in cases {
        let root = tree(&[
            ("owner/main.tf", &backend(kind, owner)),
            ("reader/main.tf", &reads(kind, config)),
            ("reader/own.tf", "resource \"terraform_data\" \"x\" {}\n"),
        ]);
        assert_eq!(needs(&root), ["reader: owner"], "{kind} {owner}");
    }
}

#[test]
fn nothing_follows_from_what_is_not_written_out() {
    let cases = [
        // Another state.
        (
            "s3",
            "bucket = \"b\"\n key = \"k\"",
            "bucket = \"b\"\n key = \"other\"",
        ),
        (
            "s3",
            "bucket = \"b\"\n key = \"k\"",
            "bucket = \"b\"\n key = \"k\"\n endpoint = \"http://m\"",
        ),
        (
            "s3",
            "bucket = \"b\"\n key = \"k\"",
            "bucket = \"c\"\n key = \"k\"",
        ),
        // Given at init.
        ("s3", "key = \"k\"", "key = \"k\""),
        ("s3", "", ""),
        ("azurerm", "key = \"k\"", "key = \"k\""),
        // Known to Terraform only.
        (
            "s3",
            "bucket = \"b\"\n key = \"k\"",
            "bucket = \"b\"\n key = var.key",
        ),
        (
            "s3",
            "bucket = var.b\n key = \"k\"",
            "bucket = var.b\n key = \"k\"",
        ),
        (
            "s3",
            "bucket = \"b\"\n key = \"k\"",
            "bucket = \"b\"\n key = \"${terraform.workspace}k\"",
        ),
        ("gcs", "bucket = \"b\"\n prefix = var.p", "bucket = \"b\""),
        // What holds secrets, or runs elsewhere.
        (
            "pg",
            "conn_str = \"postgres://x\"",
            "conn_str = \"postgres://x\"",
        ),
        ("remote", "organization = \"o\"", "organization = \"o\""),
    ];
    for (kind, owner, config) in cases {
        let root = tree(&[
            ("owner/main.tf", &backend(kind, owner)),
            ("reader/main.tf", &(s3("reader") + &reads(kind, config))),
        ]);
        assert_eq!(needs(&root), [""; 0], "{kind} {owner} {config}");
    }
}

#[test]
fn workspaces_are_of_the_same_stack_where_they_are_kept_in_the_same_place() {
    let owner = backend(
        "s3",
        "bucket = \"b\"\n key = \"net/k\"\n workspace_key_prefix = \"in/ws\"",
    );
    let in_workspace = |config: &str| {
        reads("s3", config).replace("config =", "workspace = terraform.workspace\n config =")
    };
    let read = |prefix: &str| {
        in_workspace(&format!(
            "bucket = \"b\"\n key = \"net/k\"\n workspace_key_prefix = \"{prefix}\""
        ))
    };
    let by_name = |key: &str| reads("s3", &format!("bucket = \"b\"\n key = \"{key}\""));
    let root = tree(&[
        ("net/main.tf", &owner),
        ("a/main.tf", &(s3("a") + &read("in/ws"))),
        ("b/main.tf", &(s3("b") + &read("elsewhere"))),
        ("c/main.tf", &(s3("c") + &by_name("in/ws/prod/net/k"))),
        ("d/main.tf", &(s3("d") + &by_name("env:/prod/net/k"))),
    ]);
    assert_eq!(needs(&root), ["a: net", "c: net"]);
}

#[test]
fn values_come_from_locals_defaults_and_files_beside() {
    let variables = "variable \"env\" {\n  default = \"dev\"\n}\nvariable \"bucket\" {}\n";
    let reads = "locals {\n  where = { bucket = var.bucket, key = local.key, region = var.region }\n  \
                 key = \"${var.env}/vpc\"\n}\n\
                 data \"terraform_remote_state\" \"x\" {\n  backend = \"s3\"\n  config = local.where\n}\n";
    let code = variables.to_owned() + reads;
    let root = tree(&[
        ("net-dev/main.tf", &s3("dev/vpc")),
        ("net-prod/main.tf", &s3("prod/vpc")),
        ("dev/main.tf", &(s3("a") + &code)),
        ("dev/terraform.tfvars", "bucket = \"states\"\n"),
        ("prod/main.tf", &(s3("b") + &code)),
        ("prod/a.auto.tfvars", "env = \"prod\"\n"),
        (
            "prod/terraform.tfvars",
            "env = \"overridden\"\nbucket = \"states\"\n",
        ),
        ("either/main.tf", &(s3("c") + &code)),
        ("either/terraform.tfvars.json", "{\"bucket\": \"states\"}"),
        ("either/prod.tfvars", "env = \"prod\"\n"),
        ("unknown/main.tf", &(s3("d") + &code)),
    ]);
    assert_eq!(needs(&root), ["dev: net-dev", "prod: net-prod"]);
}

#[test]
fn settings_may_be_put_together() {
    let code = "locals {\n  common = { bucket = \"states\", key = \"other\", profile = var.p }\n  \
                circle = merge(local.circle, local.circle)\n}\n\
                data \"terraform_remote_state\" \"a\" {\n  backend = \"s3\"\n  config = \
                merge(local.common, { key = \"net\" })\n}\n\
                data \"terraform_remote_state\" \"b\" {\n  backend = \"s3\"\n  config = local.circle\n}\n\
                data \"terraform_remote_state\" \"c\" {\n  backend = \"s3\"\n  config = \
                merge({ key = \"db\", bucket = \"states\" }, var.more)\n}\n";
    let root = tree(&[
        ("app/main.tf", &(s3("app") + code)),
        ("db/main.tf", &s3("db")),
        ("net/main.tf", &s3("net")),
        ("other/main.tf", &s3("other")),
    ]);
    assert_eq!(needs(&root), ["app: net"]);
}

#[test]
fn what_a_module_reads_counts_for_each_of_its_callers() {
    let call = |key: &str, more: &str| {
        format!("module \"m\" {{\n  source = \"../modules/outer\"\n  key = {key}\n}}\n{more}")
    };
    let root = tree(&[
        ("a/main.tf", &(s3("a") + &call("\"b\"", ""))),
        (
            "b/main.tf",
            &(s3("b") + &call("local.key", "locals {\n  key = \"c\"\n}\n")),
        ),
        (
            "c/main.tf",
            &(s3("c") + &call("var.key", "variable \"key\" {}\n")),
        ),
        (
            "modules/outer/main.tf",
            "variable \"key\" {}\nmodule \"m\" {\n  source = \"../inner\"\n  state = { key = var.key }\n}\n\
             module \"again\" {\n  source = \"../outer\"\n  key = var.key\n}\n",
        ),
        (
            "modules/inner/main.tf",
            &("variable \"state\" {}\n".to_owned() + &reads_s3("var.state.key")),
        ),
    ]);
    assert_eq!(needs(&root), ["a: b", "b: c"]);
}

#[test]
fn the_json_form_is_understood_too() {
    let root = tree(&[
        (
            "net/cdk.tf.json",
            r#"{"terraform": {"backend": {"s3": {"bucket": "states", "key": "net"}}}}"#,
        ),
        (
            "app/cdk.tf.json",
            r#"{"locals": {"key": "net"}, "resource": {"terraform_data": {"x": {}}},
                "data": {"terraform_remote_state": {"net": {"backend": "s3",
                "config": {"bucket": "states", "key": "${local.key}"}}}}}"#,
        ),
    ]);
    assert_eq!(needs(&root), ["app: net"]);
}

#[test]
fn an_override_says_whose_state_it_is() {
    let root = tree(&[
        ("a/main.tf", &s3("old")),
        ("a/backend_override.tf", &s3("new")),
        ("b/main.tf", &(s3("b") + &reads_s3("\"new\""))),
        ("c/main.tf", &(s3("c") + &reads_s3("\"old\""))),
    ]);
    assert_eq!(needs(&root), ["b: a"]);
}

/// A push waits for this, so it has to stay cheap: by comparing pairs it would take minutes.
#[test]
fn many_stacks_that_read_each_other_are_indexed() {
    let files: Vec<(String, String)> = (0..1500)
        .map(|number| {
            let read = reads_s3(&format!("\"k{}\"", number / 2));
            (
                format!("s{number}/main.tf"),
                s3(&format!("k{number}")) + &read,
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let root = tree(&files);
    let start = std::time::Instant::now();
    assert_eq!(needs(&root).len(), 1499);
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
}

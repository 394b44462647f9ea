//! The report: its JSON field by field, its other forms, and what flags do to it.

use super::*;

const BEFORE: &str = r#"
resource "terraform_data" "changed" {
  input = { tier = "small", key = sensitive("an-old-secret") }
}
resource "terraform_data" "old_name" {
  input = 1
}
resource "terraform_data" "dropped" {}
output "tier" { value = "small" }
"#;

const AFTER: &str = r#"
resource "terraform_data" "changed" {
  input = { tier = "large", key = sensitive("a-new-secret") }
}
resource "terraform_data" "new_name" {
  input = 1
}
moved {
  from = terraform_data.old_name
  to   = terraform_data.new_name
}
resource "terraform_data" "added" {}
output "tier" { value = "large" }
check "size" {
  assert {
    condition     = terraform_data.new_name.input > 1
    error_message = "one is too few"
  }
}
"#;

#[test]
fn the_json_report_has_every_field_as_designed() {
    let tree = Tree::new();
    tree.write("live/web/main.tf", BEFORE);
    tree.apply("live/web");
    tree.write("live/web/main.tf", AFTER);
    let (code, mut report) = tree.check_with(&[], &[]);
    assert!(!report.to_string().contains("-secret"), "{report:#}");
    let stack = &mut report["stacks"][0];
    assert!(stack["duration_ms"].take().as_u64().unwrap() > 0);
    let version = stack["terraform_version"].take();
    assert!(version.as_str().unwrap().starts_with("1."), "{version}");
    assert_eq!(code, 2);
    insta::assert_snapshot!(format!("{report:#}"));
}

/// Two stacks, one in sync and one pending.
fn two() -> Tree {
    let tree = Tree::new();
    tree.write("prod/clean/main.tf", ONE);
    tree.apply("prod/clean");
    tree.write("test/waiting/main.tf", ONE);
    tree
}

#[test]
fn stacks_are_chosen_by_glob_and_the_code_goes_by_them() {
    let tree = two();
    for (glob, stacks, code) in [
        ("prod/**", &["prod/clean"][..], 0),
        ("*waiting", &["test/waiting"], 2),
        ("{prod,test}/*", &["prod/clean", "test/waiting"], 2),
    ] {
        let (ended, report) = tree.check_with(&[], &["--stack", glob]);
        let found: Vec<String> = verdicts(&report).into_iter().map(|v| v.0).collect();
        assert_eq!(
            (ended, &found[..]),
            (
                code,
                &stacks.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..]
            )
        );
        assert_eq!(report["summary"]["stacks"], stacks.len());
    }
}

#[test]
fn quiet_leaves_out_what_is_in_sync() {
    let tree = two();
    let loud = tree.check(&[]);
    assert!(
        loud.out.contains("prod/clean") && loud.out.contains("test/waiting"),
        "{}",
        loud.out
    );
    let quiet = tree.check(&["-q"]);
    assert!(
        !quiet.out.contains("prod/clean") && quiet.out.contains("test/waiting"),
        "{}",
        quiet.out
    );
    assert_eq!((loud.code, quiet.code), (2, 2));
    let (_, report) = tree.check_with(&[], &["-q"]);
    assert_eq!(report["summary"]["stacks"], 2, "programs get the whole");
    let clean = tree.check(&["-q", "prod"]);
    assert_eq!((clean.code, &*clean.err), (0, ""));
    assert!(!clean.out.contains("clean"), "{}", clean.out);
}

#[test]
fn a_report_goes_to_a_file_in_each_form() {
    let tree = two();
    for (format, begins) in [
        ("text", "prod/clean"),
        ("json", "{"),
        ("markdown", "**2 stacks**"),
        ("html", "<!DOCTYPE html>"),
        ("junit", "<?xml"),
        ("sarif", "{"),
    ] {
        let printed = tree.check(&["--format", format, "--jobs", "1"]);
        let written = tree.check(&["--format", format, "--output", "../report", "--jobs", "4"]);
        let report = std::fs::read_to_string(tree.beside("report")).unwrap();
        assert_eq!((printed.code, written.code, &*written.out), (2, 2, ""));
        assert!(report.starts_with(begins), "{format}: {report}");
        let timeless = |text: &str| {
            text.lines()
                .filter(|l| !l.contains("duration_ms") && !l.contains(" time=\""))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(timeless(&report), timeless(&printed.out), "{format}");
    }
    let ran = tree.check(&["--output", "no/such/directory/report"]);
    assert_eq!(
        (ran.code, ran.err.contains("no/such/directory/report")),
        (64, true),
        "{}",
        ran.err
    );
}

#[test]
fn reasons_are_told_when_asked_for() {
    let tree = two();
    let reason = "the configuration wants it, and neither state nor world has it";
    for format in ["text", "markdown", "html"] {
        let plain = tree.check(&["--format", format, "--stack", "test/**"]);
        let told = tree.check(&["--format", format, "--stack", "test/**", "--why"]);
        let joined = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            !joined(&plain.out).contains(reason),
            "{format}: {}",
            plain.out
        );
        assert!(joined(&told.out).contains(reason), "{format}: {}", told.out);
    }
}

/// As code scanning wants it: the file and the line in the repository, wherever the check began, and
/// though the stack is planned in a copy.
#[test]
fn findings_are_located_in_the_repository() {
    let tree = Tree::new();
    tree.write(
        "live/web/main.tf",
        "module \"m\" {\n  source = \"../../modules/m\"\n}\noutput \"o\" {\n  value = 1\n}\n",
    );
    tree.write(
        "modules/m/main.tf",
        "\nresource \"terraform_data\" \"x\" {\n  input = 1\n}\n",
    );
    tree.commit();
    let report = |format| {
        let ran = tree.check(&["live", "--format", format]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        serde_json::from_str::<Json>(&ran.out).unwrap()
    };
    let json = report("json");
    let stack = json["stacks"].as_array().unwrap();
    let stack = stack.iter().find(|stack| stack["stack"] == "web").unwrap();
    let location = &stack["findings"][0]["location"];
    assert_eq!(location["file"], "modules/m/main.tf");
    assert_eq!(
        (&location["line"], &location["end_line"]),
        (&2.into(), &4.into())
    );
    let sarif = report("sarif");
    let places: Vec<String> = sarif["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            let (uri, region) = (&place["artifactLocation"]["uri"], &place["region"]);
            format!("{} {}-{}", uri, region["startLine"], region["endLine"])
        })
        .collect();
    // An output stands for its stack.
    assert_eq!(places, ["\"modules/m/main.tf\" 2-4", "\"live/web\" 1-1"]);
}

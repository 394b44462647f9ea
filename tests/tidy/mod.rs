//! Rules of the house that no compiler checks: who may import whom, what stays pure, how large a
//! file may be, and that nothing of one machine is in the tree.

mod code;
mod layers;

use std::path::{Path, PathBuf};
use std::process::Command;

use code::{Source, sources};

/// A file of more lines than this is too large; the first number only warns.
const LINES: (usize, usize) = (400, 800);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that is or could be committed, relative to the root.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others"])
        .arg("--exclude-standard")
        .current_dir(root())
        .output()
        .unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    let names = names.split_terminator('\0').map(PathBuf::from);
    let files: Vec<PathBuf> = names.filter(|file| root().join(file).is_file()).collect();
    if output.status.success() {
        assert!(files.len() > 100, "the files are listed");
        return files;
    }
    // Not a clone: an unpacked archive, which holds nothing else.
    let walk = walkdir::WalkDir::new(root()).into_iter();
    let walk = walk.filter_entry(|entry| entry.file_name() != "target");
    walk.map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(root()).unwrap().to_owned())
        .collect()
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n  {}\n", wrong.join("\n  "));
}

#[test]
fn modules_import_only_what_their_layer_may() {
    let wrong: Vec<String> = sources(root())
        .iter()
        .flat_map(|source| {
            let layer = source.module.first().cloned().unwrap_or_default();
            let crossings = source.imports().into_iter().filter(move |import| {
                !layer.is_empty() && import.path[0] != layer && !layers::may(&layer, &import.path)
            });
            crossings.map(|import| {
                let (file, line) = (source.file.display(), import.line);
                format!("src/{file}:{line} imports {}", import.path.join("::"))
            })
        })
        .collect();
    none(&wrong);
}

#[test]
fn every_module_has_a_layer() {
    let mut wrong: Vec<String> = sources(root())
        .iter()
        .filter_map(|source| source.module.first().cloned())
        .filter(|module| !layers::is_known(module))
        .collect();
    wrong.dedup();
    none(&wrong);
}

#[test]
fn the_domain_is_pure() {
    const IMPURE: [&str; 16] = [
        "async ",
        "await",
        "std::fs",
        "std::env",
        "std::io",
        "std::net",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant",
        "::now()",
        "tracing",
        "tokio",
        "rustix",
        "fastrand",
        "println!",
    ];
    let mut wrong = Vec::new();
    for source in sources(root()).iter().filter(|s| s.is_in("domain")) {
        wrong.extend(source.lines_with(&IMPURE));
    }
    none(&wrong);
}

#[test]
fn nothing_that_input_can_reach_panics() {
    const PANICS: [&str; 6] = [
        ".unwrap()",
        ".expect(",
        ".unwrap_err()",
        "todo!",
        "unimplemented!",
        "panic!",
    ];
    let all = sources(root());
    none(
        &all.iter()
            .flat_map(|s| s.lines_with(&PANICS))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn files_are_small() {
    let (warn, fail) = LINES;
    let mut wrong = Vec::new();
    for file in files()
        .iter()
        .filter(|f| f.extension().is_some_and(|e| e == "rs"))
    {
        let lines = std::fs::read_to_string(root().join(file))
            .unwrap()
            .lines()
            .count();
        if lines > fail {
            wrong.push(format!(
                "{} has {lines} lines, more than {fail}",
                file.display()
            ));
        } else if lines > warn {
            eprintln!(
                "warning: {} has {lines} lines, more than {warn}",
                file.display()
            );
        }
    }
    none(&wrong);
}

#[test]
fn every_file_of_code_says_what_it_is_about() {
    let wrong: Vec<String> = sources(root())
        .into_iter()
        .filter(|source| !source.is_test && !source.text.starts_with("//! "))
        .map(|source| source.file.display().to_string())
        .collect();
    none(&wrong);
}

#[test]
fn nothing_of_one_machine_is_in_the_tree() {
    let mut wrong = Vec::new();
    for file in files() {
        let name = file.to_string_lossy();
        if [".orig", ".pending-snap", ".rej", ".snap.new"]
            .iter()
            .any(|e| name.ends_with(e))
        {
            wrong.push(format!("{name} is a left-over"));
        }
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if names_a_machine(line) {
                wrong.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    none(&wrong);
}

/// Whether a line has an absolute path into somebody's directories.
fn names_a_machine(line: &str) -> bool {
    // With an escape in each, lest this line be found.
    ["/wo\u{72}k/", "/ho\u{6d}e/", "/ro\u{6f}t/"]
        .iter()
        .flat_map(|place| line.match_indices(place))
        .any(|(at, _)| {
            let before = line[..at].strip_suffix('"').unwrap_or(&line[..at]);
            let name = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
            let below_variable = name.ends_with('$') && name.len() < before.len();
            let inside_path =
                line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.}/:~".contains(c));
            !below_variable && !inside_path
        })
}

#[test]
fn every_example_is_exercised_by_a_test() {
    let tests: String = files()
        .iter()
        .filter(|file| file.starts_with("tests") && file.extension().is_some_and(|e| e == "rs"))
        .filter(|file| !file.starts_with("tests/tidy"))
        .map(|file| std::fs::read_to_string(root().join(file)).unwrap())
        .collect();
    let mut examples: Vec<String> = files()
        .iter()
        .filter_map(|file| file.strip_prefix("examples").ok()?.iter().next()?.to_str())
        .map(|name| format!("examples/{name}"))
        .collect();
    examples.sort();
    examples.dedup();
    assert!(!examples.is_empty(), "there are examples");
    none(
        &examples
            .into_iter()
            .filter(|name| {
                !tests.contains(&format!("{name}/")) && !tests.contains(&format!("{name}\""))
            })
            .map(|name| format!("no test names {name}"))
            .collect::<Vec<_>>(),
    );
}

/// The rules are worth something only if what breaks them is seen.
#[test]
fn what_breaks_a_rule_is_seen() {
    let text = r##"
//! About crate::cli.
use crate::{api::auth, domain::{ids, plan::Plan as P}};
use std::io; // crate::app
fn f<'a>(x: &'a str) -> char { let _ = r#"crate::git"#; super::super::store::open(x); 'c' }
fn g() { crate::terraform::Engine::find() /* crate::notify */ }
#[cfg(test)]
mod tests { fn h() { None.unwrap() } }
fn i() { x.unwrap() }
"##;
    let source = Source::new("reconcile/look.rs".into(), text.to_owned(), false);
    let found: Vec<String> = source.imports().iter().map(|i| i.path.join("::")).collect();
    assert_eq!(
        found,
        [
            "api::auth",
            "domain::ids",
            "domain::plan::Plan",
            "store::open",
            "terraform::Engine::find",
        ]
    );
    assert_eq!(source.imports()[4].line, 6);
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    for (layer, import) in [
        ("domain", "secret::Masker"),
        ("secret", "domain::ids"),
        ("git", "terraform::Engine"),
        ("git", "reconcile::look"),
        ("reconcile", "report::text"),
        ("report", "store::Store"),
        ("api", "store::Store"),
        ("api", "reconcile::look::look"),
        ("api", "cli::run"),
        ("cli", "api::router"),
        ("config", "git::Mirror"),
        ("config", "reconcile::driver"),
    ] {
        assert!(!layers::may(layer, &path(import)), "{layer} {import}");
    }
    assert!(layers::may(
        "config",
        &path("git::settings::SourceLocation")
    ));
    assert_eq!(
        source.lines_with(&[".unwrap()"]),
        ["src/reconcile/look.rs:9: fn i() { x.unwrap() }"]
    );
    for (line, seen) in [
        ("cd \"/ho\u{6d}e/ada/x\"", true),
        ("path = /wo\u{72}k/main", true),
        ("rm \"$dir\"/ro\u{6f}t/var $run/wo\u{72}k/live", false),
        ("https://example.com/ho\u{6d}e/x", false),
    ] {
        assert_eq!(names_a_machine(line), seen, "{line}");
    }
}

//! `mooring notify`: what it sends, writes and refuses.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const KINDS: usize = mooring::notify::Specimen::ALL.len();

/// A configuration with a mail receiver and a webhook, whose URL is in `$HOOK`.
fn configuration(dir: &Path) {
    let text = "\
sources: [{ name: infra, path: /srv/git/infra }]
notify:
  - name: hook
    webhook: { url_env: HOOK }
  - name: team
    email: { to: [platform@example.com] }
smtp: { host: smtp.example.com, from: mooring@example.com }
";
    std::fs::write(dir.join("mooring.yaml"), text).unwrap();
}

fn mooring(dir: &Path, hook: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mooring"))
        .args(arguments)
        .current_dir(dir)
        .env("HOOK", hook)
        .env("NO_COLOR", "1")
        .env("USER", "ann")
        .env("MOORING_TOKEN", "no daemon takes it")
        .env_remove("MOORING_CONFIG")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_sends_one_of_each_kind_and_says_what_became_of_it() {
    let dir = tempfile::tempdir().unwrap();
    configuration(dir.path());
    let server = MockServer::start().await;
    let hook = format!("{}/secret-path", server.uri());
    Mock::given(path("/secret-path"))
        .and(body_string_contains("\"title\":\"[test] "))
        .respond_with(ResponseTemplate::new(200))
        .expect(KINDS as u64)
        .mount(&server)
        .await;
    let run = mooring(dir.path(), &hook, &["notify", "test", "hook"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let out = text(&run.stdout);
    assert_eq!(out.lines().count(), KINDS, "{out}");
    assert!(out.contains("drift: hook: accepted"), "{out}");
    server.verify().await;
    for request in server.received_requests().await.unwrap() {
        let body = text(&request.body);
        assert!(
            !body.contains("infra/live"),
            "about nobody's stacks: {body}"
        );
    }
    server.reset().await;
    Mock::given(path("/secret-path"))
        .respond_with(ResponseTemplate::new(400).set_body_string("no /secret-path"))
        .mount(&server)
        .await;
    let arguments = ["notify", "test", "hook", "--kind", "drift"];
    let run = mooring(dir.path(), &hook, &arguments);
    assert_eq!(run.status.code(), Some(1));
    let out = text(&run.stdout);
    assert!(out.contains("drift: hook: refused for good"), "{out}");
    assert!(!out.contains("secret-path"), "{out}");
}

#[test]
fn a_preview_writes_every_form_and_sends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    configuration(dir.path());
    let run = mooring(dir.path(), "", &["notify", "preview", "--output", "out"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let files = std::fs::read_dir(dir.path().join("out")).unwrap().count();
    assert_eq!(files, KINDS * 4, "three forms of a mail, and a body");
    let eml = std::fs::read_to_string(dir.path().join("out/team-drift.eml")).unwrap();
    assert!(eml.contains("\r\nTo: platform@example.com\r\n"), "{eml}");
    let arguments = [
        "notify", "preview", "team", "--kind", "drift", "-o", "one.html",
    ];
    let run = mooring(dir.path(), "", &arguments);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let html = std::fs::read_to_string(dir.path().join("one.html")).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>"), "{html}");
}

#[test]
fn what_is_meant_wrongly_is_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    configuration(dir.path());
    for (arguments, hint) in [
        (
            vec!["notify", "test", "taem"],
            "the configuration names hook, team",
        ),
        (
            vec!["notify", "test", "team", "--kind", "joy"],
            "possible values",
        ),
        (
            vec!["notify", "test", "team", "--config", "no.yaml"],
            "there is no file no.yaml",
        ),
        (
            vec!["notify", "preview", "team", "-o", "x.html"],
            "name a receiver and a --kind",
        ),
        (
            vec![
                "notify", "preview", "hook", "--kind", "drift", "-o", "x.html",
            ],
            "the forms are: json",
        ),
    ] {
        let run = mooring(dir.path(), "", &arguments);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(hint), "{arguments:?}: {said}");
    }
}

#[test]
fn the_built_in_templates_can_be_taken_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    configuration(dir.path());
    let write = ["config", "templates", "--output", "templates"];
    assert_eq!(mooring(dir.path(), "", &write).status.code(), Some(0));
    let preview = |to| {
        let arguments = [
            "notify",
            "preview",
            "team",
            "--kind",
            "first-look",
            "-o",
            to,
        ];
        let run = mooring(dir.path(), "", &arguments);
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        let html = std::fs::read_to_string(dir.path().join(to)).unwrap();
        // The times are those of now.
        html.lines()
            .filter(|line| !line.contains("UTC"))
            .collect::<String>()
    };
    let built_in = preview("a.html");
    let file = dir.path().join("mooring.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}templates: templates\n")).unwrap();
    assert_eq!(preview("b.html"), built_in);
    let own = dir.path().join("templates/mail.html");
    std::fs::write(&own, "<!DOCTYPE html><p>{{ headline }}").unwrap();
    let again = String::from_utf8(mooring(dir.path(), "", &write).stdout).unwrap();
    assert!(again.contains("mail.html is there already"), "{again}");
    assert!(preview("c.html").starts_with("<!DOCTYPE html><p>5 stacks"));
}

/// The words of a command as a shell splits them.
fn words(command: &str) -> Vec<String> {
    let script = format!("printf '%s\\n' {command}");
    let run = Command::new("sh").args(["-c", &script]).output().unwrap();
    text(&run.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn what_messages_tell_to_type_can_be_typed() {
    let dir = tempfile::tempdir().unwrap();
    configuration(dir.path());
    let run = mooring(dir.path(), "", &["notify", "preview", "team", "-o", "out"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let (mut commands, mut rules) = (BTreeSet::new(), BTreeSet::new());
    for file in std::fs::read_dir(dir.path().join("out")).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|ending| ending == "txt") {
            let mail = std::fs::read_to_string(file).unwrap();
            let lines = mail.lines().map(|line| line.trim().to_owned());
            let (ours, others) = lines.partition::<Vec<_>, _>(|line| line.starts_with("mooring "));
            commands.extend(ours);
            rules.extend(
                others
                    .into_iter()
                    .filter(|line| line.starts_with("- { type: ")),
            );
        }
    }
    let verbs: BTreeSet<String> = commands.iter().map(|line| words(line)[1].clone()).collect();
    let expected = [
        "ack", "approve", "messages", "plan", "reject", "report", "resume", "show", "stacks",
        "state",
    ];
    assert!(verbs.iter().eq(expected), "{verbs:?}");
    for command in commands {
        let mut arguments = words(&command).split_off(1);
        // Nobody listens there: what is wrong usage is refused before that matters.
        arguments.extend(["--server".to_owned(), "http://127.0.0.1:9".to_owned()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let run = mooring(dir.path(), "", &arguments);
        assert_eq!(
            run.status.code(),
            Some(1),
            "{command}: {}",
            text(&run.stderr)
        );
    }
    assert!(!rules.is_empty());
    // No specimen has a change that could be called noise.
    rules.insert("- { type: aws_x, attributes: [size], reason: \"…\" }".to_owned());
    for rule in rules {
        let file = dir.path().join("mooring.yaml");
        let list = if rule.contains("severity: ") {
            "severities"
        } else {
            "noise"
        };
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(
            &file,
            format!("{before}policy: {{ {list}: [{}] }}\n", &rule[2..]),
        )
        .unwrap();
        let run = mooring(dir.path(), "", &["config", "check"]);
        assert_eq!(run.status.code(), Some(0), "{rule}: {}", text(&run.stderr));
        std::fs::write(&file, before).unwrap();
    }
}

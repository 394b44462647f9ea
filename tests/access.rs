//! Tokens of people and the audit log, by the command line against a real daemon.

use std::path::Path;
use std::process::{Command, Output};

use regex::Regex;

use crate::harness::{Daemon, free_port};

/// A daemon that follows a repository without stacks.
fn start(dir: &Path) -> Daemon {
    let repository = dir.join("infra");
    for arguments in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["commit", "--quiet", "--allow-empty", "--message=Begin"],
    ] {
        std::fs::create_dir_all(&repository).unwrap();
        let status = Command::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
            .args(arguments)
            .current_dir(&repository)
            .status();
        assert!(status.unwrap().success());
    }
    let configuration = format!(
        r#"data_dir: {dir}/data
api: {{ listen: "127.0.0.1:{port}", token_file: {dir}/api-token }}
sources:
  - name: infra
    path: {dir}/infra
"#,
        dir = dir.display(),
        port = free_port(),
    );
    Daemon::start_in(dir, &configuration)
}

/// What is another one each time, by its kind.
fn steady(text: &str) -> String {
    let kinds = [
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
        (r"\b[0-9a-f]{64}\b", "HASH"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", "DAY"),
        (r" +\n", "\n"),
    ];
    kinds
        .into_iter()
        .fold(text.to_owned(), |text, (kind, name)| {
            Regex::new(kind)
                .unwrap()
                .replace_all(&text, name)
                .into_owned()
        })
}

fn told(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    format!("{:?} {error}", output.status.code())
}

/// The command line with a token of one's own.
fn by_token(daemon: &Daemon, token: &str, arguments: &[&str]) -> Output {
    daemon
        .command(arguments)
        .env_remove("MOORING_TOKEN_FILE")
        .env("MOORING_TOKEN", token)
        .env("USER", "somebody-else")
        .output()
        .unwrap()
}

/// A token of alice's, and what is told beside it.
fn alices_token(daemon: &Daemon) -> (String, String) {
    let arguments = [
        "token",
        "create",
        "--name",
        "alice",
        "--groups",
        "platform,dba",
        "--emails",
        "alice@example.com",
        "--scopes",
        "read,plan",
        "--expires",
        "30d",
        "--by",
        "ada",
    ];
    let output = daemon.command(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    let token = printed.strip_suffix('\n').unwrap().to_owned();
    (token, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_token_of_ones_own_opens_what_it_says_until_it_is_revoked_and_is_written_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = start(dir.path());
    let (token, note) = alices_token(&daemon);
    insta::assert_snapshot!(steady(&note), @"This is the only time that it is shown. Its id is ID; it opens read, plan for alice until TIME.");
    assert!(token.starts_with("mrg_") && token.len() == 68, "{token}");

    let list = by_token(&daemon, &token, &["runs", "--format", "json"]);
    assert_eq!(list.status.code(), Some(0), "{}", told(&list));
    insta::assert_snapshot!(told(&by_token(&daemon, &token, &["token", "list"])), @r"
    Some(1) error: this token lacks the scope `admin`
    hint: use a token that has it, or ask whoever makes tokens for one
    ");
    insta::assert_snapshot!(told(&by_token(&daemon, &token, &["plan", "infra/none"])), @r"
    Some(1) error: there is no stack infra/none
    hint: see what there is: `mooring stacks`
    ");
    let other = by_token(&daemon, &token, &["plan", "infra/none", "--by", "bob"]);
    insta::assert_snapshot!(told(&other), @r"
    Some(1) error: this token is one of alice: `by` cannot be somebody else
    hint: correct the request
    ");
    insta::assert_snapshot!(steady(&daemon.cli(&["token", "list"])), @r"
    TOKEN                                 NAME   GROUPS         SCOPES      STATE   EXPIRES     USED
    ID  alice  dba, platform  read, plan  active  DAY  now
    ");

    let tokens = daemon.get("tokens");
    let id = tokens["tokens"][0]["id"].as_str().unwrap();
    insta::assert_snapshot!(steady(&daemon.cli(&["token", "revoke", id, "--by", "ada"])), @"revoked: ID");
    insta::assert_snapshot!(told(&by_token(&daemon, &token, &["runs"])), @r"
    Some(1) error: the bearer token is missing or wrong
    hint: send the token of api.token_file, or one of your own that is neither expired nor revoked, as `Authorization: Bearer …`
    ");
    insta::assert_snapshot!(steady(&daemon.cli(&["audit", "list"])), @r"
    ENTRY  AT                   WHO            WHAT                   ABOUT
    3      DAY  ada (claimed)  token revoked: alice   token ID
    2      DAY  ada (claimed)  token created: alice   token ID
    1      DAY  mooring        daemon started: 0.1.0  -
    ");

    let files = walkdir::WalkDir::new(dir.path()).into_iter();
    let files = files
        .map(Result::unwrap)
        .filter(|f| f.file_type().is_file());
    let mut seen = 0;
    for file in files {
        let bytes = std::fs::read(file.path()).unwrap();
        let random = &token.as_bytes()[4..];
        let found = bytes.windows(random.len()).any(|part| part == random);
        assert!(!found, "{} holds the token", file.path().display());
        seen += usize::from(file.path().ends_with("mooring.db-wal"));
        seen += usize::from(file.path().ends_with("mooring.log"));
    }
    assert_eq!(seen, 2, "database and log are looked through");
    assert!(daemon.whole_log().contains("token made"));
    assert!(daemon.stop().success());
}

#[test]
fn the_audit_log_is_verified_at_the_daemon_and_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = start(dir.path());
    alices_token(&daemon);
    let live = daemon.cli(&["audit", "verify"]);
    insta::assert_snapshot!(steady(&live), @r"
    the chain holds: 2 entries
    first  TIME
    last   TIME
    head   HASH (entry 2)
    ");
    let head = live.lines().find_map(|line| line.strip_prefix("head   "));
    let head = head.unwrap().split(' ').next().unwrap().to_owned();
    assert!(daemon.whole_log().contains("the head of the audit log"));
    alices_token(&daemon);
    let since = daemon.cli(&["audit", "verify", "--head", &head]);
    assert!(since.contains("known  entry 2"), "{since}");

    for format in ["jsonl", "csv"] {
        let file = dir.path().join(format!("audit.{format}"));
        let path = file.to_str().unwrap();
        daemon.cli(&["audit", "export", "--format", format, "--output", path]);
        let verify = |more: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_mooring"));
            command.args(["audit", "verify", "--file", path]).args(more);
            command.env_clear().output().unwrap()
        };
        let whole = verify(&["--head", &head]);
        assert_eq!(whole.status.code(), Some(0), "{}", told(&whole));
        let text = std::fs::read_to_string(&file).unwrap();
        let broken = |text: &str, more: &[&str]| {
            std::fs::write(&file, text).unwrap();
            let output = verify(more);
            assert_eq!(output.status.code(), Some(1), "{}", told(&output));
            assert!(output.stdout.is_empty());
            String::from_utf8(output.stderr).unwrap()
        };
        let altered = broken(&text.replacen("alice", "mallory", 1), &[]);
        assert!(altered.contains("at entry 2: it was altered"), "{altered}");
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let (last, first) = lines.split_last().unwrap();
        let cut = broken(&first.concat(), &["--head", &hash_of(last)]);
        assert!(cut.contains("cut off at its end"), "{cut}");
        let none = broken("", &[]);
        assert!(none.contains("no entry"), "{none}");
    }
    let wrong = daemon
        .command(&["audit", "verify", "--head", "abc"])
        .output();
    assert_eq!(wrong.unwrap().status.code(), Some(64));
    assert!(daemon.stop().success());
}

/// The hash of an entry, in either form.
fn hash_of(line: &str) -> String {
    let hash = Regex::new(r#""hash":"([0-9a-f]{64})"|,([0-9a-f]{64})\r?\n"#).unwrap();
    let found = hash.captures(line).unwrap();
    let hash = found.get(1).or(found.get(2)).unwrap();
    hash.as_str().to_owned()
}

#[test]
fn every_start_is_told_with_its_configuration_in_the_same_chain() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = start(dir.path());
    assert!(daemon.stop().success());
    let daemon = Daemon::start_in(
        dir.path(),
        &std::fs::read_to_string(dir.path().join("mooring.yaml")).unwrap(),
    );
    let entries = daemon.get("audit?after=0");
    let entries = entries["entries"].as_array().unwrap();
    let configuration = std::fs::read(dir.path().join("mooring.yaml")).unwrap();
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(configuration));
    for entry in entries {
        assert_eq!(entry["action"], "daemon_started");
        assert_eq!(entry["details"]["configuration"], digest);
    }
    assert_eq!(entries.len(), 2);
    daemon.cli(&["audit", "verify"]);
    assert!(daemon.stop().success());
}

//! A daemon whose records are on a PostgreSQL server; and records that move, are backed up and put
//! back.

mod trouble;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::{Daemon, Postgres, free_port};

const STACK: &str = "infra/web";

/// A repository with one stack, and an engine that can plan nothing.
fn prepare(dir: &Path) {
    std::fs::create_dir_all(dir.join("repo/web")).unwrap();
    let code = "terraform {\n  backend \"s3\" {}\n}\n";
    std::fs::write(dir.join("repo/web/main.tf"), code).unwrap();
    for arguments in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &["commit", "-q", "-m", "x"],
    ] {
        let git = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(arguments)
            .current_dir(dir.join("repo"))
            .status();
        assert!(git.unwrap().success());
    }
    let engine = dir.join("terraform");
    std::fs::write(&engine, "#!/bin/sh\nexit 1\n").unwrap();
    std::fs::set_permissions(&engine, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn configuration(dir: &Path, data: &str, more: &str) -> String {
    format!(
        r#"data_dir: {dir}/{data}
jitter: 0s
schedule: "0 0 1 1 *"
engine: {dir}/terraform
policy: {{ confirm_after: 1s }}
api: {{ listen: "127.0.0.1:{port}", token_file: {dir}/api-token }}
sources:
  - name: infra
    path: {dir}/repo
{more}"#,
        dir = dir.display(),
        port = free_port(),
    )
}

/// The part of a configuration that names a database, whose URL is put into a file.
fn on(dir: &Path, url: &str) -> String {
    let file = dir.join("postgres-url");
    std::fs::write(&file, url).unwrap();
    format!("store: {{ postgres_url_file: {} }}\n", file.display())
}

/// The command line with a configuration, without a daemon.
fn mooring(config: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mooring"))
        .args(arguments)
        .env("MOORING_CONFIG", config)
        .output()
        .unwrap()
}

fn done(config: &Path, arguments: &[&str]) -> String {
    let output = mooring(config, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(config: &Path, arguments: &[&str]) -> String {
    let output = mooring(config, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn written(dir: &Path, name: &str, text: &str) -> PathBuf {
    let config = dir.join(name);
    std::fs::write(&config, text).unwrap();
    config
}

/// How many runs of the stack have ended.
fn ended(daemon: &Daemon) -> usize {
    let runs = daemon.runs(STACK);
    runs.iter().filter(|run| run["state"] == "finished").count()
}

/// Has the stack planned and waits until that is recorded.
fn plan(daemon: &Daemon) {
    daemon.planned_once_known(STACK);
}

/// The head of the audit log, whose chain holds.
fn head(daemon: &Daemon) -> String {
    let verified = daemon.cli(&["audit", "verify"]);
    let line = verified.lines().find(|line| line.starts_with("head"));
    let hash = line
        .unwrap_or_else(|| panic!("{verified}"))
        .split_whitespace()
        .nth(1);
    hash.unwrap().to_owned()
}

#[test]
fn any_of_two_daemons_does_what_it_is_asked() {
    let Some(server) = Postgres::start("postgres::any_of_two_daemons") else {
        return;
    };
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    prepare(dir.path());
    let store = on(dir.path(), &server.database("m"));
    let key = dir.path().join("key");
    std::fs::write(&key, [7; 32]).unwrap();
    let store = format!("{store}installation_key_file: {}\n", key.display());
    let leading = Daemon::start_in(dir.path(), &configuration(dir.path(), "data", &store));
    plan(&leading);
    let configuration = configuration(dir.path(), "other", &store);
    let standing_by = Daemon::start_in(other.path(), &configuration);
    let who = |daemon: &Daemon| {
        let replicas = daemon.get("replicas");
        let all = replicas["replicas"].as_array().unwrap().clone();
        let leads = all.iter().find(|replica| replica["leads"] == true).cloned();
        (
            replicas["answered"].clone(),
            leads.map_or(serde_json::Value::Null, |leads| leads["replica"].clone()),
        )
    };
    let (number, leader) = who(&standing_by);
    assert_eq!(who(&leading), (leader.clone(), leader.clone()));
    assert_ne!(number, leader);

    let listed = standing_by.cli(&["replicas"]);
    let leads: Vec<&str> = listed.lines().filter(|line| line.contains("yes")).collect();
    assert_eq!(leads.len(), 1, "{listed}");
    assert!(leads[0].contains(&leader.to_string()), "{listed}");
    let known = ended(&leading);
    let queued = standing_by.cli(&["plan", STACK]);
    assert!(queued.contains("queued: run"), "{queued}");
    standing_by.eventually("the run that the other one was asked for ends", || {
        (ended(&standing_by) > known).then_some(())
    });
    let shown = standing_by.cli(&["show", STACK]);
    let known_to = format!("known to replica {leader}, which leads");
    assert!(shown.contains(&known_to), "{shown}");
    let unknown = standing_by.refused(&["plan", "infra/wbe"]);
    assert!(unknown.contains("did you mean infra/web"), "{unknown}");
    let nothing = standing_by.refused(&["resume", STACK]);
    assert!(nothing.contains("nothing to resume"), "{nothing}");

    assert!(leading.stop().success());
    standing_by.eventually("the other one leads", || {
        (who(&standing_by) == (number.clone(), number.clone())).then_some(())
    });
    plan(&standing_by);
    assert!(standing_by.stop().success());
}

#[test]
fn records_move_to_a_server_and_back_and_the_audit_log_goes_on() {
    let Some(server) = Postgres::start("postgres::records_move") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path());
    let store = on(dir.path(), &server.database("m"));
    let (in_file, on_server) = (
        configuration(dir.path(), "data", ""),
        configuration(dir.path(), "data", &store),
    );
    let moving = written(dir.path(), "moving.yaml", &on_server);
    let daemon = Daemon::start_in(dir.path(), &in_file);
    plan(&daemon);
    let (first, runs) = (head(&daemon), ended(&daemon));
    let busy = refused(&moving, &["store", "migrate-to", "postgres"]);
    assert!(busy.contains("another mooring uses"), "{busy}");
    assert!(daemon.stop().success());

    let both = refused(&moving, &["serve"]);
    assert!(both.contains("mooring store migrate-to postgres"), "{both}");
    let there = done(&moving, &["store", "migrate-to", "postgres"]);
    assert!(
        there.contains("all the same") && there.contains(&first),
        "{there}"
    );
    assert!(dir.path().join("data/mooring.db.moved").exists());
    let daemon = Daemon::start_in(dir.path(), &on_server);
    assert!(ended(&daemon) >= runs);
    plan(&daemon);
    daemon.cli(&["audit", "verify", "--head", &first]);
    let (second, runs) = (head(&daemon), ended(&daemon));
    let busy = refused(&moving, &["store", "migrate-to", "sqlite"]);
    assert!(busy.contains("another mooring uses"), "{busy}");
    assert!(daemon.stop().success());

    let back = done(&moving, &["store", "migrate-to", "sqlite"]);
    assert!(back.contains(&second), "{back}");
    let full = refused(&moving, &["store", "migrate-to", "sqlite"]);
    assert!(full.contains("is there already"), "{full}");
    let daemon = Daemon::start_in(dir.path(), &in_file);
    assert!(ended(&daemon) >= runs);
    daemon.cli(&["audit", "verify", "--head", &second]);
    assert!(daemon.stop().success());
}

#[test]
fn a_backup_of_a_daemon_at_work_is_put_back_anywhere() {
    let Some(server) = Postgres::start("postgres::a_backup") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path());
    let store = on(dir.path(), &server.database("m"));
    let daemon = Daemon::start_in(dir.path(), &configuration(dir.path(), "data", &store));
    plan(&daemon);
    let (known, runs) = (head(&daemon), ended(&daemon));
    let backup = dir.path().join("backup.db");
    let name = backup.to_str().unwrap();
    let told = daemon.cli(&["store", "backup", name]);
    assert!(told.contains(&known), "{told}");
    let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = daemon.refused(&["store", "backup", name]);
    assert!(again.contains("is there already"), "{again}");
    let full = daemon.refused(&["store", "restore", name]);
    assert!(full.contains("another mooring uses"), "{full}");
    assert!(daemon.stop().success());
    let left = std::fs::read_dir(dir.path()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name());
    assert!(
        !left
            .into_iter()
            .any(|name| name.as_encoded_bytes().starts_with(b".mooring"))
    );

    let full = refused(
        &dir.path().join("mooring.yaml"),
        &["store", "restore", name],
    );
    assert!(full.contains("has records already"), "{full}");
    server.sql("postgres", "CREATE DATABASE other");
    std::fs::create_dir(dir.path().join("elsewhere")).unwrap();
    let elsewhere = on(&dir.path().join("elsewhere"), &server.url("other"));
    // A backup holds no key, and what it holds was made with this one.
    let key = dir.path().join("data/installation.key");
    let elsewhere = format!("{elsewhere}installation_key_file: {}\n", key.display());
    for more in ["", elsewhere.as_str()] {
        let data = if more.is_empty() { "file" } else { "server" };
        let text = configuration(dir.path(), data, more);
        let config = written(dir.path(), "restored.yaml", &text);
        done(&config, &["store", "restore", name]);
        let daemon = Daemon::start_in(dir.path(), &text);
        assert!(ended(&daemon) >= runs);
        daemon.cli(&["audit", "verify", "--head", &known]);
        // A backup of a file is one like any other.
        let copy = dir.path().join(format!("{data}.db"));
        daemon.cli(&["store", "backup", copy.to_str().unwrap()]);
        assert!(daemon.stop().success());
    }
}

/// Until the database of the server holds as many pauses.
fn kept(daemon: &Daemon, server: &Postgres, pauses: &str) {
    daemon.eventually("the database knows the pauses", || {
        (server.sql("m", "SELECT COUNT(*) FROM pauses") == pauses).then_some(())
    });
}

#[test]
fn replicas_with_different_keys_are_refused_and_a_pause_is_everybodys() {
    let Some(mut server) = Postgres::start("postgres::replicas_with_different_keys") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path());
    let store = on(dir.path(), &server.database("m"));
    let daemon = Daemon::start_in(dir.path(), &configuration(dir.path(), "data", &store));
    daemon.cli(&["pause", "--all", "--reason", "an incident", "--by", "cleo"]);
    kept(&daemon, &server, "1");
    server.stop();
    daemon.cli(&["pause", "--source", "infra", "--by", "cleo"]);
    daemon.kill();
    server.run();

    let key = std::fs::read(dir.path().join("data/installation.key")).unwrap();
    let remembered = "SELECT value FROM memory WHERE name = 'installation_key'";
    let remembered = server.sql("m", remembered);
    assert!(!remembered.contains(&hex::encode(&key)), "{remembered}");
    let other = configuration(dir.path(), "other", &store);
    let other = written(dir.path(), "other.yaml", &other);
    let refusal = refused(&other, &["serve"]);
    assert!(
        refusal.contains("other/installation.key is not the one")
            && refusal.contains("installation_key_file"),
        "{refusal}"
    );
    let short = dir.path().join("short.key");
    std::fs::write(&short, "short").unwrap();
    let more = format!("{store}installation_key_file: {}\n", short.display());
    let short = configuration(dir.path(), "other", &more);
    let short = written(dir.path(), "short.yaml", &short);
    let refusal = refused(&short, &["serve"]);
    assert!(refusal.contains("not a key of 32 bytes"), "{refusal}");

    // What was thrown while the database was away is in it once its process is back.
    let text = configuration(dir.path(), "data", &store);
    let daemon = Daemon::start_in(dir.path(), &text);
    kept(&daemon, &server, "2");
    assert!(daemon.stop().success());
    let copy = dir.path().join("shared.key");
    std::fs::write(&copy, &key).unwrap();
    let more = format!("{store}installation_key_file: {}\n", copy.display());
    let daemon = Daemon::start_in(dir.path(), &configuration(dir.path(), "other", &more));
    let paused = daemon.cli(&["pause"]);
    assert!(paused.contains("everything is paused by cleo"), "{paused}");
    assert!(paused.contains("the source infra"), "{paused}");
    // What others put there is known here before long, and so is that it is over.
    server.sql("m", "DELETE FROM pauses WHERE scope = '\"all\"'");
    daemon.eventually("the end of a pause is known", || {
        (!daemon.cli(&["pause"]).contains("everything")).then_some(())
    });
    daemon.cli(&["resume", "--source", "infra", "--by", "cleo"]);
    assert_eq!(server.sql("m", "SELECT COUNT(*) FROM pauses"), "0");
    assert!(daemon.stop().success());
}

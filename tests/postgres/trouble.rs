//! A server that goes away, fails over to its copy, or lets nobody in any more.

use std::path::Path;

use crate::harness::{Daemon, PASSWORD, Postgres};

use super::{configuration, ended, head, on, plan, prepare};

fn readiness(daemon: &Daemon) -> (u16, String) {
    let http = reqwest::blocking::Client::builder().no_proxy().build();
    let answer = http.unwrap().get(format!("{}/readyz", daemon.server()));
    let answer = answer.send().unwrap();
    (answer.status().as_u16(), answer.text().unwrap())
}

/// Until the daemon says that it waits for the database, and why.
fn waits(daemon: &Daemon, why: &str) {
    daemon.eventually("the daemon says what it waits for", || {
        let (status, said) = readiness(daemon);
        (status == 503 && said.contains("waiting for the database") && said.contains(why))
            .then_some(())
    });
    assert!(daemon.is_healthy());
}

/// Until it has its database again, and a look after that is recorded.
fn goes_on(daemon: &Daemon) {
    daemon.eventually("the daemon has its database again", || {
        (readiness(daemon).0 == 200).then_some(())
    });
    let known = ended(daemon);
    plan(daemon);
    assert!(ended(daemon) > known);
}

fn start(dir: &Path, url: &str) -> Daemon {
    prepare(dir);
    let store = on(dir, url);
    let daemon = Daemon::start_in(dir, &configuration(dir, "data", &store));
    plan(&daemon);
    daemon
}

#[test]
fn a_daemon_on_a_server_waits_for_it_and_goes_on() {
    let Some(mut server) = Postgres::start("postgres::a_daemon_on_a_server") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let daemon = start(dir.path(), &server.database("m"));
    assert!(!dir.path().join("data/mooring.db").exists());
    let before = head(&daemon);

    server.stop();
    daemon.eventually("the daemon says what it waits for", || {
        let (status, said) = readiness(&daemon);
        (status == 503 && said.contains("waiting for the database")).then_some(())
    });
    assert!(daemon.is_healthy());
    server.run();
    daemon.eventually("the daemon has its database again", || {
        (readiness(&daemon).0 == 200).then_some(())
    });
    let known = ended(&daemon);
    plan(&daemon);
    assert!(ended(&daemon) > known);
    let log = daemon.whole_log();
    for told in ["begins until the database is back", "the database is back"] {
        assert!(log.contains(told), "{told}: {log}");
    }

    daemon.kill();
    let text = std::fs::read_to_string(dir.path().join("mooring.yaml")).unwrap();
    let daemon = Daemon::start_in(dir.path(), &text);
    daemon.cli(&["audit", "verify", "--head", &before]);
    let valid = daemon.cli(&["config", "check"]);
    for text in [&valid, &daemon.whole_log()] {
        for secret in [PASSWORD, "s/ecret@of", "postgres://"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    assert!(daemon.stop().success());
}

#[test]
fn a_server_that_fails_over_to_its_copy_is_gone_on_with() {
    let Some(mut server) = Postgres::start("postgres::trouble::a_server_that_fails_over") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let daemon = start(dir.path(), &server.database("m"));
    let standby = server.standby();
    plan(&daemon);
    daemon.cli(&["pause", "--all", "--by", "cleo"]);
    let before = (ended(&daemon), head(&daemon));

    server.die();
    waits(&daemon, "cannot be reached");
    // The name leads to the copy before that takes writes.
    std::fs::write(dir.path().join("postgres-url"), standby.url("m")).unwrap();
    waits(&daemon, "takes no writes");
    standby.promote();
    goes_on(&daemon);
    assert!(ended(&daemon) > before.0);
    daemon.cli(&["audit", "verify", "--head", &before.1]);
    assert!(
        daemon
            .cli(&["pause"])
            .contains("everything is paused by cleo")
    );
    let log = daemon.whole_log();
    assert!(!log.contains("others have gone on"), "{log}");
    assert!(daemon.stop().success());
}

#[test]
fn a_server_without_a_connection_left_is_waited_for() {
    let Some(server) = Postgres::start("postgres::trouble::a_server_without_a_connection") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    // Nothing limits the owner of the server.
    server.sql(
        "postgres",
        &format!("CREATE ROLE few LOGIN PASSWORD '{PASSWORD}'"),
    );
    server.sql("postgres", "CREATE DATABASE m OWNER few");
    let url = server.url("m").replacen("mooring:", "few:", 1);
    let url = url.replacen(PASSWORD, &PASSWORD.replace('%', "%25"), 1);
    let daemon = start(dir.path(), &url);
    let end_all =
        "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'few'";
    let limit = |connections: i32| {
        server.sql(
            "postgres",
            &format!("ALTER ROLE few CONNECTION LIMIT {connections}"),
        );
    };

    limit(0);
    server.sql("postgres", end_all);
    waits(&daemon, "no connection left");
    limit(-1);
    goes_on(&daemon);

    // One does not do: whether it is the one that writes or one that reads, there is an answer.
    limit(1);
    server.sql("postgres", end_all);
    daemon.eventually("the daemon says that something is wrong", || {
        (readiness(&daemon).0 == 503).then_some(())
    });
    assert!(daemon.is_healthy());
    limit(-1);
    goes_on(&daemon);
    assert!(daemon.stop().success());
}

#[test]
fn a_daemon_that_starts_waits_for_the_server() {
    let Some(mut server) = Postgres::start("postgres::trouble::a_daemon_that_starts") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let url = server.database("m");
    server.stop();
    let dir_path = dir.path().to_owned();
    let starting = std::thread::spawn(move || start(&dir_path, &url));
    let log = dir.path().join("mooring.log");
    crate::harness::eventually(
        "it says what it waits for",
        crate::harness::PATIENCE,
        || {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            log.contains("for the database").then_some(())
        },
    );
    server.run();
    let daemon = starting.join().unwrap();
    assert!(daemon.stop().success());
}

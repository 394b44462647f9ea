//! What is kept of runs and reports, over the API and the command line; and nothing else.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{eventually, free_port};

const TOKEN: &str = "an-api-token-for-tests";
const REPORT: &str = "20261123t070000z-weekly.acme-web";

/// A daemon with one stack that no Terraform can plan; killed when dropped.
struct Daemon {
    child: Child,
    server: String,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    fn start(dir: &Path) -> Self {
        let port = free_port();
        std::fs::create_dir_all(dir.join("repo/web")).unwrap();
        std::fs::write(
            dir.join("repo/web/main.tf"),
            "terraform {\n  backend \"s3\" {}\n}\n",
        )
        .unwrap();
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
        std::fs::write(dir.join("token"), TOKEN).unwrap();
        let config = dir.join("mooring.yaml");
        let text = format!(
            "data_dir: data\njitter: 0s\nengine: ./terraform\npolicy: {{ confirm_after: 1s }}\n\
             api: {{ listen: \"127.0.0.1:{port}\", token_file: token }}\n\
             sources: [{{ name: infra, path: repo }}]\n"
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_mooring"))
            .args(["serve", "--config"])
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            server: format!("http://127.0.0.1:{port}"),
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mooring"))
            .args(arguments)
            .env_clear()
            .env("MOORING_SERVER", &self.server)
            .env("MOORING_TOKEN", TOKEN)
            .output()
            .unwrap()
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }

    /// The status of an answer, its headers and its text. The path is sent as it is.
    fn get(&self, path: &str) -> (u16, String) {
        use std::io::{Read, Write};
        let address = self.server.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Connection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }
}

#[test]
fn kept_copies_can_be_listed_and_read_and_nothing_else_can() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path());
    let run = eventually("a run with an artifact", Duration::from_secs(120), || {
        let runs = daemon.run(&["runs", "--format", "json"]);
        let runs: Value = serde_json::from_slice(&runs.stdout).ok()?;
        let ids = runs["runs"]
            .as_array()?
            .iter()
            .map(|run| run["id"].as_str().unwrap().to_owned());
        let mut kept = ids.filter(|id| daemon.said(&["artifacts", id]).contains("check.json"));
        kept.next()
    });
    let listed: Value =
        serde_json::from_str(&daemon.said(&["artifacts", &run, "--format", "json"])).unwrap();
    let check = &listed["artifacts"][0];
    assert_eq!(check["name"], "check.json");
    assert_eq!(check["content_type"], "application/json");
    let written = dir.path().join("check.json");
    let to = written.to_str().unwrap();
    daemon.said(&["artifacts", &run, "check.json", "--output", to]);
    let bytes = std::fs::read(&written).unwrap();
    assert_eq!(check["bytes"], bytes.len());
    let content: Value = serde_json::from_slice(&bytes).unwrap();
    assert!(content.to_string().contains("infra/web"));
    let (status, answer) = daemon.get(&format!("/api/v1/runs/{run}/artifacts/check.json"));
    let head = answer.to_lowercase();
    assert_eq!(status, 200);
    assert!(
        head.contains("content-type: application/json\r\n"),
        "{head}"
    );
    assert!(
        head.contains("content-disposition: attachment; filename=\"check.json\"\r\n"),
        "{head}"
    );

    // A report that was kept, as a daemon keeps it.
    let shelf = dir.path().join("data/artifacts/reports").join(REPORT);
    std::fs::create_dir_all(&shelf).unwrap();
    let json = daemon.said(&["report", "--format", "json"]);
    std::fs::write(shelf.join("report.json"), &json).unwrap();
    assert!(daemon.said(&["report", "--kept"]).contains(REPORT));
    let again = daemon.said(&["report", "--kept", REPORT, "--format", "json"]);
    assert_eq!(again, json);
    let page = daemon.said(&["report", "--kept", REPORT, "--format", "html"]);
    assert!(page.starts_with("<!DOCTYPE html>") || page.starts_with("<!doctype html>"));
    let (_, answer) = daemon.get(&format!("/api/v1/reports/{REPORT}"));
    assert!(answer.contains("\"name\":\"report.json\""), "{answer}");

    // Nothing beside them, and never a state.
    let snapshots = dir.path().join("data/snapshots/x");
    std::fs::create_dir_all(&snapshots).unwrap();
    std::fs::write(snapshots.join(format!("{run}.tfstate")), "the state").unwrap();
    for path in [
        format!("/api/v1/runs/{run}/artifacts/..%2f..%2f..%2finstallation.key"),
        format!("/api/v1/runs/{run}/artifacts/..%2f..%2f..%2fsnapshots%2fx%2f{run}.tfstate"),
        format!("/api/v1/runs/..%2f..%2fsnapshots%2fx/artifacts/{run}.tfstate"),
        format!("/api/v1/runs/{run}/artifacts/../../../../data/mooring.db"),
        format!("/api/v1/reports/..%2f{run}/check.json"),
        format!("/api/v1/reports/{run}/check.json"),
        format!("/api/v1/reports/{REPORT}/..%2f..%2f{run}%2fcheck.json"),
        format!("/api/v1/reports/{REPORT}/.hidden"),
        "/api/v1/reports/20261123t070000z-other".to_owned(),
        "/api/v1/runs/01935000-0000-7000-8000-000000000001/artifacts".to_owned(),
    ] {
        let (status, answer) = daemon.get(&path);
        assert_eq!(status, 404, "{path}: {answer}");
    }
    let told = daemon.refused(&["artifacts", &run, "apply.log"]);
    assert!(told.contains("has no artifact called apply.log"), "{told}");
    let told = daemon.refused(&["report", "--kept", "20261123t070000z-other"]);
    assert!(told.contains("no form called report.json"), "{told}");
}

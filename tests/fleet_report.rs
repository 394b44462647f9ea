//! `mooring report`: what it asks a daemon for, and what it refuses to ask.

use std::process::{Command, Output};

use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

fn report(server: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mooring"))
        .arg("report")
        .args(arguments)
        .env_clear()
        .env("MOORING_SERVER", server)
        .env("MOORING_TOKEN", "test-token")
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_asks_for_what_the_arguments_say_and_writes_the_answer_where_it_is_to_go() {
    let daemon = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/v1/report"))
        .and(header("authorization", "Bearer test-token"))
        .and(query_param("since", "2w"))
        .and(query_param("source", "infra"))
        .and(query_param("owner", "platform"))
        .and(query_param("stack", "infra/live/**"))
        .and(query_param("severity", "high"))
        .and(query_param("format", "csv"))
        .and(|request: &Request| {
            let labels = request
                .url
                .query_pairs()
                .filter(|(name, _)| name == "label");
            let labels: Vec<String> = labels.map(|(_, label)| label.into_owned()).collect();
            labels == ["tier=prod", "region=eu"]
        })
        .respond_with(ResponseTemplate::new(200).set_body_string("stack\r\n"))
        .expect(1)
        .mount(&daemon)
        .await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fleet.csv");
    let arguments = [
        "--since",
        "2w",
        "--source",
        "infra",
        "--label",
        "tier=prod",
        "--label",
        "region=eu",
        "--owner",
        "platform",
        "--stack",
        "infra/live/**",
        "--severity",
        "high",
        "--format",
        "csv",
        "--output",
        file.to_str().unwrap(),
    ];
    let output = report(&daemon.uri(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "stack\r\n");
    assert!(output.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_before_anything_is_asked() {
    let daemon = MockServer::start().await;
    for (arguments, hint) in [
        (&["--since", "soon"][..], "`7d`"),
        (&["--since", "2y"], "a time"),
        (&["--since", "400d"], "--since 7d"),
        (&["--since", "1d", "--until", "2999-01-01"], "--since 7d"),
        (&["--label", "tier"], "--label tier=prod"),
        (&["--format", "junit"], "csv"),
        (&["--severity", "grave"], "critical, high"),
        (&["--kept", "x", "--since", "1d"], "--since"),
        (&["--output", "/no/such/directory/file"], "directory"),
    ] {
        let output = report(&daemon.uri(), arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {told}");
        assert!(told.contains(hint), "{arguments:?}: {told}");
    }
    assert_eq!(daemon.received_requests().await.unwrap().len(), 0);
}

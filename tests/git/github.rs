//! Sources behind a GitHub App: a server that imitates its API, and a real Git server.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use mooring::domain::failure::FailureKind;
use mooring::git::Mirror;
use mooring::git::settings::{Access, GithubApp, SourceLocation};
use mooring::secret::SecretSource;
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::server::Server;
use super::{TOKEN, fails, fetch};

const PLACE: &str = "/api/v3/app/installations/77/access_tokens";

fn openssl(dir: &Path, args: &[&str]) {
    let done = Command::new("openssl").args(args).current_dir(dir).output();
    let done = done.unwrap();
    assert!(done.status.success(), "openssl {args:?}: {done:?}");
}

/// The claims of a token that the app signed, whose signature `openssl` has found right.
fn claims(request: &Request, home: &Path) -> serde_json::Value {
    let said = request.headers["authorization"].to_str().unwrap();
    let jwt = said.strip_prefix("Bearer ").unwrap();
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let (head, body) = signed.split_once('.').unwrap();
    let plain = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let head: serde_json::Value = serde_json::from_slice(&plain(head)).unwrap();
    assert_eq!(head["alg"], "RS256");
    fs::write(home.join("signed"), signed).unwrap();
    fs::write(home.join("signature"), plain(signature)).unwrap();
    let verify = [
        "dgst",
        "-sha256",
        "-verify",
        "app.pub",
        "-signature",
        "signature",
        "signed",
    ];
    openssl(home, &verify);
    serde_json::from_slice(&plain(body)).unwrap()
}

fn answer(token: &str, lasts: SignedDuration) -> ResponseTemplate {
    let expires_at = (Timestamp::now() + lasts).to_string();
    let body = serde_json::json!({ "token": token, "expires_at": expires_at });
    ResponseTemplate::new(201).set_body_json(body)
}

struct App {
    runtime: tokio::runtime::Runtime,
    api: MockServer,
    git: Server,
    home: tempfile::TempDir,
}

impl App {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let home = tempfile::tempdir().unwrap();
        openssl(
            home.path(),
            &["genrsa", "-traditional", "-out", "app.pem", "2048"],
        );
        openssl(
            home.path(),
            &["rsa", "-in", "app.pem", "-pubout", "-out", "app.pub"],
        );
        Self {
            api: runtime.block_on(MockServer::start()),
            runtime,
            git: Server::start_for("x-access-token"),
            home,
        }
    }

    fn answers(&self, answer: ResponseTemplate) {
        self.runtime.block_on(async {
            self.api.reset().await;
            Mock::given(method("POST"))
                .and(path(PLACE))
                .and(header("accept", "application/vnd.github+json"))
                .and(body_json(
                    serde_json::json!({ "permissions": { "contents": "read" } }),
                ))
                .respond_with(answer)
                .mount(&self.api)
                .await;
        });
    }

    fn asked(&self) -> Vec<Request> {
        let asked = self.runtime.block_on(self.api.received_requests());
        asked.unwrap()
    }

    fn mirror(&self, key: &str) -> Mirror {
        let SourceLocation::Remote { url, .. } = self.git.location("infra") else {
            panic!("a server's repository is remote");
        };
        let access = Access::GithubApp(GithubApp {
            app_id: 4711,
            installation_id: 77,
            private_key: SecretSource::File(self.home.path().join(key)),
            api_url: format!("{}/api/v3", self.api.uri()),
        });
        let location = SourceLocation::Remote { url, access };
        let dir = self.home.path().join("mirror");
        Mirror::open(&dir, &location, Some(&self.git.ca())).unwrap()
    }
}

#[test]
fn a_token_of_an_app_is_asked_for_once_and_renewed_in_time() {
    let app = App::new();
    let commit = app.git.work("infra").commit();
    let mirror = app.mirror("app.pem");
    app.answers(answer(TOKEN, SignedDuration::from_mins(60)));
    let before = Timestamp::now().as_second();
    for _ in 0..3 {
        assert_eq!(fetch(&mirror, None).unwrap(), commit);
    }
    let asked = app.asked();
    assert_eq!(asked.len(), 1);
    let claims = claims(&asked[0], app.home.path());
    assert_eq!(claims["iss"], "4711");
    let (from, until) = (
        claims["iat"].as_i64().unwrap(),
        claims["exp"].as_i64().unwrap(),
    );
    assert!(
        from < before && until > before && until - from <= 600,
        "{claims}"
    );

    // One that is refused is not used again, and one that ends within five minutes is renewed.
    fs::write(app.git.token(), "another").unwrap();
    assert_eq!(fails(&mirror, None).kind, FailureKind::RepositoryRefused);
    app.answers(answer("another", SignedDuration::from_mins(4)));
    assert_eq!(fetch(&mirror, None).unwrap(), commit);
    fs::write(app.git.token(), TOKEN).unwrap();
    app.answers(answer(TOKEN, SignedDuration::from_mins(60)));
    assert_eq!(fetch(&mirror, None).unwrap(), commit);
    assert_eq!(app.asked().len(), 1);
}

#[test]
fn what_the_api_refuses_is_told_with_the_remedy() {
    let app = App::new();
    app.git.work("infra").commit();
    let says = |key: &str, status: u16, kind: FailureKind, hint: &str| {
        let body = serde_json::json!({ "message": format!("no, {TOKEN}") });
        app.answers(ResponseTemplate::new(status).set_body_json(body));
        let failure = fetch(&app.mirror(key), None).unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.hint.contains(hint), "{failure:?}");
        assert!(!format!("{failure:?}").contains("PRIVATE KEY"));
    };
    says("app.pem", 401, FailureKind::RepositoryRefused, "app_id");
    says(
        "app.pem",
        404,
        FailureKind::RepositoryRefused,
        "installation_id",
    );
    says(
        "app.pem",
        422,
        FailureKind::RepositoryRefused,
        "Contents: read",
    );
    says(
        "app.pem",
        503,
        FailureKind::RepositoryUnreachable,
        "tried again",
    );
    says(
        "app.pem",
        201,
        FailureKind::RepositoryUnreachable,
        "tried again",
    );
    says(
        "app.pub",
        201,
        FailureKind::RepositoryRefused,
        "private key",
    );
    says("absent", 201, FailureKind::RepositoryRefused, "private key");
}

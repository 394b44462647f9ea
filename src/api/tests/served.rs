//! The API on loopback, with a driver behind it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::api::{Api, router};
use crate::reconcile::fixture::{Clock, Context, driven, paused};
use crate::secret::SecretSource;
use crate::telemetry::Metrics;

pub(super) const OPERATOR: &str = "the-operator's-token";
const BEGIN: &str = "2026-11-28T08:00:00Z";

/// The API of a daemon that knows the stack `infra/a`, on loopback.
pub(super) struct Served {
    _directory: TempDir,
    pub(super) context: Arc<Context>,
    clock: Clock,
    url: String,
    http: reqwest::Client,
}

async fn serve_on_loopback(context: &Arc<Context>, token: Option<SecretSource>) -> String {
    let api = Api {
        handle: driven(context).await,
        metrics: Metrics::idle().unwrap(),
        token,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router(api)).await });
    url
}

impl Served {
    pub(super) async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let (context, clock) = paused(directory.path(), BEGIN.parse().unwrap()).await;
        let file = directory.path().join("token");
        std::fs::write(&file, OPERATOR).unwrap();
        Self {
            url: serve_on_loopback(&context, Some(SecretSource::File(file))).await,
            _directory: directory,
            context,
            clock,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// The same daemon without an operator's token.
    pub(super) async fn without_operator(self) -> Self {
        let url = serve_on_loopback(&self.context, None).await;
        Self { url, ..self }
    }

    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
    ) -> (u16, Value) {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.ask(Method::GET, &format!("/api/v1{path}"), Some(token))
            .await
    }

    pub(super) async fn post(&self, path: &str, token: &str) -> (u16, Value) {
        self.ask(Method::POST, &format!("/api/v1{path}"), Some(token))
            .await
    }

    /// A token of alice's with these scopes, for a day; its id and itself.
    pub(super) async fn token(&self, scopes: &str) -> (String, String) {
        let end = self.now() + SignedDuration::from_hours(24);
        let path = format!(
            "/tokens?by=ada&name=alice&groups=platform,dba&emails=alice@example.com\
             &scopes={scopes}&expires_at={end}"
        );
        let (status, body) = self.post(&path, OPERATOR).await;
        assert_eq!(status, 201, "{body}");
        let word = |field: &str| body[field].as_str().unwrap().to_owned();
        (word("id"), word("token"))
    }

    pub(super) async fn audit(&self) -> Vec<Value> {
        let (_, body) = self.get("/audit?after=0", OPERATOR).await;
        body["entries"].as_array().unwrap().clone()
    }

    fn now(&self) -> Timestamp {
        *self.clock.lock().unwrap()
    }

    pub(super) fn later(&self, by: SignedDuration) {
        *self.clock.lock().unwrap() += by;
    }
}

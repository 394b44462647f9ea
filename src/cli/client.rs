//! Talking to a daemon.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::{Method, Url};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::domain::token::PREFIX;
use crate::secret::SecretSource;

use super::error::CliError;
use super::person::person;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same where the daemon has to run Terraform before it answers.
const PATIENCE: Duration = Duration::from_mins(30);

/// Where the daemon is and how to be let in.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The daemon's address.
    #[arg(
        long,
        value_name = "URL",
        env = "MOORING_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080"
    )]
    server: String,
    /// A file that holds the API token [default: the environment variable MOORING_TOKEN]
    #[arg(long, value_name = "FILE", env = "MOORING_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

/// Who asks for something.
#[derive(Debug, Clone, Args)]
pub(super) struct ByArgs {
    /// Who you are [default: the name you are logged in with]. A token of your own says it already.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// A daemon to talk to.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: SecretSource,
}

impl Client {
    /// Prepares to talk; nothing is sent yet.
    pub(super) fn new(args: &ServerArgs) -> Result<Self, CliError> {
        let base = base(&args.server)?;
        let file = args.token_file.clone().map(SecretSource::File);
        let token = file.unwrap_or_else(|| SecretSource::Env("MOORING_TOKEN".to_owned()));
        let http = reqwest::Client::builder().timeout(TIMEOUT).build();
        let http = http.map_err(|error| unreachable(&base, &error))?;
        Ok(Self { http, base, token })
    }

    /// What to send about who asks: what was said, or the user's name unless the token says it.
    pub(super) fn by(&self, args: ByArgs) -> Vec<(&'static str, String)> {
        let token = self.token.read();
        let personal = token.is_ok_and(|token| token.expose_secret().starts_with(PREFIX));
        let by = match args.by {
            None if personal => None,
            by => Some(person(by)),
        };
        by.map(|by| ("by", by)).into_iter().collect()
    }

    /// Asks for JSON.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Value, CliError> {
        parse(&self.ask(Method::GET, path, query).await?)
    }

    /// Asks for text.
    pub(super) async fn text(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<String, CliError> {
        let text = self.ask(Method::GET, path, query).await?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Asks for a file.
    pub(super) async fn bytes(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Vec<u8>, CliError> {
        self.ask(Method::GET, path, query).await
    }

    /// Asks for something to be done, and says how.
    pub(super) async fn post_with(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Value, CliError> {
        parse(&self.ask(Method::POST, path, query).await?)
    }

    /// Asks for something to be done that may take long, and says how.
    pub(super) async fn post_json(&self, path: &[&str], body: &Value) -> Result<Value, CliError> {
        let request = self.request(Method::POST, path, &[])?;
        parse(&self.send(request.json(body).timeout(PATIENCE)).await?)
    }

    /// Asks for a file that is not handed out lightly.
    pub(super) async fn post_for_bytes(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Vec<u8>, CliError> {
        self.ask(Method::POST, path, query).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Vec<u8>, CliError> {
        self.send(self.request(method, path, query)?).await
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<reqwest::RequestBuilder, CliError> {
        let token = self.token.read().map_err(|error| CliError::Usage {
            message: error.to_string(),
            hint: "give the daemon's token with --token-file or MOORING_TOKEN".to_owned(),
        })?;
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        Ok(request.bearer_auth(token.expose_secret()))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, CliError> {
        let response = request
            .send()
            .await
            .map_err(|error| unreachable(&self.base, &error))?;
        let status = response.status();
        let body = response
            .bytes()
            .await
            .map_err(|error| unreachable(&self.base, &error))?;
        if status.is_success() {
            return Ok(body.into());
        }
        let error = parse(&body).unwrap_or_default();
        let word = |name: &str| error["error"][name].as_str().map(str::to_owned);
        Err(CliError::Daemon {
            message: word("message").unwrap_or_else(|| format!("the daemon answered {status}")),
            hint: word("hint").unwrap_or_else(|| "is this a mooring daemon?".to_owned()),
        })
    }
}

/// The daemon's address, which holds no credentials: they would end up in messages and logs.
fn base(server: &str) -> Result<Url, CliError> {
    let url = Url::parse(server)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    match url {
        Some(url) if url.username().is_empty() && url.password().is_none() => Ok(url),
        Some(_) => Err(CliError::Usage {
            message: "the daemon's address holds a user name or password".to_owned(),
            hint: "give the API token with --token-file or MOORING_TOKEN instead".to_owned(),
        }),
        None => Err(CliError::Usage {
            message: if server.contains('@') {
                "the daemon's address is no HTTP URL".to_owned()
            } else {
                format!("`{server}` is no HTTP URL")
            },
            hint: "use for example http://127.0.0.1:8080".to_owned(),
        }),
    }
}

fn parse(body: &[u8]) -> Result<Value, CliError> {
    serde_json::from_slice(body).map_err(|error| CliError::Daemon {
        message: format!("the answer is no JSON: {error}"),
        hint: "is this a mooring daemon?".to_owned(),
    })
}

fn unreachable(base: &Url, error: &reqwest::Error) -> CliError {
    let why = if error.is_timeout() {
        "it does not answer in time"
    } else {
        "no connection"
    };
    CliError::Daemon {
        message: format!("cannot talk to the daemon at {base}: {why}"),
        hint: "start `mooring serve`, or name the daemon with --server".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        base("http://127.0.0.1:8080").unwrap();
        base("https://mooring.example.com/below").unwrap();
        for wrong in [
            "http://user:hunter2@host",
            "user:hunter2@host",
            "http://user:hunter2@host:port",
        ] {
            let refused = base(wrong).expect_err("credentials");
            assert_eq!(refused.exit_code(), 64);
            let told = format!("{refused} {:?}", refused.hint());
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}

//! A dead man's switch: a URL that is asked again and again, and raises the alarm once it is not.

use std::path::Path;

use reqwest::Method;

use crate::secret::SecretSource;

use super::http::{self, HttpSender, address};
use super::{Delivery, NotifyError, authorities, read_secret};

/// The switch.
pub struct Switch {
    url: SecretSource,
    http: HttpSender,
}

impl Switch {
    /// A switch at the URL that `url` holds, which is a secret; `ca_file` names authorities to trust
    /// besides the system's.
    pub fn build(url: SecretSource, ca_file: Option<&Path>) -> Result<Self, NotifyError> {
        let authorities = authorities(ca_file)?.map(|(_, parsed)| parsed);
        let http = HttpSender::new(authorities.unwrap_or_default(), http::TIMEOUT);
        Ok(Self {
            url,
            http: http.map_err(|error| NotifyError::Tls {
                cause: http::with_causes(&error),
            })?,
        })
    }

    /// Says that all is well, once.
    ///
    /// # Errors
    /// Why it was not heard, without anything secret.
    pub async fn beat(&self) -> Result<(), String> {
        let url = read_secret(&self.url).await.map_err(why)?;
        let address = address(&url)?;
        let answer = self
            .http
            .call(Method::GET, address, &url, None, Vec::new())
            .await
            .map_err(why)?;
        if answer.status.is_success() {
            return Ok(());
        }
        let status = answer.status.as_u16();
        Err(if answer.status.is_redirection() {
            format!(
                "it answered {status}. Redirects are not followed: put the final URL into the secret"
            )
        } else {
            format!("it answered {status}. Check the URL in the secret")
        })
    }
}

impl std::fmt::Debug for Switch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Switch").finish_non_exhaustive()
    }
}

fn why(delivery: Delivery) -> String {
    match delivery {
        Delivery::Retry { error, .. } | Delivery::Rejected { error } => error,
        Delivery::Accepted { .. } => String::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    async fn beat(url: &str) -> Result<(), String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), url).unwrap();
        let place = SecretSource::File(file.path().to_owned());
        Switch::build(place, None).unwrap().beat().await
    }

    #[tokio::test]
    async fn the_url_is_asked_once_and_told_to_nobody() {
        let server = MockServer::start().await;
        let answer = |code, status| {
            Mock::given(method("GET"))
                .and(path(format!("/ping/{code}")))
                .respond_with(ResponseTemplate::new(status).set_body_string(code))
                .expect(1)
        };
        answer("0b60c8c2-good-good", 200).mount(&server).await;
        answer("0b60c8c2-gone-gone", 404).mount(&server).await;
        answer("0b60c8c2-away-away", 301).mount(&server).await;
        let at = |code: &str| format!("{}/ping/{code}\n", server.uri());
        assert_eq!(beat(&at("0b60c8c2-good-good")).await, Ok(()));
        let gone = beat(&at("0b60c8c2-gone-gone")).await.unwrap_err();
        assert_eq!(gone, "it answered 404. Check the URL in the secret");
        let away = beat(&at("0b60c8c2-away-away")).await.unwrap_err();
        assert!(away.contains("Redirects are not followed"), "{away}");
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        for lost in [
            format!("http://{port}/ping/0b60c8c2-lost-lost"),
            "0b60c8c2-lost-lost".to_owned(),
        ] {
            let error = beat(&lost).await.unwrap_err();
            assert!(!error.contains("0b60c8c2"), "{error}");
        }
    }
}

//! Requests to webhooks whose URL is a secret, and what their answers mean.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::secret::{Masker, SecretSource};

use super::words::{clean, cut};
use super::{Delivery, read_secret};

/// How long connecting and the whole exchange may each take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(15);
/// How much of a refusal's body is quoted.
const QUOTED_BYTES: usize = 300;
/// How much of an answer is read at all.
const ANSWER_BYTES: usize = 256 * 1024;

/// Posts JSON; follows no redirect, since the body and its token are meant for one place.
pub(super) struct HttpSender {
    client: Client,
}

impl HttpSender {
    /// A sender that also trusts these certificate authorities.
    pub(super) fn new(
        authorities: Vec<reqwest::Certificate>,
        timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .tls_certs_merge(authorities)
            .connect_timeout(timeout)
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("mooring/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    /// A request to a service whose URL is no secret.
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Posts `body` to the URL that `url` holds now; it is plain JSON unless a header says what else.
    pub(super) async fn post(
        &self,
        url: &SecretSource,
        token: Option<&SecretSource>,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Delivery {
        let secrets = async {
            let url = read_secret(url).await?;
            let token = match token {
                Some(token) => Some(read_secret(token).await?),
                None => None,
            };
            Ok::<_, Delivery>((url, token))
        };
        let (url, token) = match secrets.await {
            Ok(secrets) => secrets,
            Err(delivery) => return delivery,
        };
        let masker = masker(&url, token.as_ref());
        let outcome = match address(&url) {
            Ok(address) => {
                let request = self.client.post(address);
                exchange(request, token.as_ref(), headers, body).await
            }
            Err(problem) => Err(problem),
        };
        match outcome {
            Ok(response) => answered(response, &masker).await,
            Err(problem) => unsent(&problem, &masker),
        }
    }

    /// Sends `body` to an address that was made from the secret `origin`, and reads the answer.
    pub(super) async fn call(
        &self,
        method: Method,
        address: Url,
        origin: &SecretString,
        token: Option<&SecretString>,
        body: Vec<u8>,
    ) -> Result<Answer, Delivery> {
        let masker = masker(origin, token);
        let request = self.client.request(method, address);
        match exchange(request, token, &[], body).await {
            Ok(response) => Ok(read(response, masker, ANSWER_BYTES).await),
            Err(problem) => Err(unsent(&problem, &masker)),
        }
    }
}

/// What a secret holds, as an address.
pub(super) fn address(url: &SecretString) -> Result<Url, String> {
    let url = Url::parse(url.expose_secret().trim()).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| {
            "what stands in the secret is not an http or https URL: check its content".to_owned()
        })
}

async fn exchange(
    request: RequestBuilder,
    token: Option<&SecretString>,
    headers: &[(&'static str, String)],
    body: Vec<u8>,
) -> Result<Response, String> {
    let mut all = HeaderMap::new();
    all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        let value = HeaderValue::try_from(value)
            .map_err(|_| format!("no HTTP header can carry what belongs into {name}"))?;
        all.insert(HeaderName::from_static(name), value);
    }
    let mut request = request.headers(all).body(body);
    if let Some(token) = token {
        let token = token.expose_secret();
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| "the token holds characters that no HTTP header can carry")?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    request.send().await.map_err(unanswered)
}

/// Why there is no answer; the URL may hold a credential and is left out.
pub(super) fn unanswered(error: reqwest::Error) -> String {
    if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        with_causes(&error.without_url())
    }
}

fn unsent(problem: &str, masker: &Masker) -> Delivery {
    Delivery::Retry {
        error: masker.mask(problem),
        after: None,
    }
}

/// What a service answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// How long the service asked to be left alone.
    pub(super) after: Option<SignedDuration>,
    body: Vec<u8>,
    masker: Masker,
}

impl Answer {
    /// The body as JSON; null if it is something else.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Words of the service, fit to be shown.
    pub(super) fn quote(&self, said: &str) -> String {
        let said = self.masker.mask(said);
        cut(clean(&said).trim(), QUOTED_BYTES)
    }

    /// What the status means for a delivery.
    pub(super) fn delivery(&self) -> Delivery {
        if self.status.is_success() {
            return Delivery::Accepted { handle: None };
        }
        let said = self.quote(&String::from_utf8_lossy(&self.body));
        judge(self.status, &said, self.after)
    }
}

/// Hides the URL, its path (which carries the credential) and the token.
fn masker(url: &SecretString, token: Option<&SecretString>) -> Masker {
    let url = url.expose_secret().trim();
    let path = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map(|(_, path)| path);
    let token = token.map(ExposeSecret::expose_secret);
    Masker::new([Some(url), path, token].into_iter().flatten())
}

/// An error and what caused it, on one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    cut(&clean(&text), 400)
}

async fn answered(response: Response, masker: &Masker) -> Delivery {
    if response.status().is_success() {
        return Delivery::Accepted { handle: None };
    }
    let answer = read(response, masker.clone(), QUOTED_BYTES).await;
    answer.delivery()
}

async fn read(mut response: Response, masker: Masker, most: usize) -> Answer {
    let status = response.status();
    let after = retry_after(response.headers().get(RETRY_AFTER), Timestamp::now());
    let mut body = Vec::new();
    while body.len() < most {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            _ => break,
        }
    }
    Answer {
        status,
        after,
        body,
        masker,
    }
}

fn judge(status: StatusCode, said: &str, after: Option<SignedDuration>) -> Delivery {
    let quote = if said.is_empty() {
        String::new()
    } else {
        format!(", saying: {said}")
    };
    let error = format!("the webhook answered {}{quote}", status.as_u16());
    if matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
    ) {
        return Delivery::Rejected { error };
    }
    // Everything else may be a URL or token that somebody is about to put right.
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            ". The credential is refused: put a valid URL or token into the secret"
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            ". The webhook does not exist (any more): make a new one and put its URL into the secret"
        }
        _ if status.is_redirection() => {
            ". Redirects are not followed: put the final URL into the secret"
        }
        _ => "",
    };
    Delivery::Retry {
        error: format!("{error}{hint}"),
        after,
    }
}

/// `Retry-After` is a number of seconds or a date.
pub(super) fn retry_after(header: Option<&HeaderValue>, now: Timestamp) -> Option<SignedDuration> {
    let text = header?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(SignedDuration::from_secs(i64::from(seconds)));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(at.duration_since(now).max(SignedDuration::ZERO))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let parse = |text: &str| retry_after(Some(&HeaderValue::from_str(text).unwrap()), now);
        assert_eq!(parse("30"), Some(SignedDuration::from_secs(30)));
        assert_eq!(
            parse("Mon, 23 Nov 2026 10:01:30 GMT"),
            Some(SignedDuration::from_secs(90))
        );
        assert_eq!(
            parse("Mon, 23 Nov 2026 09:00:00 GMT"),
            Some(SignedDuration::ZERO)
        );
        assert_eq!(parse("-5"), None);
        assert_eq!(parse("soon"), None);
        assert_eq!(retry_after(None, now), None);
    }

    use std::io::Write;

    use wiremock::matchers::{body_string, header, method};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    fn secret(text: &str) -> (tempfile::NamedTempFile, SecretSource) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let source = SecretSource::File(file.path().to_owned());
        (file, source)
    }

    async fn post(url: &str, timeout: Duration) -> Delivery {
        let (_file, url) = secret(url);
        HttpSender::new(Vec::new(), timeout)
            .unwrap()
            .post(&url, None, &[], b"{}".to_vec())
            .await
    }

    async fn answer(response: ResponseTemplate, timeout: Duration) -> Delivery {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(response)
            .mount(&server)
            .await;
        let url = format!("{}/services/T000/B000/secretsecretsecret", server.uri());
        post(&url, timeout).await
    }

    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_message_is_accepted_with_its_token_and_headers() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(header("authorization", "Bearer tokentoken"))
            .and(header("idempotency-key", "k"))
            .and(header("content-type", "application/json"))
            .and(body_string("{}"))
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&server)
            .await;
        let (_url, url) = secret(&format!("{}\n", server.uri()));
        let (_token, token) = secret("tokentoken\n");
        let headers = [("idempotency-key", "k".to_owned())];
        let delivery = HttpSender::new(Vec::new(), LONG)
            .unwrap()
            .post(&url, Some(&token), &headers, b"{}".to_vec())
            .await;
        assert_eq!(delivery, Delivery::Accepted { handle: None });
    }

    #[tokio::test]
    async fn a_busy_or_broken_receiver_is_tried_again() {
        let busy = ResponseTemplate::new(429).insert_header("retry-after", "7");
        assert_eq!(
            answer(busy, LONG).await,
            Delivery::Retry {
                error: "the webhook answered 429".to_owned(),
                after: Some(SignedDuration::from_secs(7)),
            }
        );
        let broken = ResponseTemplate::new(500).set_body_string("oh\nno");
        assert_eq!(
            answer(broken, LONG).await,
            Delivery::Retry {
                error: "the webhook answered 500, saying: oh no".to_owned(),
                after: None,
            }
        );
        let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
        let Delivery::Retry { error, after: None } = answer(slow, Duration::from_millis(300)).await
        else {
            panic!("a slow receiver is tried again");
        };
        assert_eq!(error, "no answer in time");
    }

    #[tokio::test]
    async fn a_url_or_token_that_is_refused_says_what_to_do_and_is_tried_again() {
        let gone = ResponseTemplate::new(404).set_body_string("no_service");
        let Delivery::Retry { error, .. } = answer(gone, LONG).await else {
            panic!("a missing webhook may come back");
        };
        assert!(error.starts_with("the webhook answered 404, saying: no_service. The webhook"));
        let moved = ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/");
        let Delivery::Retry { error, .. } = answer(moved, LONG).await else {
            panic!("the URL may be put right");
        };
        assert!(error.contains("Redirects are not followed"), "{error}");
    }

    #[test]
    fn only_what_concerns_the_body_is_final() {
        for status in [301, 401, 403, 404, 405, 408, 410, 425, 429, 500, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(matches!(judge(status, "", None), Delivery::Retry { .. }));
        }
        for status in [400, 413, 422] {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(matches!(judge(status, "", None), Delivery::Rejected { .. }));
        }
    }

    #[tokio::test]
    async fn no_error_gives_the_url_or_the_token_away() {
        let echo = ResponseTemplate::new(400)
            .set_body_string("bad path services/T000/B000/secretsecretsecret");
        let nobody = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let deliveries = [
            answer(echo, LONG).await,
            post(
                &format!("http://{nobody}/services/secretsecretsecret"),
                LONG,
            )
            .await,
            post("http://nowhere.invalid/services/secretsecretsecret", LONG).await,
            post("secretsecretsecret", LONG).await,
            post("file:///secretsecretsecret", LONG).await,
        ];
        for delivery in deliveries {
            assert!(!matches!(delivery, Delivery::Accepted { .. }));
            assert!(
                !format!("{delivery:?}").contains("secretsecret"),
                "{delivery:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_rotated_url_is_used_at_once() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
        let (file, url) = secret("");
        let sender = HttpSender::new(Vec::new(), LONG).unwrap();
        let first = sender.post(&url, None, &[], Vec::new()).await;
        assert!(matches!(first, Delivery::Retry { .. }), "{first:?}");
        std::fs::write(file.path(), server.uri()).unwrap();
        let second = sender.post(&url, None, &[], Vec::new()).await;
        assert_eq!(second, Delivery::Accepted { handle: None });
    }
}

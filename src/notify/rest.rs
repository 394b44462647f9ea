//! Requests to services that speak JSON, and what their answers mean.

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;

use crate::secret::Masker;

use super::Delivery;
use super::http::{HttpSender, retry_after, unanswered};
use super::words::{clean, cut};

/// Most of an answer that is read: a hundred issues with long descriptions fit.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// How much of a refusal is quoted.
const QUOTED: usize = 300;
/// How long a service is left alone that refuses for its rate limit and does not say for how long.
const UNTOLD_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// A request without its credentials.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Json>,
}

impl Request {
    pub(super) const fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            body: None,
        }
    }

    pub(super) const fn with(method: Method, url: Url, body: Json) -> Self {
        Self {
            method,
            url,
            body: Some(body),
        }
    }
}

/// An address below that of a server; whatever stands in a segment stays in that segment.
pub(super) fn below<'a>(server: &Url, segments: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = server.clone();
    // Refused only for URLs that have no path, which `Blueprint::server` does not let through.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// A header that carries a credential.
pub(super) fn credential(
    name: &'static str,
    before: &str,
    token: &SecretString,
) -> Result<(HeaderName, HeaderValue), Delivery> {
    let value = HeaderValue::try_from(format!("{before}{}", token.expose_secret()));
    let mut value = value.map_err(|_| Delivery::Retry {
        error: "the token holds characters that no HTTP header can carry".to_owned(),
        after: None,
    })?;
    value.set_sensitive(true);
    Ok((HeaderName::from_static(name), value))
}

/// What a service answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The body; null if it is no JSON.
    pub(super) json: Json,
    /// How long the service wants to be left alone.
    pub(super) wait: Option<SignedDuration>,
    /// The beginning of the body, without secrets, on one line.
    said: String,
}

impl Answer {
    /// The delivery that failed with this answer. What concerns the message is final; anything else
    /// may be a setting or a token that somebody is about to put right.
    pub(super) fn refusal(&self, service: &str, hint: &str) -> Delivery {
        let quote = if self.said.is_empty() {
            String::new()
        } else {
            format!(", saying: {}", self.said)
        };
        let error = format!("{service} answered {}{quote}", self.status.as_u16());
        if matches!(self.status.as_u16(), 400 | 413 | 422) {
            return Delivery::Rejected { error };
        }
        let hint = match self.status {
            _ if self.wait.is_some() => "",
            StatusCode::UNAUTHORIZED => "The token is refused: put a valid one into the secret",
            _ if self.status.is_redirection() => {
                "Redirects are not followed: configure the final address"
            }
            _ if self.status.is_client_error() => hint,
            _ => "",
        };
        let gap = if hint.is_empty() { "" } else { ". " };
        Delivery::Retry {
            error: format!("{error}{gap}{hint}"),
            after: self.wait,
        }
    }
}

impl HttpSender {
    /// Sends a request and reads the answer. Without any answer the delivery is to be tried again.
    pub(super) async fn ask(
        &self,
        request: Request,
        headers: HeaderMap,
        masker: &Masker,
    ) -> Result<Answer, Delivery> {
        let failed = |problem: String| Delivery::Retry {
            error: masker.mask(&problem),
            after: None,
        };
        let mut builder = self.request(request.method, request.url).headers(headers);
        if let Some(body) = request.body {
            builder = builder
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let sent = builder.send().await;
        let mut response = sent.map_err(|error| failed(unanswered(error)))?;
        let status = response.status();
        let wait = wait(status, response.headers(), Timestamp::now());
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failed(unanswered(error)))?
        {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(failed("the answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        // What is quoted is masked before it is cut, or half a secret could remain.
        let said = body.get(..8 * QUOTED).unwrap_or(&body);
        let said = clean(&masker.mask(&String::from_utf8_lossy(said)));
        Ok(Answer {
            status,
            json: serde_json::from_slice(&body).unwrap_or_default(),
            wait,
            said: cut(said.trim(), QUOTED),
        })
    }
}

/// How long to wait, as `Retry-After` says, or the limit's reset where the limit is used up.
fn wait(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let told = retry_after(headers.get(RETRY_AFTER), now);
    if told.is_some() || !matches!(status.as_u16(), 403 | 429) {
        return told;
    }
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let used_up = ["x-ratelimit-remaining", "ratelimit-remaining"]
        .iter()
        .any(|name| number(name) == Some(0));
    let reset = ["x-ratelimit-reset", "ratelimit-reset"]
        .iter()
        .find_map(|name| number(name))
        .and_then(|at| Timestamp::from_second(at).ok())
        .filter(|_| used_up);
    match reset {
        Some(at) => Some(at.duration_since(now).max(SignedDuration::from_secs(1))),
        None => (status == StatusCode::TOO_MANY_REQUESTS).then_some(UNTOLD_WAIT),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_says_how_long_to_wait() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let told = |status: u16, headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for &(name, value) in headers {
                map.insert(name, HeaderValue::from_static(value));
            }
            wait(StatusCode::from_u16(status).unwrap(), &map, now).map(|wait| wait.as_secs())
        };
        let reset = ("x-ratelimit-reset", "1795428300");
        assert_eq!(told(403, &[("retry-after", "7"), reset]), Some(7));
        assert_eq!(
            told(403, &[("x-ratelimit-remaining", "0"), reset]),
            Some(300)
        );
        assert_eq!(told(403, &[("x-ratelimit-remaining", "12"), reset]), None);
        assert_eq!(told(403, &[]), None);
        assert_eq!(told(429, &[]), Some(60));
        assert_eq!(
            told(
                429,
                &[("ratelimit-remaining", "0"), ("ratelimit-reset", "1")]
            ),
            Some(1)
        );
    }

    #[test]
    fn nothing_in_a_segment_leaves_it() {
        let server = Url::parse("https://git.example.com/api/").unwrap();
        let url = below(&server, ["projects", "a/b", "#x:y?z%", "issues"]);
        assert_eq!(
            url.as_str(),
            "https://git.example.com/api/projects/a%2Fb/%23x:y%3Fz%25/issues"
        );
    }
}

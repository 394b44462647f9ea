//! Tokens of an installation of a GitHub App: each lasts an hour, and the next is asked for in time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::settings::GithubApp;
use crate::domain::failure::{Failure, FailureKind};
use crate::secret::Masker;

/// A token is used until so long before its end.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// For how long a request is signed; GitHub takes ten minutes at most, by its own clock.
const SIGNED_FOR: i64 = 8 * 60;
/// How far the clocks may differ, in seconds.
const CLOCKS_DIFFER: i64 = 60;
/// How long the API may take.
const LIMIT: Duration = Duration::from_secs(20);
/// Longer answers are not read, in bytes.
const LONGEST_ANSWER: u64 = 64 << 10;
/// Longer words of the API are cut, in characters.
const LONGEST_WORDS: usize = 200;

/// The tokens of one installation. The one that is valid is kept in memory only.
#[derive(Debug)]
pub(super) struct AppTokens {
    app: GithubApp,
    kept: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    token: SecretString,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Answer {
    token: String,
    expires_at: Timestamp,
}

#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
}

impl AppTokens {
    pub(super) fn new(app: GithubApp) -> Self {
        Self {
            app,
            kept: Mutex::default(),
        }
    }

    /// A token that is valid for five minutes at least. Two that ask at once get the same.
    pub(super) fn token(
        &self,
        roots: Option<&[reqwest::Certificate]>,
    ) -> Result<SecretString, Failure> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        if let Some(known) = &*kept
            && known.expires_at.duration_since(now) > MARGIN
        {
            return Ok(known.token.clone());
        }
        let fresh = self.ask(now, roots)?;
        let token = fresh.token.clone();
        *kept = Some(fresh);
        Ok(token)
    }

    /// The token is good for nothing any more.
    pub(super) fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn ask(
        &self,
        now: Timestamp,
        roots: Option<&[reqwest::Certificate]>,
    ) -> Result<Token, Failure> {
        let signed = self.signed(now)?;
        let mut client = reqwest::blocking::Client::builder()
            .timeout(LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("mooring/", env!("CARGO_PKG_VERSION")));
        if let Some(roots) = roots {
            client = client.tls_certs_merge(roots.to_vec());
        }
        let GithubApp {
            api_url,
            installation_id,
            ..
        } = &self.app;
        let answer = client.build().and_then(|client| {
            client
                .post(format!(
                    "{api_url}/app/installations/{installation_id}/access_tokens"
                ))
                .bearer_auth(signed.expose_secret())
                .header("Accept", "application/vnd.github+json")
                .header("X-GitHub-Api-Version", "2022-11-28")
                .json(&serde_json::json!({ "permissions": { "contents": "read" } }))
                .send()
        });
        let answer = answer.map_err(|error| self.unreachable(&describe(&error)))?;
        let status = answer.status();
        let mut body = Vec::new();
        let mut limited = std::io::Read::take(answer, LONGEST_ANSWER);
        std::io::Read::read_to_end(&mut limited, &mut body)
            .map_err(|error| self.unreachable(&error.to_string()))?;
        if status.is_success() {
            let answer: Answer = serde_json::from_slice(&body)
                .map_err(|_| self.unreachable("the answer holds no token"))?;
            return Ok(Token {
                token: answer.token.into(),
                expires_at: answer.expires_at,
            });
        }
        let said: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        let said: String = said
            .message
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST_WORDS)
            .collect();
        let said = Masker::new([signed.expose_secret()]).mask(&said);
        let cause = format!("{} {said}", status.as_u16());
        Err(match status.as_u16() {
            401 => self.refused(
                &cause,
                "check app_id, that the private key is one of that app, and this machine's clock",
            ),
            404 => self.refused(
                &cause,
                "check installation_id, and that the app is still installed",
            ),
            403 | 422 => self.refused(
                &cause,
                "give the app the repository permission `Contents: read`, and have the \
                 installation accept it",
            ),
            _ => self.unreachable(&cause),
        })
    }

    /// The proof that it is the app that asks, as a JSON Web Token.
    fn signed(&self, now: Timestamp) -> Result<SecretString, Failure> {
        let unusable = |cause: &str| {
            self.refused(
                cause,
                "give the private key (RSA, PEM) as GitHub offered it for download",
            )
        };
        let pem = self.app.private_key.read();
        let pem = pem.map_err(|error| unusable(&error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes());
        let pair = match key {
            Ok(PrivateKeyDer::Pkcs1(der)) => KeyPair::from_der(der.secret_pkcs1_der()).ok(),
            Ok(PrivateKeyDer::Pkcs8(der)) => KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
            _ => None,
        };
        let pair =
            pair.ok_or_else(|| unusable("the app's private key is no RSA key in PEM form"))?;
        let now = now.as_second();
        let claims = serde_json::json!({
            "iat": now - CLOCKS_DIFFER,
            "exp": now + SIGNED_FOR,
            "iss": self.app.app_id.to_string(),
        });
        let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let header = part(br#"{"alg":"RS256","typ":"JWT"}"#);
        let text = format!("{header}.{}", part(claims.to_string().as_bytes()));
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        )
        .map_err(|_| unusable("the app's private key cannot sign"))?;
        Ok(format!("{text}.{}", part(&signature)).into())
    }

    fn refused(&self, cause: &str, hint: &str) -> Failure {
        self.failed(FailureKind::RepositoryRefused, cause, hint)
    }

    fn unreachable(&self, cause: &str) -> Failure {
        self.failed(
            FailureKind::RepositoryUnreachable,
            cause,
            "check api_url, name resolution, firewall and HTTPS_PROXY from this machine; it is \
             tried again on schedule",
        )
    }

    fn failed(&self, kind: FailureKind, cause: &str, hint: &str) -> Failure {
        let app = self.app.app_id;
        let message = format!(
            "no token for the GitHub App {app} from {}: {cause}",
            self.app.api_url
        );
        Failure::new(kind, message, hint)
    }
}

fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    crate::secret::without_url_credentials(&Masker::default().mask(&text))
}

//! Signatures of Standard Webhooks (<https://www.standardwebhooks.com>): a receiver that knows the
//! secret can tell that an event comes from Mooring, and when it was sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// A shorter key can be guessed.
const SHORTEST_KEY: usize = 16;

/// A secret that cannot sign.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SecretError {
    /// It has another form.
    #[error(
        "the secret that signs webhooks is not `whsec_` with base64 behind it: make one with \
         `echo whsec_$(openssl rand -base64 32)`"
    )]
    Form,
    /// It is too short.
    #[error(
        "the secret that signs webhooks holds fewer than {SHORTEST_KEY} bytes: make one with \
         `echo whsec_$(openssl rand -base64 32)`"
    )]
    Short,
}

/// One signature for each secret, separated by blanks. While a secret is replaced there are two, and
/// a receiver takes whichever it knows.
pub(super) fn sign(
    secrets: &SecretString,
    id: &str,
    seconds: i64,
    body: &[u8],
) -> Result<String, SecretError> {
    let lines = secrets.expose_secret().lines().map(str::trim);
    let signatures = lines
        .filter(|line| !line.is_empty())
        .map(|secret| one(secret, id, seconds, body))
        .collect::<Result<Vec<_>, _>>()?;
    if signatures.is_empty() {
        return Err(SecretError::Form);
    }
    Ok(signatures.join(" "))
}

fn one(secret: &str, id: &str, seconds: i64, body: &[u8]) -> Result<String, SecretError> {
    let encoded = secret.strip_prefix(PREFIX).ok_or(SecretError::Form)?;
    let key = STANDARD.decode(encoded).map_err(|_| SecretError::Form)?;
    if key.len() < SHORTEST_KEY {
        return Err(SecretError::Short);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| SecretError::Form)?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    Ok(format!(
        "v1,{}",
        STANDARD.encode(mac.finalize().into_bytes())
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn signed(secret: &str) -> Result<String, SecretError> {
        let body = br#"{"test": 2432232314}"#;
        let secret = SecretString::from(secret);
        sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    }

    /// The vector of the reference libraries:
    /// <https://github.com/standard-webhooks/standard-webhooks>.
    #[test]
    fn the_published_vector() {
        assert_eq!(
            signed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_that_cannot_sign_says_how_one_is_made() {
        assert_eq!(signed("hunter2"), Err(SecretError::Form));
        assert_eq!(signed("whsec_not base64"), Err(SecretError::Form));
        assert_eq!(signed("whsec_c2hvcnQ="), Err(SecretError::Short));
        let error = SecretError::Form.to_string();
        assert!(error.contains("openssl rand"), "{error}");
    }
}

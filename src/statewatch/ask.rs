//! As whom a glance asks.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use crate::secret::Masker;

use super::Unwatched;
use super::place::Lookup;
use super::profile::{self, Profile};

/// As whom S3 is asked.
#[derive(Debug, Clone)]
pub(super) enum Asker {
    /// Whoever has these keys.
    Keys(Keys),
    /// Whoever may take this role with the token in a file.
    WebIdentity {
        role: String,
        token_file: PathBuf,
        session: String,
    },
    /// A profile of files.
    Profile(Profile),
    /// The machine that this runs on.
    Machine,
}

/// Keys as they are written somewhere.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: SecretString,
    pub(super) token: Option<SecretString>,
}

/// What a role is called in logs of AWS, if nothing else is said.
const SESSION: &str = "mooring-state-watch";

impl Asker {
    /// The one that Terraform would ask as: keys of the backend, a profile of the backend, keys of the
    /// environment, a web identity, a profile of the environment, the machine.
    pub(super) fn read(settings: &Lookup<'_>, env: &Lookup<'_>) -> Result<Self, Unwatched> {
        if let Some(keys) = keys(settings, ["access_key", "secret_key", "token"])? {
            return Ok(Self::Keys(keys));
        }
        if settings("profile").is_none() {
            let names = [
                "AWS_ACCESS_KEY_ID",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_SESSION_TOKEN",
            ];
            if let Some(keys) = keys(env, names)? {
                return Ok(Self::Keys(keys));
            }
            if let Some(token_file) = env("AWS_WEB_IDENTITY_TOKEN_FILE") {
                let role = env("AWS_ROLE_ARN").ok_or_else(|| {
                    Unwatched::because("AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN")
                })?;
                its_own_sts(settings, env)?;
                return Ok(Self::WebIdentity {
                    role,
                    token_file: token_file.into(),
                    session: env("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| SESSION.to_owned()),
                });
            }
        }
        if let Some(profile) = profile::read(settings, env)? {
            its_own_sts(settings, env)?;
            return Ok(Self::Profile(profile));
        }
        for name in [
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        ] {
            if env(name).is_some() {
                let why = format!("{name} says where its credentials come from");
                return Err(Unwatched::because(why));
            }
        }
        let is_true = |value: Option<String>| value.is_some_and(|v| v.eq_ignore_ascii_case("true"));
        if is_true(settings("skip_metadata_api_check")) || is_true(env("AWS_EC2_METADATA_DISABLED"))
        {
            let why = "there are no credentials in its backend's settings or environment";
            return Err(Unwatched::because(why));
        }
        Ok(Self::Machine)
    }

    /// Cuts the secrets among it out of text.
    pub(super) fn masker(&self) -> Masker {
        match self {
            Self::Keys(keys) => {
                let secrets = std::iter::once(&keys.secret).chain(&keys.token);
                Masker::new(secrets.map(ExposeSecret::expose_secret))
            }
            Self::WebIdentity { .. } | Self::Profile(_) | Self::Machine => Masker::default(),
        }
    }
}

/// The SDK takes the address of STS from the environment of this process, which is not the stack's:
/// where one is set anywhere, a token could go to somebody else's.
fn its_own_sts(settings: &Lookup<'_>, env: &Lookup<'_>) -> Result<(), Unwatched> {
    let in_process = |name: &str| std::env::var_os(name).is_some();
    let named = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"];
    let mut named = named
        .into_iter()
        .filter(|name| env(name).is_some() || in_process(name));
    let other = settings("sts_endpoint").map(|_| "sts_endpoint");
    match named.next().or(other) {
        Some(name) => Err(Unwatched::because(format!(
            "{name} says who exchanges its credentials"
        ))),
        None => Ok(()),
    }
}

fn keys(lookup: &Lookup<'_>, [id, secret, token]: [&str; 3]) -> Result<Option<Keys>, Unwatched> {
    match (lookup(id), lookup(secret)) {
        (Some(id), Some(secret)) => Ok(Some(Keys {
            id,
            secret: SecretString::from(secret),
            token: lookup(token).map(SecretString::from),
        })),
        (None, None) => Ok(None),
        _ => {
            let why = format!("only one of {id} and {secret} is set");
            Err(Unwatched::because(why))
        }
    }
}

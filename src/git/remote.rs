//! A remote repository: where it is and how to get in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::bstr::ByteSlice;
use secrecy::SecretString;

use super::github::AppTokens;
use super::settings::{Access, SshAddress, SshKey};
use crate::domain::failure::{Failure, FailureKind};
use crate::secret::SecretSource;

/// What the configuration says of it.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) url: String,
    pub(super) way: Way,
    ca_file: Option<PathBuf>,
}

/// How it is reached.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// Over https.
    Https(Credentials),
    /// Over ssh.
    Ssh { address: SshAddress, key: SshKey },
}

/// What is shown to a server that asks.
#[derive(Debug, Clone)]
pub(super) enum Credentials {
    Nothing,
    Token {
        username: String,
        token: SecretSource,
    },
    App(Arc<AppTokens>),
}

/// User name and password of one fetch.
pub(super) struct Login {
    pub(super) username: String,
    pub(super) token: SecretString,
}

/// GitHub takes the tokens of installations with this name.
const APP_USER: &str = "x-access-token";

impl Remote {
    /// Only http, https and ssh, and no credentials in the URL, which would end up in messages.
    pub(super) fn new(url: &str, access: &Access, ca_file: Option<&Path>) -> Result<Self, Failure> {
        let problem = |message: &str, hint: &str| {
            Failure::new(FailureKind::InvalidConfiguration, message, hint)
        };
        let way = match access {
            Access::Ssh(key) => {
                let address = SshAddress::parse(url).ok_or_else(|| {
                    problem(
                        "the address of the source cannot be read",
                        "write it like ssh://git@git.example.com/team/repo.git",
                    )
                })?;
                Way::Ssh {
                    address,
                    key: key.clone(),
                }
            }
            Access::Public => Way::Https(Credentials::Nothing),
            Access::Token { username, token } => Way::Https(Credentials::Token {
                username: username.clone(),
                token: token.clone(),
            }),
            Access::GithubApp(app) => {
                Way::Https(Credentials::App(Arc::new(AppTokens::new(app.clone()))))
            }
        };
        Self::with(url, way, ca_file)
    }

    /// As [`Self::new`], once it is known how it is reached.
    pub(super) fn with(url: &str, way: Way, ca_file: Option<&Path>) -> Result<Self, Failure> {
        let problem = |message: &str, hint: &str| {
            Failure::new(FailureKind::InvalidConfiguration, message, hint)
        };
        let remote = Self {
            url: url.to_owned(),
            way,
            ca_file: ca_file.map(Path::to_owned),
        };
        if let Way::Https(_) = remote.way {
            let parsed = gix::url::parse(url.as_bytes().as_bstr()).map_err(|_| {
                problem(
                    "the URL of the source cannot be read",
                    "write it like https://git.example.com/team/repo.git",
                )
            })?;
            if parsed.user().is_some() || parsed.password().is_some() {
                return Err(problem(
                    "the URL of the source holds credentials",
                    "take them out of the URL; use username and token_file or token_env",
                ));
            }
            if !matches!(
                parsed.scheme,
                gix::url::Scheme::Https | gix::url::Scheme::Http
            ) {
                return Err(problem(
                    "the URL of the source is not an https URL",
                    "use the repository's https URL, or path for a directory on this machine",
                ));
            }
        }
        Ok(remote)
    }

    /// The token as it is now.
    pub(super) fn login(
        &self,
        roots: Option<&[reqwest::Certificate]>,
    ) -> Result<Option<Login>, Failure> {
        match &self.way {
            Way::Https(Credentials::Nothing) | Way::Ssh { .. } => Ok(None),
            Way::Https(Credentials::Token { username, token }) => {
                let token = token.read().map_err(|error| {
                    Failure::new(
                        FailureKind::RepositoryRefused,
                        format!("cannot fetch {}: {error}", self.url),
                        "make the token readable for Mooring",
                    )
                })?;
                Ok(Some(Login {
                    username: username.clone(),
                    token,
                }))
            }
            Way::Https(Credentials::App(tokens)) => Ok(Some(Login {
                username: APP_USER.to_owned(),
                token: tokens.token(roots)?,
            })),
        }
    }

    /// The server did not take it: the next time a new one is asked for.
    pub(super) fn forget_login(&self) {
        if let Way::Https(Credentials::App(tokens)) = &self.way {
            tokens.forget();
        }
    }

    /// The certificates of the CA file as it is now.
    pub(super) fn roots(&self) -> Result<Option<Vec<reqwest::Certificate>>, Failure> {
        self.ca_file.as_deref().map(read_roots).transpose()
    }
}

fn read_roots(path: &Path) -> Result<Vec<reqwest::Certificate>, Failure> {
    let problem = |cause: String| {
        Failure::new(
            FailureKind::InvalidConfiguration,
            format!("cannot use the CA file {}: {cause}", path.display()),
            "give a readable file with one or more certificates in PEM form",
        )
    };
    let pem = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
    let roots =
        reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| problem(error.to_string()))?;
    if roots.is_empty() {
        return Err(problem("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_without_credentials_are_taken() {
        let key = SshKey {
            key_file: "/run/key".into(),
            known_hosts_file: "/run/known".into(),
        };
        let ssh = Access::Ssh(key);
        let good = [
            ("https://git.example/x.git", &Access::Public),
            ("ssh://git@git.example/x.git", &ssh),
            ("git@git.example:x.git", &ssh),
        ];
        for (url, access) in good {
            assert!(Remote::new(url, access, None).is_ok(), "{url}");
        }
        for (url, access) in [
            (
                "https://user:hunter2hunter2@git.example/x.git",
                &Access::Public,
            ),
            ("https://user@git.example/x.git", &Access::Public),
            ("ssh://git@git.example/x.git", &Access::Public),
            ("ssh://git:hunter2hunter2@git.example/x.git", &ssh),
            ("https://git.example/x.git", &ssh),
            ("git@git.example:x.git", &Access::Public),
            ("file:///x", &Access::Public),
            ("ext::sh -c true", &Access::Public),
            ("", &Access::Public),
        ] {
            let refused = Remote::new(url, access, None).err();
            assert!(
                refused.is_some_and(|failure| {
                    failure.kind == FailureKind::InvalidConfiguration
                        && !failure.message.contains("hunter2")
                }),
                "{url}"
            );
        }
    }
}

//! A remote repository: where it is and how to get in.

use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;
use secrecy::SecretString;

use crate::domain::failure::{Failure, FailureKind};
use crate::secret::SecretSource;

/// What the configuration says of it.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) url: String,
    pub(super) username: String,
    pub(super) token: Option<SecretSource>,
    pub(super) ca_file: Option<PathBuf>,
}

impl Remote {
    /// Only http and https, and no credentials in the URL, which would end up in messages.
    pub(super) fn validate(&self) -> Result<(), Failure> {
        let problem = |message: &str, hint: &str| {
            Err(Failure::new(
                FailureKind::InvalidConfiguration,
                message,
                hint,
            ))
        };
        let Ok(url) = gix::url::parse(self.url.as_bytes().as_bstr()) else {
            return problem(
                "the URL of the source cannot be read",
                "write it like https://git.example.com/team/repo.git",
            );
        };
        if url.user().is_some() || url.password().is_some() {
            return problem(
                "the URL of the source holds credentials",
                "take them out of the URL; use username and token_file or token_env",
            );
        }
        if !matches!(url.scheme, gix::url::Scheme::Https | gix::url::Scheme::Http) {
            return problem(
                "the URL of the source is not an https URL",
                "use the repository's https URL, or path for a directory on this machine",
            );
        }
        Ok(())
    }

    /// The token as it is now.
    pub(super) fn token(&self) -> Result<Option<SecretString>, Failure> {
        self.token
            .as_ref()
            .map(SecretSource::read)
            .transpose()
            .map_err(|error| {
                Failure::new(
                    FailureKind::RepositoryRefused,
                    format!("cannot fetch {}: {error}", self.url),
                    "make the token readable for Mooring",
                )
            })
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

    fn remote(url: &str) -> Remote {
        Remote {
            url: url.to_owned(),
            username: "mooring".to_owned(),
            token: None,
            ca_file: None,
        }
    }

    #[test]
    fn only_http_urls_without_credentials_are_taken() {
        assert!(remote("https://git.example/x.git").validate().is_ok());
        for url in [
            "https://user:hunter2hunter2@git.example/x.git",
            "https://user@git.example/x.git",
            "ssh://git@git.example/x.git",
            "git@git.example:x.git",
            "file:///x",
            "ext::sh -c true",
            "",
        ] {
            let refused = remote(url).validate().err();
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

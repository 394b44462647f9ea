//! Where a secret comes from. Secrets are never written in the configuration: a file or an
//! environment variable holds them, and a file is read again at each use, so that a rotated
//! secret is picked up without a restart.

use std::path::PathBuf;

use secrecy::SecretString;

/// A place that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file whose content, less a final line break, is the secret.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// A secret that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret file {path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The variable is not set or not text.
    #[error("the environment variable {name} is not set")]
    Env {
        /// Its name.
        name: String,
    },
    /// There is nothing in it.
    #[error("the secret in {place} is empty")]
    Empty {
        /// The file or variable.
        place: String,
    },
}

impl SecretSource {
    /// Reads the secret as it is now.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        let (text, place) = match self {
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|cause| SecretError::File {
                    path: path.clone(),
                    cause,
                })?;
                (text, path.display().to_string())
            }
            Self::Env(name) => {
                let text =
                    std::env::var(name).map_err(|_| SecretError::Env { name: name.clone() })?;
                (text, name.clone())
            }
        };
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(SecretError::Empty { place });
        }
        Ok(SecretString::from(secret))
    }
}

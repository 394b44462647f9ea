//! Where a secret comes from. Secrets are never written in the configuration: a file or an
//! environment variable holds them, and a file is read again at each use, so that a rotated
//! secret is picked up without a restart.

mod encoded;
mod known;
mod looks_secret;

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use known::Known;

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

/// Shorter secrets are not searched for inside other text: they would hide innocent words.
pub const SHORTEST_MASKED: usize = 8;

/// What stands where a secret stood.
const MASK: &str = "(sensitive)";

/// Cuts secrets out of text that people or logs will see: known ones wherever and however they stand
/// in it (as they are, escaped in JSON or a URL, in base64), and what looks like a credential.
#[derive(Clone, Default)]
pub struct Masker(Option<Arc<Known>>);

impl Masker {
    /// A masker for these secrets; those of fewer than eight characters are left out. A secret with
    /// several lines is masked line by line as well, because tools indent what they quote.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let known = Known::new(secrets);
        Self((!known.is_empty()).then(|| Arc::new(known)))
    }

    /// The text with every secret replaced by `(sensitive)`; `None` if there was none in it.
    pub fn redact(&self, text: &str) -> Option<String> {
        let masked = self.0.as_ref().and_then(|known| known.redact(text));
        match looks_secret::redact(masked.as_deref().unwrap_or(text)) {
            Some(masked) => Some(masked),
            None => masked,
        }
    }

    /// Whether a known secret occurs in the text.
    pub fn knows_any_of(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|known| known.occurs_in(text))
    }

    /// The text, masked where needed.
    pub fn mask(&self, text: &str) -> String {
        self.redact(text).unwrap_or_else(|| text.to_owned())
    }
}

/// The text with what may be a credential cut out of every URL: user information and query. A URL
/// ends at white space, `<`, `>` or an unescaped quote; everything up to its last `@` counts as user
/// information, since passwords are not always escaped.
pub fn without_url_credentials(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after
            .char_indices()
            .find(|&(at, c)| {
                c.is_whitespace()
                    || matches!(c, '<' | '>' | '`')
                    || (matches!(c, '"' | '\'') && !after.get(..at).unwrap_or("").ends_with('\\'))
            })
            .map_or(after.len(), |(at, _)| at);
        let (mut url, next) = after.split_at(end);
        shown.push_str(before);
        shown.push_str("://");
        if let Some((_, place)) = url.rsplit_once('@') {
            shown.push_str("(sensitive)@");
            url = place;
        }
        match url.split_once('?') {
            Some((place, query)) if !query.is_empty() => {
                shown.push_str(place);
                shown.push_str("?(sensitive)");
            }
            _ => shown.push_str(url),
        }
        rest = next;
    }
    shown.push_str(rest);
    shown
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masker(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut_out_wherever_they_stand() {
        let masker = Masker::new([
            "hunter2hunter2",
            "short",
            "line one of key\nline two of key",
        ]);
        assert_eq!(
            masker.mask("a hunter2hunter2 b short c\n  line two of key!"),
            "a (sensitive) b short c\n  (sensitive)!"
        );
        assert_eq!(masker.redact("nothing here"), None);
    }

    #[test]
    fn credentials_are_cut_out_of_urls_and_the_rest_stays() {
        for (text, shown) in [
            (
                "from \"git::https://oauth2:glpat-0123@git.example.com/a/b.git?ref=v1\": no",
                "from \"git::https://(sensitive)@git.example.com/a/b.git?(sensitive)\": no",
            ),
            (
                "Get \"http://127.0.0.1:9/state?token=abc\": refused, see https://example.com/#x",
                "Get \"http://127.0.0.1:9/state?(sensitive)\": refused, see https://example.com/#x",
            ),
            (
                r#"parse "https://u:p@s/s\"w@example.com/": bad"#,
                r#"parse "https://(sensitive)@example.com/": bad"#,
            ),
            (
                "s3::https://h/a?k=\u{e9}b https://tok@h",
                "s3::https://h/a?(sensitive) https://(sensitive)@h",
            ),
            ("is it https://h? a@b ://", "is it https://h? a@b ://"),
        ] {
            assert_eq!(without_url_credentials(text), shown);
        }
    }
}

//! Where a secret comes from. Secrets are never written in the configuration: a file or an
//! environment variable holds them, and a file is read again at each use, so that a rotated
//! secret is picked up without a restart.

mod decoded;
mod encoded;
mod known;
mod looks_secret;

use std::ops::Range;
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

/// A secret may stand in this many encodings at once: base64 of JSON in JSON of base64.
const DEEPEST_ENCODED: usize = 4;

/// Cuts secrets out of text that people or logs will see: known ones and what looks like a credential,
/// wherever they stand in it, as they are or in any usual encoding.
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
        let sought = |text: &str| {
            let mut places = self.known_places(text);
            places.extend(looks_secret::places(text));
            places
        };
        cut(text, places(text, 0, &sought))
    }

    /// Whether a known secret occurs in the text.
    pub fn knows_any_of(&self, text: &str) -> bool {
        self.0.is_some() && !places(text, 0, &|text| self.known_places(text)).is_empty()
    }

    /// Whether what has this name is a credential, though nothing else tells that it is.
    pub fn is_named(name: &str, value: &str) -> bool {
        looks_secret::is_named(name, value)
    }

    fn known_places(&self, text: &str) -> Vec<Range<usize>> {
        self.0
            .as_ref()
            .map_or_else(Vec::new, |known| known.places(text))
    }

    /// The text, masked where needed.
    pub fn mask(&self, text: &str) -> String {
        self.redact(text).unwrap_or_else(|| text.to_owned())
    }
}

/// Where something stands in a text and in all that is encoded in it.
fn places(
    text: &str,
    depth: usize,
    sought: &impl Fn(&str) -> Vec<Range<usize>>,
) -> Vec<Range<usize>> {
    let mut found = sought(text);
    if depth < DEEPEST_ENCODED {
        for view in decoded::views(text) {
            let inside = places(&view.text, depth + 1, sought);
            found.extend(inside.iter().map(|part| view.place(part)));
        }
    }
    found
}

/// The text without these places, of which some may overlap; `None` if there are none.
fn cut(text: &str, mut places: Vec<Range<usize>>) -> Option<String> {
    places.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
    let mut shown = String::with_capacity(text.len());
    let mut end = 0;
    for place in &places {
        if place.start >= end {
            shown.push_str(text.get(end..place.start).unwrap_or_default());
            shown.push_str(MASK);
        }
        end = end.max(place.end);
    }
    shown.push_str(text.get(end..).unwrap_or_default());
    (!places.is_empty()).then_some(shown)
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
    fn secrets_are_cut_out_of_whatever_they_are_encoded_in() {
        let masker = Masker::new(["p<a\"s>s/\u{e9}&1"]);
        for text in [
            r#"{"a":"{\"b\":\"p\u003ca\\\"s>s/é\u00261\"}"}"#,
            "https://h/?q=p%3ca%22s%3es%2f%c3%a9%261",
            "https://h/?q=p%253Ca%2522s%253Es%252F%25C3%25A9%25261",
            "<x>p&lt;a&#34;s&gt;s/é&amp;1</x>",
            // In base64 of JSON, twice in base64, wrapped, in hexadecimal.
            "eyJrIjoicDxhXCJzPnMvw6kmMSJ9",
            "Y0R4aEluTStjeS9EcVNZeA==",
            "eHh4eHhwPGEi\ncz5zL8OpJjF5\neXl5eXl5eXk=",
            "703c6122733e732fc3a92631",
        ] {
            assert!(masker.knows_any_of(text), "{text}");
            let masked = masker.mask(text);
            assert!(
                masked.contains(MASK) && masked.len() < text.len(),
                "{masked}"
            );
        }
    }

    #[test]
    fn what_looks_like_a_credential_is_cut_out_of_whatever_it_is_encoded_in() {
        let masker = Masker::default();
        for (text, shown) in [
            (
                r#"{"x":"{\"DB_PASSWORD\":\"hunter\"}"}"#,
                r#"{"x":"{\"DB_PASSWORD\":\"(sensitive)\"}"}"#,
            ),
            (
                "x LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUUK y",
                "x (sensitive) y",
            ),
            (
                "postgres%3A%2F%2Fapp%3As3cret%40db%2Fx",
                "postgres%3A%2F%2Fapp%3A(sensitive)%40db%2Fx",
            ),
        ] {
            assert_eq!(masker.mask(text), shown);
        }
        // A certificate, a public key.
        for text in [
            "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUUK",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8cWqZ0Zm9vYmFyYmF6cXV4 me",
        ] {
            assert_eq!(masker.redact(text), None);
        }
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

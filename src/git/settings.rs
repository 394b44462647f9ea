//! Validated settings of a repository.

use std::path::{Path, PathBuf};

use crate::secret::SecretSource;

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceLocation {
    /// A repository on a server.
    Remote {
        /// Its https URL, without credentials, or its ssh address as [`SshAddress`] reads it.
        url: String,
        /// How to get in.
        access: Access,
    },
    /// A repository on this machine.
    Local(PathBuf),
}

impl SourceLocation {
    /// The name of the server, in lower case; none on this machine.
    pub fn host(&self) -> Option<String> {
        let Self::Remote { url, .. } = self else {
            return None;
        };
        let host = match SshAddress::parse(url) {
            Some(address) => address.host,
            None => reqwest::Url::parse(url).ok()?.host_str()?.to_owned(),
        };
        Some(host.to_ascii_lowercase())
    }
}

/// How to get into a repository on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everybody may read it.
    Public,
    /// With a user name and a token, over https.
    Token {
        /// The user name.
        username: String,
        /// Holds the token.
        token: SecretSource,
    },
    /// As an installation of a GitHub App, over https.
    GithubApp(GithubApp),
    /// With a key, over ssh.
    Ssh(SshKey),
}

/// An installation of a GitHub App, whose tokens last an hour and are renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubApp {
    /// The id of the app.
    pub app_id: u64,
    /// The id of its installation in the organisation.
    pub installation_id: u64,
    /// Holds the app's private key (RSA, PEM).
    pub private_key: SecretSource,
    /// The root of the API, without `/` at its end.
    pub api_url: String,
}

/// A key for ssh, and the servers it may be shown to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshKey {
    /// File with the private key, without passphrase.
    pub key_file: PathBuf,
    /// File with the host keys that are trusted, as OpenSSH writes it.
    pub known_hosts_file: PathBuf,
}

/// A repository that is reached over ssh. Nothing in it can be taken for an option or for anything
/// else than a name by `ssh` or by a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAddress {
    /// The user; `git` if the address names none.
    pub user: String,
    /// Name or address of the server.
    pub host: String,
    /// The port, unless it is 22.
    pub port: Option<u16>,
    /// The repository there: absolute, below a home (`~…`), or relative to the user's home.
    pub path: String,
}

const SSH: &str = "ssh://";
/// Who is asked for where no user is named.
const DEFAULT_USER: &str = "git";

impl SshAddress {
    /// Reads `ssh://[user@]host[:port]/path` and `[user@]host:path`; none if it is neither, holds a
    /// password, or has signs in it that no repository needs.
    pub fn parse(text: &str) -> Option<Self> {
        let (authority, path) = match text.strip_prefix(SSH) {
            Some(rest) => rest.split_at_checked(rest.find('/')?)?,
            None if text.contains("://") => return None,
            None => text.split_once(':')?,
        };
        let (user, place) = authority
            .split_once('@')
            .unwrap_or((DEFAULT_USER, authority));
        let (host, port) = match text.starts_with(SSH) {
            true => with_port(place)?,
            false => (place, None),
        };
        // `~` stands for a home only at the beginning.
        let path = match path.strip_prefix('/') {
            Some(home) if text.starts_with(SSH) && home.starts_with('~') => home,
            _ => path,
        };
        let good = is_name(user) && is_host(host) && is_path(path);
        good.then(|| Self {
            user: user.to_owned(),
            host: host.to_owned(),
            port: port.filter(|port| *port != 22),
            path: path.to_owned(),
        })
    }

    /// Whether a text is meant as an address of this kind, well written or not.
    pub fn is_meant(text: &str) -> bool {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match scheme {
            Some(scheme) => scheme.contains("ssh"),
            None => text
                .split_once(':')
                .is_some_and(|(place, _)| place.contains('@') && !place.contains('/')),
        }
    }
}

fn with_port(place: &str) -> Option<(&str, Option<u16>)> {
    match place.rsplit_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok().filter(|port| *port != 0)?))),
        None => Some((place, None)),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

fn is_host(text: &str) -> bool {
    is_name(text) && !text.contains("..")
}

fn is_path(text: &str) -> bool {
    !text.trim_matches('/').is_empty()
        && !text.starts_with('-')
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "/._-~+@=,:".contains(c))
}

/// A path as it can stand in an option of `ssh`, which gives a meaning of its own to some signs.
pub fn ssh_option(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let bad = |c: char| c.is_control() || matches!(c, '"' | '\\' | '$' | '%' | '~');
    (path.is_absolute() && !text.contains(bad)).then(|| format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(String, String, Option<u16>, String)> {
        let address = SshAddress::parse(text)?;
        Some((address.user, address.host, address.port, address.path))
    }

    #[test]
    fn both_forms_of_an_address_are_read() {
        for (text, user, host, port, path) in [
            (
                "ssh://git@git.example.com/acme/infra.git",
                "git",
                "git.example.com",
                None,
                "/acme/infra.git",
            ),
            (
                "ssh://me@10.0.0.1:2222/~me/x",
                "me",
                "10.0.0.1",
                Some(2222),
                "~me/x",
            ),
            ("ssh://host:22/x", "git", "host", None, "/x"),
            (
                "git@github.com:acme/infra.git",
                "git",
                "github.com",
                None,
                "acme/infra.git",
            ),
            ("host:/srv/x", "git", "host", None, "/srv/x"),
        ] {
            let expected = (user.to_owned(), host.to_owned(), port, path.to_owned());
            assert_eq!(parts(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_could_be_an_option_or_a_command_is_no_address() {
        for text in [
            "ssh://-oProxyCommand=touch/x",
            "ssh://git@-oProxyCommand=x/x",
            "ssh://-l@host/x",
            "-oProxyCommand=x:y",
            "git@host:-x",
            "git@host:a b",
            "git@ho st:a",
            "git@host:a'b",
            "git@host:a;b",
            "git@host:$(x)",
            "git@host:`x`",
            "git@host:a\nb",
            "git@host:!x",
            "ssh://git:secret@host/x",
            "ssh://git@host:0/x",
            "ssh://git@host:x/x",
            "ssh://git@host",
            "ssh://git@host/",
            "ssh://a@b@host/x",
            "git@host:",
            "https://host/x",
            "",
        ] {
            assert_eq!(parts(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_path_that_ssh_would_read_otherwise_is_refused() {
        let quoted = ssh_option(Path::new("/run/se crets/key"));
        assert_eq!(quoted.as_deref(), Some("\"/run/se crets/key\""));
        for path in ["key", "/a\"b", "/a%h", "/${HOME}/x", "/a\\b", "/a\nb"] {
            assert_eq!(ssh_option(Path::new(path)), None, "{path}");
        }
    }
}

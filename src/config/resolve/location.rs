//! Where a source is and how to get in.

use std::path::PathBuf;

use super::super::at::At;
use super::super::written::{GithubApp, Source};
use super::Checks;
use crate::git::settings::{self, Access, SourceLocation, SshAddress, SshKey};

const DEFAULT_USERNAME: &str = "git";
const GITHUB_API: &str = "https://api.github.com";

impl Checks<'_> {
    pub(super) fn location(&mut self, written: &Source) -> Option<SourceLocation> {
        match (&written.url, &written.path) {
            (Some(url), None) => {
                let access = match SshAddress::is_meant(url) {
                    true => self.over_ssh(written, url).map(Access::Ssh),
                    false => self.over_https(written, url),
                };
                let url = url.to_string();
                access.map(|access| SourceLocation::Remote { url, access })
            }
            (None, Some(path)) => {
                let token = self.secret(written.token_file.as_ref(), written.token_env.as_ref());
                let app = written.github_app.is_some();
                if token.is_some() || app || written.username.is_some() || has_key(written) {
                    self.problem(
                        path,
                        "a repository on this machine needs no credentials",
                        "take `username`, `token_file`, `token_env`, `github_app`, `ssh_key_file` and \
                         `known_hosts_file` away",
                    );
                }
                self.path(Some(path)).map(SourceLocation::Local)
            }
            (Some(_), Some(path)) => {
                self.problem(
                    path,
                    "this source has both a `url` and a `path`",
                    "keep one of the two",
                );
                None
            }
            (None, None) => {
                self.problem(
                    &written.name,
                    "this source is nowhere",
                    "add `url: https://…`, or `path: …` for a repository on this machine",
                );
                None
            }
        }
    }

    fn over_https(&mut self, written: &Source, url: &At<String>) -> Option<Access> {
        self.repository_url(url);
        if has_key(written) {
            self.problem(
                url,
                "this source has a key for ssh but no address for it",
                "write the URL like `ssh://git@git.example.com/acme/infra.git`, or take the key away",
            );
        }
        let token = self.secret(written.token_file.as_ref(), written.token_env.as_ref());
        if let Some(app) = &written.github_app {
            if token.is_some() || written.username.is_some() {
                self.problem(
                    url,
                    "this source has both a token and a `github_app`",
                    "keep one of the two",
                );
            }
            return self.github_app(app).map(Access::GithubApp);
        }
        let Some(token) = token else {
            if let Some(username) = &written.username {
                self.problem(
                    username,
                    "this user name has no token",
                    "name the file that holds it with `token_file`",
                );
            }
            return Some(Access::Public);
        };
        let username = written.username.as_ref();
        Some(Access::Token {
            username: username.map_or_else(|| DEFAULT_USERNAME.to_owned(), |name| self.text(name)),
            token,
        })
    }

    fn github_app(&mut self, written: &GithubApp) -> Option<settings::GithubApp> {
        let api_url = written.api_url.as_ref();
        if let Some(url) = api_url
            && !reqwest::Url::parse(url).is_ok_and(|url| {
                url.scheme() == "https" && url.username().is_empty() && url.query().is_none()
            })
        {
            self.problem(
                url,
                "this is no https URL of an API",
                "write it in full, for example `https://github.example.com/api/v3`",
            );
        }
        let file = written.private_key_file.as_ref();
        let Some(private_key) = self.secret(file, written.private_key_env.as_ref()) else {
            self.problem(
                &written.app_id,
                "this app has no private key",
                "name the file that holds it with `private_key_file`",
            );
            return None;
        };
        Some(settings::GithubApp {
            app_id: *written.app_id,
            installation_id: *written.installation_id,
            private_key,
            api_url: api_url
                .map_or(GITHUB_API, |url| url.trim_end_matches('/'))
                .to_owned(),
        })
    }

    fn over_ssh(&mut self, written: &Source, url: &At<String>) -> Option<SshKey> {
        if SshAddress::parse(url).is_none() {
            self.problem(
                url,
                "this is no address of a repository behind ssh",
                "write it like `ssh://git@git.example.com/acme/infra.git` or \
                 `git@git.example.com:acme/infra.git`, without a password and without signs that mean \
                 something to a shell",
            );
        }
        let token = self.secret(written.token_file.as_ref(), written.token_env.as_ref());
        if token.is_some() || written.github_app.is_some() || written.username.is_some() {
            self.problem(
                url,
                "ssh takes a key, no token and no app",
                "take `username`, `token_file`, `token_env` and `github_app` away; the user stands in \
                 the URL",
            );
        }
        let (Some(key), Some(hosts)) = (&written.ssh_key_file, &written.known_hosts_file) else {
            self.problem(
                url,
                "a source behind ssh needs a key, and host keys to trust",
                "name their files with `ssh_key_file` (a deploy key without passphrase) and \
                 `known_hosts_file` (`ssh-keyscan HOST` prints them; compare the fingerprints)",
            );
            return None;
        };
        Some(SshKey {
            key_file: self.ssh_path(key)?,
            known_hosts_file: self.ssh_path(hosts)?,
        })
    }

    fn ssh_path(&mut self, written: &At<PathBuf>) -> Option<PathBuf> {
        let path = self.path(Some(written))?;
        if settings::ssh_option(&path).is_none() {
            self.problem(
                written,
                "ssh cannot be given this path",
                "use one without quotes, `\\`, `$`, `%` and `~`",
            );
        }
        Some(path)
    }

    fn repository_url(&mut self, written: &At<String>) {
        let parsed = reqwest::Url::parse(written).ok();
        let scheme = parsed.as_ref().map_or("", reqwest::Url::scheme);
        let (cause, remedy) = match (scheme, parsed.as_ref()) {
            ("http", _) => (
                "over http anybody on the way could change what Mooring applies",
                "use the repository's https URL; name a private certificate authority with the \
                 top-level key `ca_file`",
            ),
            ("file", _) => (
                "a repository on this machine has no URL here",
                "give its directory with `path: …` instead",
            ),
            ("https", Some(url)) if !url.username().is_empty() || url.password().is_some() => (
                "credentials stand in this URL",
                "take them out, put the token in a file and name that with `token_file`",
            ),
            ("https", Some(url)) if url.query().is_some() || url.fragment().is_some() => (
                "a repository's URL has no `?` and no `#`",
                "write it as for `git clone`; the branch goes into `ref`",
            ),
            ("https", Some(url)) if url.path().trim_matches('/').is_empty() => (
                "this URL names a server but no repository",
                "write it as for `git clone`",
            ),
            ("https", Some(_)) if !written.contains(|c: char| c.is_whitespace()) => return,
            _ => (
                "this is no URL of a repository",
                "write it as for `git clone`, for example \
                 `https://git.example.com/acme/infra.git`",
            ),
        };
        self.problem(written, cause, remedy);
    }
}

fn has_key(written: &Source) -> bool {
    written.ssh_key_file.is_some() || written.known_hosts_file.is_some()
}

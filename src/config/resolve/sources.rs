//! Repositories to follow.

use std::time::Duration;

use globset::{GlobSet, GlobSetBuilder};

use super::super::at::At;
use super::super::error::Problem;
use super::super::repository::read_repository;
use super::super::written::Source;
use super::Checks;
use super::values::Steps;
use crate::domain::ids::SourceName;
use crate::git::settings::SourceLocation;
use crate::reconcile::settings::{ReadSettings, SourceSettings};

const DEFAULT_USERNAME: &str = "git";
const DEFAULT_POLL: Duration = Duration::from_mins(1);

/// Whether what the repository says of its stacks counts.
fn reads_settings(written: &Source) -> bool {
    let repository = written.repository.as_ref();
    repository.and_then(|repository| repository.settings) != Some(false)
}

impl Checks<'_> {
    pub(super) fn sources(&mut self, written: &[Source]) -> Vec<SourceSettings> {
        if written.is_empty() {
            self.problems.push(Problem::general(
                "there is no source to follow",
                "add a repository: `sources: [{ name: infra, url: https://… }]`",
            ));
        }
        self.unique("source", written.iter().map(|source| &source.name));
        written
            .iter()
            .filter_map(|source| self.source(source))
            .collect()
    }

    fn source(&mut self, written: &Source) -> Option<SourceSettings> {
        self.name(&written.name);
        let reference = written.reference.as_ref().map(|at| self.reference(at));
        let poll = self.positive(written.poll.as_ref());
        let exclude = self.exclude(&written.exclude);
        Some(SourceSettings {
            name: SourceName::new(written.name.as_str()),
            location: self.location(written)?,
            reference,
            poll: poll.unwrap_or(DEFAULT_POLL),
            exclude,
            repository: reads_settings(written).then_some(read_repository as ReadSettings),
        })
    }

    fn location(&mut self, written: &Source) -> Option<SourceLocation> {
        let token = self.secret(written.token_file.as_ref(), written.token_env.as_ref());
        match (&written.url, &written.path) {
            (Some(url), None) => {
                self.repository_url(url);
                if let Some(username) = written.username.as_ref().filter(|_| token.is_none()) {
                    self.problem(
                        username,
                        "this user name has no token",
                        "name the file that holds it with `token_file`",
                    );
                }
                Some(SourceLocation::Remote {
                    url: url.to_string(),
                    username: written
                        .username
                        .as_ref()
                        .map_or_else(|| DEFAULT_USERNAME.to_owned(), |name| self.text(name)),
                    token,
                })
            }
            (None, Some(path)) => {
                let token = token.is_some();
                if token || written.username.is_some() {
                    self.problem(
                        path,
                        "a repository on this machine needs no credentials",
                        "take `username`, `token_file` and `token_env` away",
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

    fn repository_url(&mut self, written: &At<String>) {
        let parsed = reqwest::Url::parse(written).ok();
        let scheme = parsed.as_ref().map_or("", reqwest::Url::scheme);
        let ssh = scheme.contains("ssh") || written.starts_with("git@");
        let (cause, remedy) = match (scheme, parsed.as_ref()) {
            _ if ssh => (
                "repositories over SSH are not supported yet",
                "use the repository's https URL with `token_file`",
            ),
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

    fn reference(&mut self, written: &At<String>) -> String {
        let bad = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
        if written.is_empty()
            || written.starts_with('-')
            || written.contains("..")
            || written.contains(bad)
        {
            self.problem(
                written,
                "this is no branch or tag",
                "write its name, for example `main` or `refs/tags/v1`",
            );
        }
        written.to_string()
    }

    fn exclude(&mut self, written: &[At<String>]) -> GlobSet {
        let mut set = GlobSetBuilder::new();
        for pattern in written {
            if let Some(glob) = self.glob(pattern, Steps::WithinDirectory) {
                set.add(glob);
            }
        }
        set.build().unwrap_or_else(|error| {
            let cause = format!("the patterns of `exclude` are too much: {error}");
            let problem = match written.first() {
                Some(first) => Problem::at(first.place(), cause, "use fewer and simpler ones"),
                None => Problem::general(cause, "use fewer and simpler ones"),
            };
            self.problems.push(problem);
            GlobSet::empty()
        })
    }
}

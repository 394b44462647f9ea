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
use crate::reconcile::settings::{ReadSettings, SourceSettings};

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
            submodules: written.submodules == Some(true),
            repository: reads_settings(written).then_some(read_repository as ReadSettings),
        })
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

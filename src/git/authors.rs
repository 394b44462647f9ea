//! Who wrote commits.

use std::collections::BTreeSet;

use gix::ObjectId;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::CommitId;

use super::failure;

const DOING: &str = "reading commits";
/// More commits are not looked at.
const MOST_COMMITS: usize = 1000;

/// The addresses of authors and committers of the commits that a commit has and `since` has not.
pub(super) fn authors(
    repo: &gix::Repository,
    commit: &CommitId,
    since: Option<&CommitId>,
) -> Result<BTreeSet<String>, Failure> {
    let here = |commit: &CommitId| {
        let id = ObjectId::from_hex(commit.as_str().as_bytes()).ok()?;
        repo.find_commit(id).is_ok().then_some(id)
    };
    let tip = here(commit).ok_or_else(|| {
        Failure::new(
            FailureKind::RefNotFound,
            format!("the commit {commit} is not here"),
            "the source is read again; wait for that",
        )
    })?;
    let known = since.and_then(here).filter(|known| *known != tip);
    let mut commits = Vec::new();
    match known {
        None => commits.push(tip),
        Some(known) => {
            let walk = repo.rev_walk([tip]).with_hidden([known]);
            let walk = walk.all().map_err(|error| failure::local(&error, DOING))?;
            for info in walk {
                commits.push(info.map_err(|error| failure::local(&error, DOING))?.id);
                if commits.len() > MOST_COMMITS {
                    return Err(Failure::new(
                        FailureKind::Unsupported,
                        format!("more than {MOST_COMMITS} commits came since then"),
                        "whoever wrote one of them cannot be told apart",
                    ));
                }
            }
        }
    }
    let mut addresses = BTreeSet::new();
    for id in commits {
        let commit = repo
            .find_commit(id)
            .map_err(|error| failure::local(&error, DOING))?;
        let signatures = [commit.author().ok(), commit.committer().ok()];
        let found = signatures.into_iter().flatten();
        addresses.extend(found.map(|signature| signature.email.to_string()));
    }
    Ok(addresses)
}

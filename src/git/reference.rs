//! Which ref is meant, and what to say when there is none of that name.

use gix::ObjectId;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::CommitId;

/// How many similar names a message lists.
const SUGGESTIONS: usize = 5;

/// The commit that a name means, if it is `head` or in its history.
pub(super) fn commit_before(
    repo: &gix::Repository,
    name: &str,
    head: &CommitId,
) -> Result<CommitId, Failure> {
    let missing = |message: String| {
        Failure::new(
            FailureKind::RefNotFound,
            message,
            "name a commit that the source was once at, by its hash or a tag",
        )
    };
    let found = repo.rev_parse_single(name);
    let commit = found
        .ok()
        .and_then(|id| id.object().ok()?.peel_to_commit().ok())
        .ok_or_else(|| missing(format!("there is no commit {name:?} in the source")))?;
    let tip = ObjectId::from_hex(head.as_str().as_bytes())
        .map_err(|_| missing(format!("the commit {head} is not here")))?;
    let base = repo.merge_base(tip, commit.id);
    if base.is_ok_and(|base| base.is_some_and(|base| base == commit.id)) {
        return Ok(CommitId::new(commit.id.to_string()));
    }
    Err(missing(format!(
        "the commit {name:?} is not in the history of the source"
    )))
}

/// A ref as asked for: a branch, a tag, a full name, or the remote's default.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    asked: Option<String>,
    candidates: Vec<String>,
    commit: Option<ObjectId>,
}

impl Wanted {
    /// Takes a short or full name; none means `HEAD`. A branch wins over a tag of the same name.
    pub(super) fn parse(reference: Option<&str>) -> Result<Self, Failure> {
        let candidates = match reference {
            None | Some("HEAD") => vec!["HEAD".to_owned()],
            Some(full) if full.starts_with("refs/") => vec![full.to_owned()],
            Some(short) => vec![format!("refs/heads/{short}"), format!("refs/tags/{short}")],
        };
        for name in &candidates {
            if gix::validate::reference::name(name.as_str().into()).is_err() {
                return Err(Failure::new(
                    FailureKind::RefNotFound,
                    format!(
                        "{:?} cannot be the name of a ref",
                        reference.unwrap_or_default()
                    ),
                    "give a branch, a tag or a full name such as refs/heads/main",
                ));
            }
        }
        Ok(Self {
            asked: reference.map(str::to_owned),
            candidates,
            commit: None,
        })
    }

    /// A commit by its id, whatever leads to it.
    pub(super) fn commit(id: &CommitId) -> Result<Self, Failure> {
        let commit = ObjectId::from_hex(id.as_str().as_bytes()).map_err(|_| {
            Failure::new(
                FailureKind::RefNotFound,
                format!("{id} is no id of a commit"),
                "this is a defect in Mooring: please report it",
            )
        })?;
        Ok(Self {
            asked: Some(id.to_string()),
            candidates: vec![id.to_string()],
            commit: Some(commit),
        })
    }

    /// The id, if a commit is meant and no ref.
    pub(super) const fn id(&self) -> Option<ObjectId> {
        self.commit
    }

    /// Full names, the first that exists is meant.
    pub(super) fn candidates(&self) -> &[String] {
        &self.candidates
    }

    /// Says that it does not exist and which of the known full names are like it.
    pub(super) fn not_found(&self, known: impl IntoIterator<Item = String>) -> Failure {
        let Some(asked) = &self.asked else {
            return Failure::new(
                FailureKind::RefNotFound,
                "the repository has no default branch with a commit",
                "push a commit, or name a branch or tag as the source's ref",
            );
        };
        let near = nearest(asked, known);
        let hint = if near.is_empty() {
            "name an existing branch or tag; the repository has none".to_owned()
        } else {
            format!(
                "name an existing branch or tag, for example {}",
                near.join(", ")
            )
        };
        Failure::new(
            FailureKind::RefNotFound,
            format!("the repository has no branch or tag {asked:?}"),
            hint,
        )
    }

    /// Says that the ref does not lead to a commit.
    pub(super) fn not_a_commit(&self) -> Failure {
        Failure::new(
            FailureKind::RefNotFound,
            format!(
                "{:?} does not lead to a commit",
                self.asked.as_deref().unwrap_or("HEAD")
            ),
            "name a branch, or a tag of a commit",
        )
    }
}

fn nearest(asked: &str, known: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<(usize, String)> = known
        .into_iter()
        .filter_map(|full| {
            let short = full
                .strip_prefix("refs/heads/")
                .or_else(|| full.strip_prefix("refs/tags/"))?;
            Some((distance(asked, short), short.to_owned()))
        })
        .collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .take(SUGGESTIONS)
        .map(|(_, name)| name)
        .collect()
}

/// How many characters must change to make one name of the other; case counts for nothing.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for (j, (y, above)) in b.iter().zip(row.windows(2)).enumerate() {
            let &[diagonal, up] = above else { continue };
            let left = next.get(j).copied().unwrap_or_default();
            next.push((diagonal + usize::from(x != *y)).min(up + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_comes_before_a_tag_and_a_full_name_stands_alone() {
        assert_eq!(
            Wanted::parse(Some("v1")).unwrap().candidates(),
            ["refs/heads/v1", "refs/tags/v1"]
        );
        assert_eq!(
            Wanted::parse(Some("refs/pull/7/head"))
                .unwrap()
                .candidates(),
            ["refs/pull/7/head"]
        );
        assert_eq!(Wanted::parse(None).unwrap().candidates(), ["HEAD"]);
    }

    #[test]
    fn a_name_that_would_be_a_pattern_or_a_mapping_is_refused() {
        for name in [
            "*",
            "a:b",
            "a b",
            "",
            "../x",
            "-",
            "a..b",
            "^a",
            "refs/heads/*",
        ] {
            let parsed = Wanted::parse(Some(name));
            let refused = parsed.is_err_and(|failure| failure.kind == FailureKind::RefNotFound);
            assert!(refused || name == "-", "{name:?}");
        }
    }

    #[test]
    fn similar_names_are_suggested_nearest_first() {
        let failure = Wanted::parse(Some("mian")).unwrap().not_found(
            [
                "refs/heads/release",
                "refs/heads/main",
                "refs/tags/v1.0",
                "HEAD",
            ]
            .map(str::to_owned),
        );
        assert_eq!(
            failure.hint,
            "name an existing branch or tag, for example main, v1.0, release"
        );
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("main", "main"), 0);
        assert_eq!(distance("Main", "main"), 0);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}

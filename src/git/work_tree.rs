//! Somebody's own working tree: read, never written.

use std::path::{Path, PathBuf};

use gix::status::{Submodule, UntrackedFiles, index_worktree};

use crate::domain::ids::CommitId;

/// Untracked files with these endings change what Terraform does.
const READ_BY_TERRAFORM: [&str; 7] = [
    ".tf",
    ".tf.json",
    ".tofu",
    ".tofu.json",
    ".tfvars",
    ".tfvars.json",
    ".hcl",
];

/// What is checked out in a working tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The commit that `HEAD` leads to; none before the first.
    pub commit: Option<CommitId>,
    /// Whether a tracked file differs from it, or there is an untracked file, not ignored, that
    /// Terraform reads. When it cannot be told, it counts as dirty.
    pub dirty: bool,
    /// The root of the working tree.
    pub root: PathBuf,
}

/// The working tree that a path lies in, and its commit; `None` outside Git and in a bare
/// repository. The user's own Git settings (ignored files, line endings) count.
/// Submodules are not looked into. Blocks.
pub fn head_of(path: &Path) -> Option<Head> {
    let repo = gix::discover(path).ok()?;
    let root = repo.workdir()?.canonicalize().ok()?;
    let commit = repo.head_id().ok().map(gix::Id::detach);
    Some(Head {
        commit: commit.map(|commit| CommitId::new(commit.to_string())),
        dirty: is_dirty(&repo).unwrap_or(true),
        root,
    })
}

fn is_dirty(repo: &gix::Repository) -> gix::Result<bool> {
    // Without the pattern only the current directory is looked at.
    let whole_tree = [gix::bstr::BString::from(":/")];
    let changes = repo
        .status(gix::progress::Discard)?
        .untracked_files(UntrackedFiles::Files)
        .index_worktree_rewrites(None)
        .index_worktree_submodules(Submodule::Given {
            ignore: gix::submodule::config::Ignore::All,
            check_dirty: true,
        })
        .into_iter(whole_tree)?;
    for change in changes {
        match change? {
            gix::status::Item::IndexWorktree(index_worktree::Item::DirectoryContents {
                entry,
                ..
            }) => {
                let path = entry.rela_path.to_string();
                if READ_BY_TERRAFORM
                    .iter()
                    .any(|ending| path.ends_with(ending))
                {
                    return Ok(true);
                }
            }
            gix::status::Item::IndexWorktree(change) if change.summary().is_none() => {}
            _ => return Ok(true),
        }
    }
    Ok(false)
}

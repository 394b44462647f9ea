//! The places in a tree at which commits of other repositories belong.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::index::entry::Mode;

use super::failure;
use super::submodule_url::join;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::CommitId;

const DOING: &str = "reading the submodules of a commit";

/// A place in a tree at which a commit of another repository belongs.
pub(super) struct Link {
    pub(super) path: BString,
    pub(super) commit: CommitId,
}

/// A commit of another repository, and where that is.
pub(super) struct Module {
    pub(super) link: Link,
    pub(super) url: String,
}

/// The paths of all submodules of a tree, sorted.
pub(super) fn paths(repo: &gix::Repository, tree: ObjectId) -> Result<Vec<String>, Failure> {
    let links = links(repo, tree)?.into_iter();
    Ok(links
        .map(|link| link.path.to_str_lossy().into_owned())
        .collect())
}

pub(super) fn index(repo: &gix::Repository, tree: ObjectId) -> Result<gix::index::File, Failure> {
    repo.index_from_tree(&tree)
        .map_err(|error| failure::local(&error, DOING))
}

/// All submodules of a tree, sorted by path.
pub(super) fn links(repo: &gix::Repository, tree: ObjectId) -> Result<Vec<Link>, Failure> {
    let index = index(repo, tree)?;
    let entries = index.entries().iter();
    let links = entries.filter(|entry| entry.mode == Mode::COMMIT);
    Ok(links
        .map(|entry| Link {
            path: entry.path(&index).to_owned(),
            commit: CommitId::new(entry.id.to_string()),
        })
        .collect())
}

/// All submodules of a tree and where they are; `base` is the URL of the repository that the tree is in.
pub(super) fn modules(
    repo: &gix::Repository,
    tree: ObjectId,
    base: Option<&str>,
) -> Result<Vec<Module>, Failure> {
    let links = links(repo, tree)?;
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let urls = urls(repo, tree)?;
    let located = links.into_iter().map(|link| {
        let written = urls.get(&link.path).ok_or_else(|| {
            Failure::new(
                FailureKind::Unsupported,
                format!("the submodule {} has no URL", link.path),
                "write it into .gitmodules, or take `submodules: true` away from the source",
            )
        })?;
        let url = join(written, base).ok_or_else(|| {
            Failure::new(
                FailureKind::Unsupported,
                format!("the URL of the submodule {} leads nowhere", link.path),
                "write an https URL without credentials, or a relative one, into .gitmodules",
            )
        })?;
        Ok(Module { link, url })
    });
    located.collect()
}

/// What `.gitmodules` says: paths and URLs as written.
fn urls(repo: &gix::Repository, tree: ObjectId) -> Result<BTreeMap<BString, String>, Failure> {
    let fault = |error: gix::Error| failure::local(&error, DOING);
    let root = repo.find_tree(tree).map_err(fault)?;
    let Some(entry) = root.lookup_entry([".gitmodules"]).map_err(fault)? else {
        return Ok(BTreeMap::new());
    };
    let blob = repo.find_blob(entry.object_id()).map_err(fault)?;
    let none = gix::config::File::default();
    let file = gix::submodule::File::from_bytes(&blob.data, None, &none).map_err(fault)?;
    let named = file.names().filter_map(|name| {
        let path = file.path(name).ok()?;
        let url = file.config().string_by("submodule", Some(name), "url")?;
        Some((path, url.to_str().ok()?.to_owned()))
    });
    Ok(named.collect())
}

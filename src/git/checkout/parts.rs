//! A part of a commit's tree: what one stack reads, rather than everything that the repository has.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode, Stat};
use gix::objs::tree::EntryKind;

/// A link with a longer target leads nowhere.
const LONGEST_TARGET: usize = 4096;

/// The index of these paths of a tree alone, with what rules over them: files whose names begin with a
/// dot in the directories above (`.gitattributes`, `.terraform-version`) and `mise.toml`. None if a link in it leads out
/// of it, or a path through one, so that all of the tree is needed.
pub(super) fn index(
    repo: &gix::Repository,
    tree: ObjectId,
    parts: &[String],
) -> Result<Option<gix::index::File>, gix::Error> {
    let parts = outermost(parts);
    let mut gathered = Gathered {
        repo,
        state: gix::index::State::new(repo.object_hash()),
        links: Vec::new(),
    };
    let root = repo.find_tree(tree)?;
    let mut above: BTreeSet<&Path> = BTreeSet::new();
    for part in &parts {
        if part.as_os_str().is_empty() {
            return Ok(None);
        }
        above.extend(part.ancestors().skip(1));
        if below_a_link(&root, part)? {
            return Ok(None);
        }
        let Some(entry) = root.lookup_entry_by_path(part)? else {
            continue;
        };
        let (id, kind) = (entry.object_id(), entry.mode().kind());
        let path = gix::path::into_bstr(part.as_path())?.into_owned();
        match kind {
            EntryKind::Tree => gathered.below(id, &path)?,
            kind => gathered.one(id, kind, path.as_bstr()),
        }
    }
    for dir in above {
        let id = match dir.as_os_str().is_empty() {
            true => Some(tree),
            false => root
                .lookup_entry_by_path(dir)?
                .map(|entry| entry.object_id()),
        };
        let Some(id) = id else { continue };
        gathered.dotfiles(id, dir)?;
    }
    for (link, id) in std::mem::take(&mut gathered.links) {
        if !leads_into(repo, &link, id, &parts)? {
            return Ok(None);
        }
    }
    gathered.state.sort_entries();
    Ok(Some(gix::index::File::from_state(
        gathered.state,
        PathBuf::new(),
    )))
}

struct Gathered<'r> {
    repo: &'r gix::Repository,
    state: gix::index::State,
    links: Vec<(BString, ObjectId)>,
}

impl Gathered<'_> {
    fn below(&mut self, tree: ObjectId, dir: &BString) -> Result<(), gix::Error> {
        let index = self.repo.index_from_tree(&tree)?;
        for entry in index.entries() {
            let mut path = dir.clone();
            path.push(b'/');
            path.extend_from_slice(entry.path(&index));
            self.put(entry.id, entry.mode, path.as_bstr());
        }
        Ok(())
    }

    fn one(&mut self, id: ObjectId, kind: EntryKind, path: &BStr) {
        let mode = match kind {
            EntryKind::Blob => Mode::FILE,
            EntryKind::BlobExecutable => Mode::FILE_EXECUTABLE,
            EntryKind::Link => Mode::SYMLINK,
            EntryKind::Commit => Mode::COMMIT,
            EntryKind::Tree => Mode::DIR,
        };
        self.put(id, mode, path);
    }

    /// The files of a directory itself whose names begin with a dot.
    fn dotfiles(&mut self, tree: ObjectId, dir: &Path) -> Result<(), gix::Error> {
        let tree = self.repo.find_tree(tree)?;
        for entry in tree.iter() {
            let entry = entry?;
            let kind = entry.mode().kind();
            let is_file = matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable);
            let rules = entry.filename().starts_with(b".") || entry.filename() == "mise.toml";
            if is_file && rules {
                let mut path = gix::path::into_bstr(dir)?.into_owned();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(entry.filename());
                self.one(entry.object_id(), kind, path.as_bstr());
            }
        }
        Ok(())
    }

    fn put(&mut self, id: ObjectId, mode: Mode, path: &BStr) {
        if mode == Mode::SYMLINK {
            self.links.push((path.to_owned(), id));
        }
        self.state
            .dangerously_push_entry(Stat::default(), id, Flags::empty(), mode, path);
    }
}

/// Whether a path goes through a link, so that what it names is elsewhere.
fn below_a_link(root: &gix::Tree<'_>, path: &Path) -> Result<bool, gix::Error> {
    for dir in path.ancestors().skip(1) {
        let entry = match dir.as_os_str().is_empty() {
            true => None,
            false => root.lookup_entry_by_path(dir)?,
        };
        if entry.is_some_and(|entry| entry.mode().kind() == EntryKind::Link) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the target of a link is in these parts.
fn leads_into(
    repo: &gix::Repository,
    link: &BString,
    id: ObjectId,
    parts: &[PathBuf],
) -> Result<bool, gix::Error> {
    let target = repo.find_blob(id)?;
    let Ok(target) = gix::path::from_byte_slice(&target.data) else {
        return Ok(false);
    };
    if target.is_absolute() || target.as_os_str().len() > LONGEST_TARGET {
        return Ok(false);
    }
    let mut place = gix::path::from_bstr(link.as_bstr())?
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default();
    for component in target.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !place.pop() {
                    return Ok(false);
                }
            }
            other => place.push(other),
        }
    }
    Ok(parts.iter().any(|part| place.starts_with(part)))
}

/// The paths that lie below no other of them, each once.
fn outermost(parts: &[String]) -> Vec<PathBuf> {
    let all: BTreeSet<PathBuf> = parts
        .iter()
        .map(|part| {
            let part = part.trim_matches('/');
            PathBuf::from(if part == "." { "" } else { part })
        })
        .collect();
    let covered = |part: &PathBuf| part.ancestors().skip(1).any(|above| all.contains(above));
    all.iter().filter(|part| !covered(part)).cloned().collect()
}

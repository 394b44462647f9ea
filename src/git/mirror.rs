//! A repository that Mooring follows: a mirror of a remote one, or one on this machine as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use gix::ObjectId;
use gix::bstr::ByteSlice;

use super::authors;
use super::blame::{self, Limits};
use super::checkout;
use super::failure;
use super::fetch::{self, Fetched};
use super::reference::{self, Wanted};
use super::remote::Remote;
use super::settings::SourceLocation;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::CommitId;
use crate::domain::place::{BlockPlace, LastChange};

/// Every fetch adds a pack. With more than this the mirror is made anew.
const MOST_PACKS: usize = 200;

/// One source. All methods block; they may be called from several threads at once.
pub struct Mirror {
    repo: RwLock<gix::ThreadSafeRepository>,
    origin: Origin,
    fetching: Mutex<()>,
}

enum Origin {
    Remote {
        remote: Remote,
        /// Holds `repo.git`, and for a moment its successor and predecessor.
        dir: PathBuf,
    },
    Local(PathBuf),
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = match &self.origin {
            Origin::Remote { remote, .. } => remote.url.clone(),
            Origin::Local(path) => path.display().to_string(),
        };
        f.debug_tuple("Mirror").field(&place).finish()
    }
}

impl Mirror {
    /// Opens the source. For a remote one its mirror is kept in `dir`, which is created with mode
    /// 0700 on first use; the network is not touched. One on this machine is read where it is and
    /// `dir` is not used. `ca_file` names further roots, in PEM form, that https trusts.
    ///
    /// # Errors
    /// `InvalidConfiguration` for a URL that is not http(s) or holds credentials,
    /// `RepositoryUnreachable` when a local path is no repository, `OutOfDisk`, `Internal`.
    pub fn open(
        dir: &Path,
        location: &SourceLocation,
        ca_file: Option<&Path>,
    ) -> Result<Self, Failure> {
        let (repo, origin) = match location {
            SourceLocation::Remote {
                url,
                username,
                token,
            } => {
                let remote = Remote {
                    url: url.clone(),
                    username: username.clone(),
                    token: token.clone(),
                    ca_file: ca_file.map(Path::to_owned),
                };
                remote.validate()?;
                let dir = dir.to_owned();
                (open_mirror(&dir)?, Origin::Remote { remote, dir })
            }
            SourceLocation::Local(path) => (open_local(path)?, Origin::Local(path.clone())),
        };
        Ok(Self {
            repo: RwLock::new(repo),
            origin,
            fetching: Mutex::default(),
        })
    }

    /// Finds the commit of a branch, tag (peeled) or full ref name, or of the remote's `HEAD`, and
    /// brings it here with its history unless it is here already. The token is read anew each
    /// time. `interrupt` ends it within about a second; a transfer in which nothing moves for
    /// [`STALL_LIMIT`](super::STALL_LIMIT) is given up.
    ///
    /// # Errors
    /// `RepositoryUnreachable`, `RepositoryRefused`, `RefNotFound`, `Interrupted`, `OutOfDisk`,
    /// `InvalidConfiguration` (an unusable CA file), `Internal`.
    pub fn fetch(
        &self,
        reference: Option<&str>,
        interrupt: &AtomicBool,
    ) -> Result<CommitId, Failure> {
        let wanted = Wanted::parse(reference)?;
        let _one_at_a_time = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        let commit = match &self.origin {
            Origin::Remote { remote, dir } => self.fetch_remote(remote, dir, wanted, interrupt)?,
            Origin::Local(path) => {
                self.replace(open_local(path)?);
                resolve(&self.repo(), &wanted)?
            }
        };
        Ok(CommitId::new(commit.to_string()))
    }

    fn fetch_remote(
        &self,
        remote: &Remote,
        dir: &Path,
        wanted: Wanted,
        interrupt: &AtomicBool,
    ) -> Result<ObjectId, Failure> {
        let current = self.shared();
        if packs(current.objects_dir()) <= MOST_PACKS {
            let Fetched { commit, received } = fetch::fetch(current, remote, wanted, interrupt)?;
            if received {
                self.replace(reopen(&dir.join(REPO))?);
            }
            return Ok(commit);
        }
        let fresh = init(dir)?;
        let repo = reopen(fresh.path())?;
        let fetched = fetch::fetch(repo, remote, wanted, interrupt)?;
        swap(dir, fresh)?;
        self.replace(reopen(&dir.join(REPO))?);
        Ok(fetched.commit)
    }

    /// Brings `dest` to exactly the tree of the commit. Files that Git does not know (`.terraform`
    /// and what else init and plan leave) stay. Tracked files that the commit checked out before
    /// had and this one lacks are removed, modified ones are restored, and those that are right
    /// are not touched. Two files beside `dest`, `<dest>.index` and (while it is under way)
    /// `<dest>.pending`, remember what is there; after a crash the next checkout puts things
    /// right. One checkout of a `dest` at a time. No filter program is ever run.
    ///
    /// # Errors
    /// `RefNotFound` when the commit is not here, `OutOfDisk`, `Internal` (also when `dest` has
    /// files and was not made by this).
    pub fn checkout(&self, commit: &CommitId, dest: &Path) -> Result<(), Failure> {
        let repo = self.repo();
        let tree = tree_of(&repo, commit)?;
        checkout::checkout(&repo, tree, None, dest)
    }

    /// As [`Self::checkout`], but of these paths alone (files and directories, relative to the root)
    /// and of the files above them whose names begin with a dot. If a link in them leads elsewhere,
    /// everything is checked out. A path that the commit lacks is left out.
    ///
    /// # Errors
    /// As [`Self::checkout`].
    pub fn checkout_parts(
        &self,
        commit: &CommitId,
        parts: &[String],
        dest: &Path,
    ) -> Result<(), Failure> {
        let repo = self.repo();
        let tree = tree_of(&repo, commit)?;
        checkout::checkout(&repo, tree, Some(parts), dest)
    }

    /// The id of the tree or blob at a path of a commit, `None` if the commit has nothing there.
    /// Empty and `.` mean the root. Two equal ids mean equal content.
    ///
    /// # Errors
    /// `RefNotFound` when the commit is not here, `Internal`.
    pub fn subtree(&self, commit: &CommitId, path: &str) -> Result<Option<String>, Failure> {
        let repo = self.repo();
        let tree = tree_of(&repo, commit)?;
        let path = path.trim_matches('/');
        if matches!(path, "" | ".") {
            return Ok(Some(tree.to_string()));
        }
        repo.find_tree(tree)
            .and_then(|tree| tree.lookup_entry_by_path(path))
            .map(|entry| entry.map(|entry| entry.object_id().to_string()))
            .map_err(|error| failure::local(&error, "reading a commit"))
    }

    /// Who last changed any line of each place, at or before the commit: the newest of the commits
    /// that its lines are from, through renames of the file. What the history here does not tell
    /// (a shallow clone, a file that the commit lacks) or what is not known within `limit`, for all
    /// places together, is left out. `interrupt` ends it within one reading of an object. Nothing
    /// is written and no program is run.
    pub fn last_changes(
        &self,
        commit: &CommitId,
        places: &[BlockPlace],
        limit: Duration,
        interrupt: &AtomicBool,
    ) -> BTreeMap<BlockPlace, LastChange> {
        let limits = Limits {
            started: Instant::now(),
            limit,
            interrupt,
        };
        blame::last_changes(self.repo(), commit, places, &limits)
    }

    /// The commit that a name means (a hash or the beginning of one, a tag, a branch, `HEAD~2`), if it
    /// is `head` or one that came before it.
    ///
    /// # Errors
    /// `RefNotFound` when there is none, or when it is not in the history of `head`.
    pub fn commit_before(&self, name: &str, head: &CommitId) -> Result<CommitId, Failure> {
        reference::commit_before(&self.repo(), name, head)
    }

    /// The addresses of those who wrote or committed what came between `since` and the commit, the
    /// commit alone if `since` is not known.
    ///
    /// # Errors
    /// `RefNotFound` when the commit is not here, `Unsupported` when the history is too long,
    /// `Internal`.
    pub fn authors(
        &self,
        commit: &CommitId,
        since: Option<&CommitId>,
    ) -> Result<BTreeSet<String>, Failure> {
        authors::authors(&self.repo(), commit, since)
    }

    /// Whether the commit is here.
    pub fn has(&self, commit: &CommitId) -> bool {
        tree_of(&self.repo(), commit).is_ok()
    }

    fn shared(&self) -> gix::ThreadSafeRepository {
        self.repo
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn repo(&self) -> gix::Repository {
        self.shared().to_thread_local()
    }

    fn replace(&self, repo: gix::ThreadSafeRepository) {
        *self.repo.write().unwrap_or_else(PoisonError::into_inner) = repo;
    }
}

const REPO: &str = "repo.git";
const RETIRED: &str = "retired.git";

/// Nothing but the repository itself has a say in how it is read, and it has none in how files
/// are written: what is checked out depends on the commit alone.
fn options() -> gix::open::Options {
    gix::open::Options::isolated().config_overrides([
        "core.autocrlf=false",
        "core.eol=lf",
        "core.symlinks=true",
        "core.fileMode=true",
        "core.ignoreCase=false",
    ])
}

fn reopen(path: &Path) -> Result<gix::ThreadSafeRepository, Failure> {
    options()
        .open_path_as_is(true)
        .open(path)
        .map_err(|error| failure::local(&error, "opening a mirror"))
}

fn open_mirror(dir: &Path) -> Result<gix::ThreadSafeRepository, Failure> {
    let repo = dir.join(REPO);
    if let Ok(opened) = reopen(&repo) {
        return Ok(opened);
    }
    let doing = format!("making the mirror in {}", dir.display());
    let fault = |error: std::io::Error| failure::local(&error, &doing);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(fault)?;
    swap(dir, init(dir)?)?;
    reopen(&repo)
}

/// A new empty mirror beside the current one.
fn init(dir: &Path) -> Result<tempfile::TempDir, Failure> {
    let fresh = tempfile::Builder::new()
        .prefix("new-")
        .tempdir_in(dir)
        .map_err(|error| failure::local(&error, "making a mirror"))?;
    gix::ThreadSafeRepository::init_opts(
        fresh.path(),
        gix::create::Kind::Bare,
        gix::create::Options::default(),
        options(),
    )
    .map_err(|error| failure::local(&error, "making a mirror"))?;
    Ok(fresh)
}

/// Puts a new mirror in the place of the current one. That one stays, until the next time, for
/// whoever is reading it.
fn swap(dir: &Path, fresh: tempfile::TempDir) -> Result<(), Failure> {
    let (repo, retired) = (dir.join(REPO), dir.join(RETIRED));
    let exchange = || {
        absent_is_fine(fs::remove_dir_all(&retired))?;
        absent_is_fine(fs::rename(&repo, &retired))?;
        fs::rename(fresh.path(), &repo)
    };
    exchange().map_err(|error| failure::local(&error, "replacing a mirror"))?;
    let _ = fresh.keep();
    Ok(())
}

fn absent_is_fine(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn packs(objects: &Path) -> usize {
    fs::read_dir(objects.join("pack")).map_or(0, |entries| {
        entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "pack"))
            .count()
    })
}

/// Somebody else may own it: it is only read, its settings do not count then, and no program that
/// it names is ever run.
fn open_local(path: &Path) -> Result<gix::ThreadSafeRepository, Failure> {
    options().open(path).map_err(|error| {
        let failed = failure::local(&error, &format!("cannot open {}", path.display()));
        Failure::new(
            FailureKind::RepositoryUnreachable,
            failed.message,
            "give the path of a Git repository that Mooring may read",
        )
    })
}

fn resolve(repo: &gix::Repository, wanted: &Wanted) -> Result<ObjectId, Failure> {
    let fault = |error: gix::Error| failure::local(&error, "reading refs");
    for name in wanted.candidates() {
        let Some(mut reference) = repo
            .try_find_reference(name.as_str())
            .map_err(fault)?
            .filter(|reference| reference.name().as_bstr() == name.as_bytes().as_bstr())
        else {
            continue;
        };
        return match reference.peel_to_id() {
            Ok(id) if repo.find_commit(id).is_ok() => Ok(id.detach()),
            Ok(_) => Err(wanted.not_a_commit()),
            Err(_) => break,
        };
    }
    let known = repo
        .references()
        .and_then(|platform| {
            Ok(platform
                .all()?
                .filter_map(Result::ok)
                .map(|reference| reference.name().as_bstr().to_string())
                .collect::<Vec<_>>())
        })
        .map_err(fault)?;
    Err(wanted.not_found(known))
}

fn tree_of(repo: &gix::Repository, commit: &CommitId) -> Result<ObjectId, Failure> {
    ObjectId::from_hex(commit.as_str().as_bytes())
        .ok()
        .and_then(|id| repo.find_commit(id).ok())
        .and_then(|commit| commit.tree_id().ok())
        .map(gix::Id::detach)
        .ok_or_else(|| {
            Failure::new(
                FailureKind::RefNotFound,
                format!("the commit {} is not in the mirror", commit.short()),
                "fetch first; if the branch was rewritten the commit may be gone for good",
            )
        })
}

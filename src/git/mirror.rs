//! A repository that Mooring follows: a mirror of a remote one, or one on this machine as it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use gix::ObjectId;
use gix::bstr::ByteSlice;

use super::authors;
use super::bare::{REPO, init, open_local, open_mirror, packs, reopen, swap};
use super::blame::{self, Limits};
use super::checkout;
use super::difference::Difference;
use super::failure;
use super::fetch::{self, Fetched};
use super::gitlinks;
use super::reference::{self, Wanted};
use super::remote::Remote;
use super::settings::SourceLocation;
use super::submodule::Modules;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::CommitId;
use crate::domain::place::{BlockPlace, LastChange};

/// Every fetch adds a pack. With more than this the mirror is made anew.
const MOST_PACKS: usize = 200;

/// So many differences between commits are kept at hand.
const MOST_COMPARED: usize = 8;

/// How servers say that they do not give a commit by its id alone.
const NOT_OFFERED: [&str; 2] = ["not our ref", "unadvertised object"];

/// One source. All methods block; they may be called from several threads at once.
pub struct Mirror {
    repo: RwLock<gix::ThreadSafeRepository>,
    origin: Origin,
    /// None if submodules are left as empty places.
    modules: Option<Modules>,
    fetching: Mutex<()>,
    compared: Mutex<VecDeque<Compared>>,
}

/// Two commits and where they differ.
type Compared = ((CommitId, CommitId), Arc<Difference>);

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
    /// `InvalidConfiguration` for a URL that does not go with its access or holds credentials,
    /// `RepositoryUnreachable` when a local path is no repository, `OutOfDisk`, `Internal`.
    pub fn open(
        dir: &Path,
        location: &SourceLocation,
        ca_file: Option<&Path>,
    ) -> Result<Self, Failure> {
        match location {
            SourceLocation::Remote { url, access } => {
                Self::of_remote(dir, Remote::new(url, access, ca_file)?)
            }
            SourceLocation::Local(path) => Ok(Self {
                repo: RwLock::new(open_local(path)?),
                origin: Origin::Local(path.clone()),
                modules: None,
                fetching: Mutex::default(),
                compared: Mutex::default(),
            }),
        }
    }

    pub(super) fn of_remote(dir: &Path, remote: Remote) -> Result<Self, Failure> {
        let dir = dir.to_owned();
        Ok(Self {
            repo: RwLock::new(open_mirror(&dir)?),
            origin: Origin::Remote { remote, dir },
            modules: None,
            fetching: Mutex::default(),
            compared: Mutex::default(),
        })
    }

    /// From now on fetches bring submodules along, and checkouts have them in their places. Their
    /// mirrors are kept below `dir`, that of a source on this machine too. One on the source's own
    /// server is reached as the source is, with its credentials; any other over https without.
    #[must_use]
    pub fn with_submodules(mut self, dir: &Path, ca_file: Option<&Path>) -> Self {
        let source = match &self.origin {
            Origin::Remote { remote, .. } => Some(remote.clone()),
            Origin::Local(_) => None,
        };
        self.modules = Some(Modules::new(source, dir, ca_file));
        self
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
        let commit = CommitId::new(commit.to_string());
        if let Some(modules) = &self.modules {
            let repo = self.repo();
            modules.bring(&repo, tree_of(&repo, &commit)?, interrupt)?;
        }
        Ok(commit)
    }

    /// Brings a commit of a remote source here, unless it is here already.
    pub(super) fn fetch_commit(
        &self,
        commit: &CommitId,
        interrupt: &AtomicBool,
    ) -> Result<(), Failure> {
        let _one_at_a_time = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        let Origin::Remote { remote, dir } = &self.origin else {
            return Ok(());
        };
        if self.has(commit) {
            return Ok(());
        }
        let asked = self.fetch_remote(remote, dir, Wanted::commit(commit)?, interrupt);
        match asked {
            Ok(_) => Ok(()),
            // Servers of an old protocol give only what a ref leads to.
            Err(failure)
                if NOT_OFFERED
                    .iter()
                    .any(|words| failure.message.contains(words)) =>
            {
                self.fetch_remote(remote, dir, Wanted::parse(None)?, interrupt)?;
                tree_of(&self.repo(), commit).map(drop)
            }
            Err(failure) => Err(failure),
        }
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
        self.bring_to(commit, None, dest)
    }

    /// As [`Self::checkout`], but of these paths alone (files and directories, relative to the root)
    /// and of the files above them whose names begin with a dot. If a link in them leads elsewhere,
    /// everything is checked out, and so it is if submodules are followed and there are any. A path
    /// that the commit lacks is left out.
    ///
    /// # Errors
    /// As [`Self::checkout`].
    pub fn checkout_parts(
        &self,
        commit: &CommitId,
        parts: &[String],
        dest: &Path,
    ) -> Result<(), Failure> {
        self.bring_to(commit, Some(parts), dest)
    }

    fn bring_to(
        &self,
        commit: &CommitId,
        parts: Option<&[String]>,
        dest: &Path,
    ) -> Result<(), Failure> {
        let repo = self.repo();
        let tree = tree_of(&repo, commit)?;
        let expanded = match &self.modules {
            Some(modules) => modules.expanded(&repo, tree)?,
            None => None,
        };
        match expanded {
            Some((index, others)) => checkout::of_index(&repo, &others, index, dest),
            None => checkout::checkout(&repo, tree, parts, dest),
        }
    }

    /// The paths of submodules that checkouts of the commit leave as empty places, sorted.
    ///
    /// # Errors
    /// `RefNotFound` when the commit is not here, `Internal`.
    pub fn unfollowed(&self, commit: &CommitId) -> Result<Vec<String>, Failure> {
        match self.modules {
            Some(_) => Ok(Vec::new()),
            None => {
                let repo = self.repo();
                gitlinks::paths(&repo, tree_of(&repo, commit)?)
            }
        }
    }

    /// Where two commits differ; anywhere if the first is not here. That of the commits asked about
    /// last is at hand.
    ///
    /// # Errors
    /// `RefNotFound` when the second commit is not here, `Internal`.
    pub fn difference(
        &self,
        before: &CommitId,
        now: &CommitId,
    ) -> Result<Arc<Difference>, Failure> {
        let mut known = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = (before.clone(), now.clone());
        if let Some((_, difference)) = known.iter().find(|(pair, _)| *pair == asked) {
            return Ok(difference.clone());
        }
        let repo = self.repo();
        let now = tree_of(&repo, now)?;
        let Ok(before) = tree_of(&repo, before) else {
            return Ok(Arc::new(Difference::anywhere()));
        };
        let difference = Difference::between(&repo, before, now)
            .map_err(|error| failure::local(&error, "comparing commits"))?;
        let difference = Arc::new(difference);
        known.truncate(MOST_COMPARED - 1);
        known.push_front((asked, difference.clone()));
        Ok(difference)
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

    pub(super) fn repo(&self) -> gix::Repository {
        self.shared().to_thread_local()
    }

    fn replace(&self, repo: gix::ThreadSafeRepository) {
        *self.repo.write().unwrap_or_else(PoisonError::into_inner) = repo;
    }
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

pub(super) fn tree_of(repo: &gix::Repository, commit: &CommitId) -> Result<ObjectId, Failure> {
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

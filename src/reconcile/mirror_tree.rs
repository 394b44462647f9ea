//! A copy of somebody's tree, for directories that are not initialised: init may write there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::discover::called_outside;
use crate::domain::failure::{Failure, FailureKind};

use super::tree_copy::TreeCopy;

/// Between two attempts to get hold of a copy that another check uses.
const RETRY: Duration = Duration::from_millis(200);

/// The copy of one tree. It is kept in the cache, so that providers are installed once; it is
/// brought up to date at first use and then belongs to this process until it ends.
#[derive(Debug)]
pub(super) struct MirrorTree {
    base: PathBuf,
    path: PathBuf,
    cache: PathBuf,
    copy: PathBuf,
    made: OnceCell<Result<Made, Failure>>,
}

/// A copy that is up to date.
#[derive(Debug)]
struct Made {
    /// What the copy stands for: the tree, or a directory above it if modules are called there.
    original: PathBuf,
    _lock: fs::File,
}

impl MirrorTree {
    /// The copy of the tree `base` below `cache` for the stacks below `path`, real paths all;
    /// nothing is copied yet.
    pub(super) fn new(base: &Path, path: &Path, cache: &Path) -> Self {
        let hash = hex::encode(Sha256::digest(base.as_os_str().as_encoded_bytes()));
        let name = hash.get(..16).unwrap_or(&hash);
        Self {
            base: base.to_owned(),
            path: path.to_owned(),
            cache: cache.to_owned(),
            copy: cache.join("trees").join(name),
            made: OnceCell::new(),
        }
    }

    /// Where plan files of stacks in the copy are, and what is remembered of their init.
    pub(super) fn scratch(&self) -> PathBuf {
        self.copy.with_extension(super::cache::SCRATCH)
    }

    /// Where a directory of the original is in the copy.
    pub(super) async fn place_of(
        &self,
        dir: &Path,
        cancel: &CancellationToken,
    ) -> Result<PathBuf, Failure> {
        let made = self.made.get_or_init(|| self.make(cancel)).await;
        let made = made.as_ref().map_err(Clone::clone)?;
        let below = dir.strip_prefix(&made.original).unwrap_or(Path::new(""));
        let place = self.copy.join(below);
        match (place.canonicalize(), self.copy.canonicalize()) {
            (Ok(real), Ok(copy)) if real.starts_with(&copy) => Ok(place),
            _ => Err(Failure::new(
                FailureKind::NotInitialised,
                format!(
                    "{} is not initialised, and a link in its path leads out of the tree, so that \
                     init cannot run in a copy",
                    dir.display()
                ),
                "run `terraform init` there, then it is planned in place",
            )),
        }
    }

    async fn make(&self, cancel: &CancellationToken) -> Result<Made, Failure> {
        let lock = self.lock(cancel).await?;
        let (base, path) = (self.base.clone(), self.path.clone());
        let (cache, copy) = (self.cache.clone(), self.copy.clone());
        let made = tokio::task::spawn_blocking(move || {
            let parts = parts(&base, &path)?;
            let original = common(&parts).unwrap_or(base);
            let tree = TreeCopy {
                original: &original,
                parts: &parts,
                except: &cache,
                copy: &copy,
            };
            tree.refresh()?;
            Ok(original)
        });
        let made = made
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)));
        let original = made.map_err(|error| self.cannot_copy(&error))?;
        Ok(Made {
            original,
            _lock: lock,
        })
    }

    /// Holds the copy for this process; waits while another check uses it.
    async fn lock(&self, cancel: &CancellationToken) -> Result<fs::File, Failure> {
        let open = || {
            private_dir(&self.copy)?;
            fs::File::create(self.copy.with_extension(super::cache::LOCK))
        };
        let file = open().map_err(|error| self.cannot_copy(&error))?;
        let mut told = false;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => return Err(self.cannot_copy(&error.into())),
            }
            if !told {
                tracing::warn!(
                    tree = %self.base.display(),
                    "another check uses the copy of this tree: waiting until it has ended"
                );
                told = true;
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = cancel.cancelled() => return Err(Failure::new(
                    FailureKind::Interrupted,
                    "stopped while another check used the copy of this tree",
                    "run the check again",
                )),
            }
        }
    }

    fn cannot_copy(&self, error: &io::Error) -> Failure {
        let kind = if error.kind() == io::ErrorKind::StorageFull {
            FailureKind::OutOfDisk
        } else {
            FailureKind::Internal
        };
        Failure::new(
            kind,
            format!("cannot copy {} for init: {error}", self.base.display()),
            "run `terraform init` in the stack's directory, then it is planned in place",
        )
    }
}

fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// The tree and what its stacks call outside of it, none below another.
fn parts(base: &Path, path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut parts = called_outside(path, base).map_err(io::Error::other)?;
    parts.insert(base.to_owned());
    let all: BTreeSet<PathBuf> = parts.clone();
    parts.retain(|part| !part.ancestors().skip(1).any(|above| all.contains(above)));
    Ok(parts.into_iter().collect())
}

/// The directory that holds all of these.
fn common(parts: &[PathBuf]) -> Option<PathBuf> {
    let (first, others) = parts.split_first()?;
    let holds_all = |above: &&Path| others.iter().all(|other| other.starts_with(above));
    first.ancestors().find(holds_all).map(Path::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Home {
        _dir: tempfile::TempDir,
        root: PathBuf,
    }

    fn home(files: &[(&str, &str)]) -> Home {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("cache")).unwrap();
        for (path, content) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Home { _dir: dir, root }
    }

    impl Home {
        fn tree(&self, base: &str) -> MirrorTree {
            let base = self.root.join(base);
            MirrorTree::new(&base, &base, &self.root.join("cache"))
        }
    }

    #[tokio::test]
    async fn modules_outside_the_tree_keep_their_place_beside_it() {
        let home = home(&[
            (
                "live/a/main.tf",
                "module \"m\" { source = \"../../modules/m\" }",
            ),
            ("modules/m/main.tf", "module \"n\" { source = \"../n\" }"),
            ("modules/n/n.txt", "n"),
            ("modules/n/main.tf", "resource \"x\" \"y\" {}"),
            ("private/notes.txt", "not read by any stack"),
        ]);
        let tree = home.tree("live");
        let never = CancellationToken::new();
        let place = tree
            .place_of(&home.root.join("live/a"), &never)
            .await
            .unwrap();
        assert!(place.join("../../modules/n/n.txt").exists());
        assert!(!place.join("../../private").exists());
    }

    #[tokio::test]
    async fn a_stack_whose_copy_would_be_the_original_is_refused() {
        let home = home(&[("tree/main.tf", ""), ("other/a/main.tf", "")]);
        symlink("../other", home.root.join("tree/out")).unwrap();
        let never = CancellationToken::new();
        let tree = home.tree("tree");
        let refused = tree
            .place_of(&home.root.join("tree/out/a"), &never)
            .await
            .expect_err("it is outside");
        assert_eq!(refused.kind, FailureKind::NotInitialised);
        assert!(refused.hint.contains("terraform init"), "{}", refused.hint);
    }

    #[tokio::test]
    async fn waiting_for_another_check_can_be_stopped() {
        let home = home(&[("tree/main.tf", "")]);
        let dir = home.root.join("tree");
        let (first, second) = (home.tree("tree"), home.tree("tree"));
        let never = CancellationToken::new();
        first.place_of(&dir, &never).await.unwrap();
        let stop = CancellationToken::new();
        stop.cancel();
        let stopped = second.place_of(&dir, &stop).await.expect_err("in use");
        assert_eq!(stopped.kind, FailureKind::Interrupted);
        drop(first);
        let third = home.tree("tree");
        third.place_of(&dir, &never).await.unwrap();
    }

    #[tokio::test]
    async fn a_copy_that_cannot_be_made_is_not_tried_again() {
        let home = home(&[("tree/main.tf", ""), ("cache/trees", "a file")]);
        let (tree, dir) = (home.tree("tree"), home.root.join("tree"));
        let never = CancellationToken::new();
        let first = tree.place_of(&dir, &never).await.expect_err("no directory");
        fs::remove_file(home.root.join("cache/trees")).unwrap();
        assert_eq!(tree.place_of(&dir, &never).await.expect_err("kept"), first);
    }
}

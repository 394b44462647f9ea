//! Where things are under the data directory.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::domain::digest::DigestKey;
use crate::domain::ids::{RunId, SourceName, StackId};
use crate::domain::snapshot::StackPlace;

/// The data directory; every directory made here is private (0700).
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Makes the data directory and its parts.
    pub fn create(root: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)?;
        let root = fs::canonicalize(root)?;
        for part in ["mirrors", "trees", "checkouts", "scratch", "snapshots"] {
            let mut builder = fs::DirBuilder::new();
            builder
                .recursive(true)
                .mode(0o700)
                .create(root.join(part))?;
        }
        Ok(Self { root })
    }

    /// The data directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.root.join("mooring.db")
    }

    /// What is paused.
    pub fn pauses(&self) -> PathBuf {
        self.root.join("pauses.json")
    }

    /// The bare mirror of a source.
    pub fn mirror(&self, source: &SourceName) -> PathBuf {
        self.root.join("mirrors").join(source.as_str())
    }

    /// The checkout of a source in which stacks are discovered.
    pub fn tree(&self, source: &SourceName) -> PathBuf {
        self.root.join("trees").join(source.as_str())
    }

    /// The checkout of a stack: one path for good, because a path can be part of a plan.
    pub fn checkout(&self, stack: &StackId) -> PathBuf {
        self.root.join("checkouts").join(file_name(stack))
    }

    /// Where provider schemas are kept.
    pub fn schemas(&self) -> PathBuf {
        self.root.join("schemas")
    }

    /// The providers that the stacks share.
    pub fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// Where all plan files and outputs of Terraform are.
    pub fn scratch_root(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// Where plan files and outputs of a stack are.
    pub fn scratch(&self, stack: &StackId) -> PathBuf {
        self.scratch_root().join(file_name(stack))
    }

    /// What Terraform says during an apply, as it is.
    pub fn apply_log(&self, stack: &StackId, run: &RunId) -> PathBuf {
        self.scratch(stack).join(format!("apply-{run}.log"))
    }

    /// Holds the data directory for this process: two daemons on one directory would not know of
    /// each other's applies.
    pub fn lock(&self) -> io::Result<fs::File> {
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.root.join("lock"))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(file)
    }

    /// The name of this directory, made on first use, which no other one has.
    pub fn home(&self) -> io::Result<String> {
        let path = self.root.join("home");
        match fs::read_to_string(&path) {
            Ok(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => {
                let name = uuid::Uuid::now_v7().to_string();
                fs::write(&path, format!("{name}\n"))?;
                Ok(name)
            }
        }
    }

    /// The installation's key, made on first use. It is kept beside the database, not in it: who
    /// has only the database can neither forge a digest nor guess a masked value.
    pub fn installation_key(&self) -> io::Result<DigestKey> {
        let path = self.own_installation_key();
        match read_key(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let bytes = random_key()?;
                let temporary = self.root.join("installation.key.new");
                let mut file = fs::OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&temporary)?;
                file.write_all(&bytes)?;
                file.sync_all()?;
                fs::rename(&temporary, &path)?;
                Ok(DigestKey::new(bytes))
            }
            read => read,
        }
    }

    /// Where that key is kept.
    pub fn own_installation_key(&self) -> PathBuf {
        self.root.join("installation.key")
    }
}

/// The key in a file.
pub fn read_key(path: &Path) -> io::Result<DigestKey> {
    let bytes = <[u8; 32]>::try_from(fs::read(path)?);
    bytes.map(DigestKey::new).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is not a key of 32 bytes", path.display()),
        )
    })
}

/// 32 bytes from the operating system.
pub fn random_key() -> io::Result<[u8; 32]> {
    let mut bytes = [0u8; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn file_name(stack: &StackId) -> String {
    StackPlace::of(stack).as_str().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn stacks_whose_names_look_alike_have_their_own_directories() {
        let (a, b) = (StackId::new("infra/a/b"), StackId::new("infra/a_b"));
        assert_ne!(file_name(&a), file_name(&b));
        assert!(file_name(&StackId::new("x/../../etc")).find('/').is_none());
    }

    #[test]
    fn the_key_is_made_once_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::create(dir.path()).unwrap();
        let first = layout.installation_key().unwrap().fingerprint(b"x");
        assert_eq!(layout.installation_key().unwrap().fingerprint(b"x"), first);
        let mode = fs::metadata(dir.path().join("installation.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let copy = dir.path().join("copy");
        fs::copy(layout.own_installation_key(), &copy).unwrap();
        assert_eq!(read_key(&copy).unwrap().fingerprint(b"x"), first);
        fs::write(dir.path().join("installation.key"), b"short").unwrap();
        assert!(layout.installation_key().is_err());
    }
}

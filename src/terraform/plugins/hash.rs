//! The `h1` hash of a provider package, as lock files have it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

/// A file as it was when its package was hashed: one that was written since has another time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Below the package, with slashes.
    name: String,
    bytes: u64,
    seconds: i64,
    nanoseconds: i64,
}

/// The files of a package, by name.
pub(super) fn stamps(package: &Path) -> io::Result<Vec<Stamp>> {
    let mut stamps = Vec::new();
    for entry in WalkDir::new(package).min_depth(1) {
        let entry = entry?;
        if entry.file_type().is_dir() {
            continue;
        }
        let below = entry.path().strip_prefix(package);
        let name = below.ok().and_then(Path::to_str);
        let name = name.filter(|name| !name.contains('\n')).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "a file with an unusable name")
        })?;
        let metadata = fs::metadata(entry.path())?;
        stamps.push(Stamp {
            name: name.to_owned(),
            bytes: metadata.len(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
        });
    }
    stamps.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(stamps)
}

/// The hash over these files of a package: SHA-256 of the list of their names and hashes.
pub(super) fn h1(package: &Path, stamps: &[Stamp]) -> io::Result<String> {
    let mut list = Sha256::new();
    for Stamp { name, .. } in stamps {
        let mut file = Hashing(Sha256::new());
        io::copy(&mut File::open(package.join(name))?, &mut file)?;
        let hash = hex::encode(file.0.finalize());
        list.update(format!("{hash}  {name}\n"));
    }
    Ok(format!("h1:{}", STANDARD.encode(list.finalize())))
}

struct Hashing(Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The hash that Terraform 1.11.4 wrote into a lock file for this package.
    const BY_TERRAFORM: &str = "h1:uR/FwzQMDzL/NTESQMV5NvLGmsX3QYxUxtt35p2hV2E=";

    #[test]
    fn the_hash_is_the_one_that_terraform_writes_into_lock_files() {
        let package = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| fs::write(package.path().join(name), text).unwrap();
        file(
            "terraform-provider-null_v3.2.2",
            "#!/bin/sh\necho null:3.2.2\n",
        );
        file("LICENSE.txt", "licence null:3.2.2\n");
        let before = stamps(package.path()).unwrap();
        assert_eq!(h1(package.path(), &before).unwrap(), BY_TERRAFORM);

        file("LICENSE.txt", "licence null:3.2.3\n");
        assert_ne!(h1(package.path(), &before).unwrap(), BY_TERRAFORM);
        fs::create_dir(package.path().join("docs")).unwrap();
        assert_eq!(stamps(package.path()).unwrap().len(), 2);
        file("docs/README.md", "");
        assert_eq!(stamps(package.path()).unwrap().len(), 3);
    }
}

//! Where the packages in a directory in Terraform's layout are.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// `HOST/NAMESPACE/TYPE/VERSION/PLATFORM`.
const DEPTH: usize = 5;

/// One provider in one version for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    /// Below the directory that it was found in.
    pub(super) place: PathBuf,
    /// `HOST/NAMESPACE/TYPE`.
    pub(super) provider: String,
    /// Without a `v`.
    pub(super) version: String,
}

impl Package {
    fn at(place: &Path) -> Option<Self> {
        let parts: Vec<&str> = place.iter().map(OsStr::to_str).collect::<Option<_>>()?;
        let [host, namespace, kind, version, _platform] = parts[..] else {
            return None;
        };
        Some(Self {
            place: place.to_owned(),
            provider: format!("{host}/{namespace}/{kind}"),
            version: version.to_owned(),
        })
    }
}

/// The packages below a directory, which are directories or links. An absent directory has none.
pub(super) fn packages(root: &Path) -> io::Result<Vec<Package>> {
    let mut packages = Vec::new();
    let entries = WalkDir::new(root).max_depth(DEPTH).sort_by_file_name();
    for entry in entries.into_iter().filter_entry(is_of_terraform) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let cause = io::Error::from(error);
                if cause.kind() == io::ErrorKind::NotFound {
                    continue;
                }
                return Err(cause);
            }
        };
        let is_package = entry.file_type().is_dir() || entry.file_type().is_symlink();
        if entry.depth() == DEPTH
            && is_package
            && let Ok(place) = entry.path().strip_prefix(root)
        {
            packages.extend(Package::at(place));
        }
    }
    Ok(packages)
}

fn is_of_terraform(entry: &DirEntry) -> bool {
    entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Whether a package that init linked in a directory is gone.
pub(in crate::terraform) fn leads_nowhere(providers: &Path) -> bool {
    packages(providers).map_or(true, |packages| {
        let mut places = packages
            .iter()
            .map(|package| providers.join(&package.place));
        places.any(|place| fs::metadata(place).is_err())
    })
}

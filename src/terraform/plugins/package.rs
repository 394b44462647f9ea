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
    // A walk reads a directory before it can be told to pass it over, and what is beside the hosts has an
    // entry for every stack.
    for host in hosts(root)? {
        below(root, &host, &mut packages)?;
    }
    Ok(packages)
}

fn hosts(root: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut hosts = Vec::new();
    for entry in entries {
        let entry = entry?;
        if !is_hidden(&entry.file_name()) {
            hosts.push(entry.path());
        }
    }
    hosts.sort();
    Ok(hosts)
}

fn below(root: &Path, host: &Path, packages: &mut Vec<Package>) -> io::Result<()> {
    let entries = WalkDir::new(host).max_depth(DEPTH - 1).sort_by_file_name();
    let of_terraform = |entry: &DirEntry| !is_hidden(entry.file_name());
    for entry in entries.into_iter().filter_entry(of_terraform) {
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
        if entry.depth() == DEPTH - 1
            && is_package
            && let Ok(place) = entry.path().strip_prefix(root)
        {
            packages.extend(Package::at(place));
        }
    }
    Ok(())
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
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

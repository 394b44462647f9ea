//! Bare repositories on the disk: opened without anybody's settings, made, and replaced by new ones.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::failure;
use crate::domain::failure::{Failure, FailureKind};

pub(super) const REPO: &str = "repo.git";
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

pub(super) fn reopen(path: &Path) -> Result<gix::ThreadSafeRepository, Failure> {
    options()
        .open_path_as_is(true)
        .open(path)
        .map_err(|error| failure::local(&error, "opening a mirror"))
}

pub(super) fn open_mirror(dir: &Path) -> Result<gix::ThreadSafeRepository, Failure> {
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
pub(super) fn init(dir: &Path) -> Result<tempfile::TempDir, Failure> {
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
pub(super) fn swap(dir: &Path, fresh: tempfile::TempDir) -> Result<(), Failure> {
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

pub(super) fn packs(objects: &Path) -> usize {
    fs::read_dir(objects.join("pack")).map_or(0, |entries| {
        entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "pack"))
            .count()
    })
}

/// Somebody else may own it: it is only read, its settings do not count then, and no program that
/// it names is ever run.
pub(super) fn open_local(path: &Path) -> Result<gix::ThreadSafeRepository, Failure> {
    options().open(path).map_err(|error| {
        let failed = failure::local(&error, &format!("cannot open {}", path.display()));
        Failure::new(
            FailureKind::RepositoryUnreachable,
            failed.message,
            "give the path of a Git repository that Mooring may read",
        )
    })
}

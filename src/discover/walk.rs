//! The directories of a tree, each once.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use globset::GlobSet;

use crate::domain::failure::{Failure, FailureKind};

/// A directory of the tree.
pub(super) struct Place {
    /// Its path relative to the root as reported.
    pub(super) dir: String,
    /// Its path by the names that led to it.
    pub(super) shown: PathBuf,
    /// Its real path.
    pub(super) real: PathBuf,
    /// Why it cannot be listed, if it cannot.
    pub(super) closed: Option<Failure>,
    /// It or one above it matches an exclusion.
    pub(super) excluded: bool,
}

struct Step {
    shown: PathBuf,
    real: PathBuf,
    excluded: bool,
}

/// Walks from a root that is a real path. Real directories come before links to them, so that a
/// directory is known by its own name if it has one that is not hidden.
pub(super) fn walk(root: &Path, exclude: &GlobSet) -> std::io::Result<Vec<Place>> {
    fs::read_dir(root)?;
    let mut places = Vec::new();
    let mut visited = HashSet::new();
    let mut links = VecDeque::new();
    let mut steps = vec![Step {
        shown: root.to_owned(),
        real: root.to_owned(),
        excluded: false,
    }];
    loop {
        let Some(step) = steps.pop().or_else(|| links.pop_front()) else {
            return Ok(places);
        };
        let dir = relative(root, &step.shown);
        if !visited.insert(step.real.clone()) {
            continue;
        }
        let excluded = step.excluded || exclude.is_match(&dir);
        let entered = enter(root, &step, excluded, &mut steps, &mut links);
        let closed = entered.err().map(|error| {
            Failure::new(
                FailureKind::DirectoryMissing,
                format!("cannot read the directory {dir}: {error}"),
                "make it readable, or leave it out: there may be stacks in it",
            )
        });
        places.push(Place {
            dir,
            closed,
            shown: step.shown,
            real: step.real,
            excluded,
        });
    }
}

fn enter(
    root: &Path,
    step: &Step,
    excluded: bool,
    steps: &mut Vec<Step>,
    links: &mut VecDeque<Step>,
) -> std::io::Result<()> {
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(&step.real)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.file_name()));
    for entry in entries {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let next = |real: PathBuf| Step {
            shown: step.shown.join(entry.file_name()),
            real,
            excluded,
        };
        if kind.is_dir() {
            steps.push(next(entry.path()));
        } else if kind.is_symlink()
            && let Ok(real) = entry.path().canonicalize()
            && real.is_dir()
            && real.starts_with(root)
            && !is_machinery(real.strip_prefix(root).unwrap_or(&real))
        {
            links.push_back(next(real));
        }
    }
    Ok(())
}

/// The path as it is reported; what is not UTF-8 in it is replaced.
fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
    if below.is_empty() {
        ".".to_owned()
    } else {
        below.into_owned()
    }
}

/// Git's and Terraform's own directories hold nobody's stacks.
fn is_machinery(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str() == ".git" || part.as_os_str() == ".terraform")
}

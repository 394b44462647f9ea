//! From a checkout to its stacks: which directories are root modules, what each of them reads
//! elsewhere in the tree, where what it declares stands, and who owns that. Files are read, nothing
//! is run.

mod blocks;
mod facts;
mod hcl;
mod json;
mod owners;
mod paths;
mod places;
mod pointers;
mod reach;
mod read;
mod settings;
mod text;
mod var_files;
mod walk;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use globset::GlobSet;

use crate::domain::failure::{Failure, FailureKind};

use facts::Base;
use read::Directory;

pub use owners::{OwnersFile, owners};
pub use places::places;
pub use pointers::Pointers;
pub use reach::{values_in_stay, values_stay};
pub use settings::{SETTINGS_FILE, read_settings, settings_files};
pub use var_files::VarFiles;

/// Nested expressions are parsed by recursion.
const STACK_SIZE: usize = 128 << 20;

/// What shows that a directory is a root module; the strongest mark that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// A `backend` block.
    Backend {
        /// Its type: `s3`, `local`, …
        kind: String,
    },
    /// A `cloud` block.
    Cloud,
    /// A `provider` block, and no other directory calls it as a module.
    Provider,
    /// A `resource` block, and no other directory calls it as a module.
    Resource,
    /// It only calls modules, and no other directory calls it.
    Module,
    /// Its files cannot be read, so that it may be one.
    Unknown,
}

/// A directory that is a root module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Relative to the root, `.` for the root itself, always with `/`.
    pub dir: String,
    /// Why it is taken for a root module.
    pub mark: Mark,
    /// What it reads besides its own directory, as far as its text tells, relative to the root and
    /// sorted: the directories of local modules, transitively; files and directories named in
    /// strings such as `"../x.tpl"` or `"${path.module}/../x"`, its own or its modules'; targets of
    /// links. What lies below another entry is left out, and so are paths outside the root. More
    /// than it really reads, rather than less. An entry may not exist (yet).
    pub reads: Vec<String>,
    /// Whether `reads` and its own directory are certainly all that it reads of the tree: nothing in
    /// its files makes paths that are not known here, and no program is run.
    pub closed: bool,
    /// Directories of stacks that are to be applied before it, relative to the root and sorted.
    pub needs: Vec<String>,
    /// Names of files with variable values in its directory that Terraform does not load by
    /// itself, sorted.
    pub var_files: Vec<String>,
    /// Why it cannot be planned: `InvalidConfiguration` with file and line if a file in it cannot be
    /// read or parsed, `DirectoryMissing` if it cannot be listed or its name is not UTF-8.
    pub problem: Option<Failure>,
}

/// Finds the root modules under `root`, sorted by directory.
///
/// A directory with a `backend` or `cloud` block is one; so is one with `provider`, `resource` or
/// `module` blocks that no directory of the tree calls as a local module. Hidden directories are
/// passed over. Directories that match `exclude` (by their path relative to the root) and what is
/// below are not reported, but the modules they call still count as called. With `only_below` only
/// that directory and those below it are reported. A link to a directory is followed if it leads
/// to a place inside the root that is not visited anyway. A directory that cannot be listed is
/// reported with a problem: there may be stacks in it.
///
/// # Errors
/// `DirectoryMissing` if the root or `only_below` is not a readable directory, `Internal`.
pub fn discover(
    root: &Path,
    exclude: &GlobSet,
    only_below: Option<&str>,
) -> Result<Vec<Found>, Failure> {
    on_deep_stack(root, || Survey::of(root, exclude)?.report(only_below))
}

/// The directories outside `base` that the directories below `root` call as local modules,
/// transitively: existing directories, by their real paths. `base` is a real path.
///
/// # Errors
/// As [`discover`].
pub fn called_outside(root: &Path, base: &Path) -> Result<BTreeSet<PathBuf>, Failure> {
    on_deep_stack(root, || {
        let mut survey = Survey::of(root, &GlobSet::empty())?;
        let mut outside = BTreeSet::new();
        let places = std::mem::take(&mut survey.places);
        let mut seen = HashSet::new();
        let mut queue: Vec<PathBuf> = places.into_iter().map(|place| place.real).collect();
        while let Some(dir) = queue.pop() {
            if !seen.insert(dir.clone()) {
                continue;
            }
            let directory = survey.directory(&dir);
            let called = directory.facts.calls.iter();
            let called = called.filter_map(|source| dir.join(source).canonicalize().ok());
            for module in called.filter(|module| module.is_dir()) {
                if !module.starts_with(base) {
                    outside.insert(module.clone());
                }
                queue.push(module);
            }
        }
        Ok(outside)
    })
}

fn on_deep_stack<T: Send>(
    root: &Path,
    work: impl FnOnce() -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    let internal = |cause: String| {
        Failure::new(
            FailureKind::Internal,
            format!("looking for stacks in {}: {cause}", root.display()),
            "this is a defect in Mooring: please report it with the log",
        )
    };
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("discover".to_owned())
            .stack_size(STACK_SIZE)
            .spawn_scoped(scope, work)
            .map_err(|error| internal(error.to_string()))?
            .join()
            .unwrap_or_else(|_| Err(internal("it broke off".to_owned())))
    })
}

/// A tree that has been walked. Directories are known by their real path.
struct Survey {
    root: PathBuf,
    places: Vec<walk::Place>,
    read: HashMap<PathBuf, Rc<Directory>>,
}

impl Survey {
    fn of(root: &Path, exclude: &GlobSet) -> Result<Self, Failure> {
        let root = directory(root)?;
        let places = walk::walk(&root, exclude).map_err(|error| missing(&root, &error))?;
        Ok(Self {
            root,
            places,
            read: HashMap::new(),
        })
    }

    fn report(mut self, only_below: Option<&str>) -> Result<Vec<Found>, Failure> {
        let below = match only_below {
            Some(dir) => directory(&self.root.join(dir))?,
            None => self.root.clone(),
        };
        let places = std::mem::take(&mut self.places);
        let called = self.called(&places);
        let mut found: Vec<Found> = places
            .iter()
            .filter(|place| !place.excluded && place.real.starts_with(&below))
            .filter_map(|place| self.judge(place, called.contains(&place.real)))
            .collect();
        found.sort_by(|a, b| a.dir.cmp(&b.dir));
        Ok(found)
    }

    /// Every directory that another one calls, also from one that is not reported or hidden.
    fn called(&mut self, places: &[walk::Place]) -> HashSet<PathBuf> {
        let mut called = HashSet::new();
        let mut queue: Vec<PathBuf> = places.iter().map(|place| place.real.clone()).collect();
        while let Some(dir) = queue.pop() {
            for module in self.modules(&dir) {
                if module != dir && called.insert(module.clone()) {
                    queue.push(module);
                }
            }
        }
        called
    }

    /// The real directories inside the root that a directory calls.
    fn modules(&mut self, dir: &Path) -> Vec<PathBuf> {
        self.directory(dir)
            .facts
            .calls
            .iter()
            .filter_map(|source| dir.join(source).canonicalize().ok())
            .filter(|module| module.starts_with(&self.root))
            .collect()
    }

    fn judge(&mut self, place: &walk::Place, called: bool) -> Option<Found> {
        let directory = self.directory(&place.real);
        if let Some(closed) = &place.closed {
            return Some(Found {
                dir: place.dir.clone(),
                mark: Mark::Unknown,
                reads: Vec::new(),
                closed: false,
                needs: Vec::new(),
                var_files: Vec::new(),
                problem: Some(closed.clone()),
            });
        }
        let mark = directory.facts.mark.clone()?;
        if called && !matches!(mark, Mark::Backend { .. } | Mark::Cloud) {
            return None;
        }
        let odd_name = paths::relative(&self.root, &place.shown).is_none();
        let odd_name = odd_name.then(|| {
            Failure::new(
                FailureKind::DirectoryMissing,
                format!("the name of {} is not UTF-8", place.dir),
                "rename the directory",
            )
        });
        let (mut reads, closed) = self.reads(&place.real);
        reads.extend(paths::relative(&self.root, &place.real));
        reads.remove(&place.dir);
        Some(Found {
            dir: place.dir.clone(),
            reads: paths::outermost(&reads),
            closed,
            needs: Vec::new(),
            var_files: directory.var_files.clone(),
            problem: odd_name.or_else(|| directory.facts.problem.clone()),
            mark,
        })
    }

    /// What a stack reads elsewhere, and whether that is certainly all.
    fn reads(&mut self, stack: &Path) -> (BTreeSet<String>, bool) {
        let mut reads = BTreeSet::new();
        let mut closed = true;
        let mut seen = HashSet::new();
        let mut queue = vec![stack.to_owned()];
        while let Some(dir) = queue.pop() {
            if !seen.insert(dir.clone()) {
                continue;
            }
            let directory = self.directory(&dir);
            closed &= !directory.facts.open;
            for source in &directory.facts.calls {
                self.note(&dir.join(source), None, &mut reads);
            }
            queue.extend(self.modules(&dir));
            for link in &directory.links {
                self.note(link, Some(stack), &mut reads);
            }
            for used in &directory.facts.paths {
                if used.base != Base::Root {
                    self.note(&dir.join(&used.path), Some(stack), &mut reads);
                }
                if used.base != Base::Module {
                    self.note(&stack.join(&used.path), Some(stack), &mut reads);
                }
            }
        }
        (reads, closed)
    }

    /// Adds a path as written and as it really is, unless it lies in the directory `except`.
    fn note(&self, path: &Path, except: Option<&Path>, reads: &mut BTreeSet<String>) {
        let written = paths::normal(path);
        let real = path.canonicalize().ok();
        for path in std::iter::once(written).chain(real) {
            if except.is_none_or(|own| !path.starts_with(own)) {
                reads.extend(paths::relative(&self.root, &path));
            }
        }
    }

    fn directory(&mut self, real: &Path) -> Rc<Directory> {
        if let Some(known) = self.read.get(real) {
            return Rc::clone(known);
        }
        let directory = Rc::new(read::directory(&self.root, real));
        self.read.insert(real.to_owned(), Rc::clone(&directory));
        directory
    }
}

fn directory(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize()
        .and_then(|real| std::fs::read_dir(&real).map(|_| real))
        .map_err(|error| missing(path, &error))
}

fn missing(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        FailureKind::DirectoryMissing,
        format!("cannot read the directory {}: {error}", path.display()),
        "give a directory that exists and that Mooring may read",
    )
}

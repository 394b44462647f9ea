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
mod remote;
mod settings;
mod states;
mod survey;
mod term;
mod terragrunt;
mod terramate;
mod text;
mod values;
mod var_files;
mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use globset::GlobSet;

use crate::domain::failure::{Failure, FailureKind};

use survey::Survey;

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
    /// Terragrunt has it for a unit, or for a stack of units.
    Terragrunt,
    /// Terramate has it for a stack, and nothing else shows it.
    Terramate,
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
    /// Directories of stacks that are to be applied before it, relative to the root and sorted: whose
    /// state it reads, if both say by themselves which that is, and what Terragrunt or Terramate is
    /// told. Others may need it in turn: circles are not looked for.
    pub needs: Vec<String>,
    /// Names of files with variable values in its directory that Terraform does not load by
    /// itself, sorted.
    pub var_files: Vec<String>,
    /// Why it cannot be planned: `InvalidConfiguration` with file and line if a file in it cannot be
    /// read or parsed, `DirectoryMissing` if it cannot be listed or its name is not UTF-8,
    /// `Unsupported` if only Terragrunt could plan it, or Terramate would have to generate it first.
    pub problem: Option<Failure>,
}

/// Finds the root modules under `root`, sorted by directory.
///
/// A directory with a `backend` or `cloud` block is one; so is one with `provider`, `resource` or
/// `module` blocks that no directory of the tree calls as a local module. So is what Terragrunt has for
/// a unit or Terramate for a stack, whatever is in it; what units of Terragrunt call is a module, also
/// with a backend that they would fill in. Units that Terragrunt would generate are reported as if they
/// were there. Hidden directories are
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
        Ok(Survey::of(root, &GlobSet::empty())?.called_outside(base))
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

//! The `CODEOWNERS` file of a tree.

use std::path::Path;

use super::read;
use crate::domain::codeowners::{Dialect, Owners};

/// Where services look for it, the first that exists counts, and whose rules it follows if the
/// place tells. GitHub looks in the first three, GitLab in the last three.
const PLACES: [(&str, Option<Dialect>); 4] = [
    (".github/CODEOWNERS", Some(Dialect::GitHub)),
    ("CODEOWNERS", None),
    ("docs/CODEOWNERS", None),
    (".gitlab/CODEOWNERS", Some(Dialect::GitLab)),
];

/// A `CODEOWNERS` file.
#[derive(Debug, Clone)]
pub struct OwnersFile {
    /// Its path relative to the root.
    pub file: &'static str,
    /// What it says.
    pub owners: Owners,
}

/// Finds and reads the `CODEOWNERS` file of a tree; `None` if there is none, or none that can be
/// read. A link that leads out of the tree is not followed.
pub fn owners(root: &Path) -> Option<OwnersFile> {
    let root = root.canonicalize().ok()?;
    let (file, dialect, path) = PLACES.into_iter().find_map(|(file, dialect)| {
        let path = root.join(file).canonicalize().ok()?;
        (path.starts_with(&root) && path.is_file()).then_some((file, dialect, path))
    })?;
    let bytes = read::content(&path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let dialect = dialect.unwrap_or_else(|| Dialect::of(&text));
    Some(OwnersFile {
        file,
        owners: Owners::parse(&text, dialect),
    })
}

//! Paths inside the tree.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Longer strings are not taken for paths.
const LONGEST_PATH: usize = 1024;

/// The path without `.` and `..`, by its text alone.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// A path below the root as it is reported: relative, with `/`, `.` for the root itself. `None`
/// outside, and for names that are not UTF-8.
pub(super) fn relative(root: &Path, path: &Path) -> Option<String> {
    let relative = path.strip_prefix(root).ok()?.to_str()?;
    Some(match relative {
        "" => ".".to_owned(),
        other => other.to_owned(),
    })
}

/// Whether a text may be a path that leads out of its directory.
pub(super) fn leads_out(text: &str) -> bool {
    text.len() <= LONGEST_PATH && climbs(text) && !text.contains(char::is_control)
}

/// Whether a text, or what begins or ends with it, goes to a directory above.
pub(super) fn climbs(text: &str) -> bool {
    text.split('/').any(|part| part == "..")
}

/// The constant beginning of a path whose end is not known: the directory that it names for sure.
pub(super) fn directory_part(prefix: &str) -> &str {
    prefix
        .rsplit_once('/')
        .map_or("", |(directory, _)| directory)
}

/// The paths that lie below no other of them.
pub(super) fn outermost(paths: &BTreeSet<String>) -> Vec<String> {
    let covered = |path: &str| {
        paths.contains(".")
            || Path::new(path)
                .ancestors()
                .skip(1)
                .any(|above| above.to_str().is_some_and(|above| paths.contains(above)))
    };
    paths
        .iter()
        .filter(|path| *path == "." || !covered(path))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_below_another_adds_nothing() {
        let of = |paths: &[&str]| outermost(&paths.iter().map(|&path| path.to_owned()).collect());
        assert_eq!(of(&["a/b", "a-b", "a", "c/d"]), ["a", "a-b", "c/d"]);
        assert_eq!(of(&[".", "a"]), ["."]);
    }

    #[test]
    fn paths_are_made_plain_and_never_leave_the_root() {
        let root = Path::new("/r");
        let at = |path: &str| relative(root, &normal(&root.join(path)));
        assert_eq!(at("a/../b/./c").as_deref(), Some("b/c"));
        assert_eq!(at("a/..").as_deref(), Some("."));
        assert_eq!(at("../x"), None);
        assert_eq!(at("../r2"), None);
        assert_eq!(at("a/../../r/x").as_deref(), Some("x"));
    }

    #[test]
    fn only_what_looks_like_a_path_leads_out() {
        assert!(leads_out("../x") && leads_out("a/../../b") && leads_out(".."));
        assert!(leads_out("../our files/x"));
        assert!(!leads_out("a..b") && !leads_out("...") && !leads_out("see ../x for more"));
    }
}

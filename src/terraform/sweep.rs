//! What a crash leaves behind.

use std::fs::File;
use std::path::Path;

use super::plan_file::SUFFIX;

/// Removes plan files under `scratch_root` that no running process holds, and gives their number.
/// Symbolic links are not followed. An absent directory is an empty one.
pub fn sweep(scratch_root: &Path) -> std::io::Result<usize> {
    let mut removed = 0;
    for entry in walkdir::WalkDir::new(scratch_root) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let cause = std::io::Error::from(error);
                if cause.kind() == std::io::ErrorKind::NotFound {
                    continue;
                }
                return Err(cause);
            }
        };
        let ours =
            entry.file_type().is_file() && entry.file_name().to_string_lossy().ends_with(SUFFIX);
        if ours && is_abandoned(entry.path())? {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn is_abandoned(path: &Path) -> std::io::Result<bool> {
    match File::open(path) {
        Ok(file) => Ok(file.try_lock().is_ok()),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::terraform::plan_file::PlanFile;

    #[test]
    fn only_what_nobody_uses_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let scratch = root.path().join("a/b");
        std::fs::create_dir_all(&scratch).unwrap();
        let used = PlanFile::create(&scratch).unwrap();
        let left = scratch.join(format!("old{SUFFIX}"));
        let other = scratch.join("state.json");
        std::fs::write(&left, "x").unwrap();
        std::fs::write(&other, "x").unwrap();
        assert_eq!(sweep(root.path()).unwrap(), 1);
        assert!(used.path().exists() && other.exists() && !left.exists());
        assert_eq!(sweep(&root.path().join("absent")).unwrap(), 0);
    }
}

//! What a crash leaves behind.

use std::fs::File;
use std::path::Path;

use super::plan_file::SUFFIX;
use super::plugins::VIEW_SUFFIX;

/// Removes plan files and views of providers under `scratch_root` that no running process holds, and
/// gives their number.
/// Symbolic links are not followed. An absent directory is an empty one.
pub fn sweep(scratch_root: &Path) -> std::io::Result<usize> {
    let mut removed = 0;
    let mut entries = walkdir::WalkDir::new(scratch_root).into_iter();
    while let Some(entry) = entries.next() {
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
        let name = entry.file_name().to_string_lossy();
        if entry.file_type().is_dir() && name.ends_with(VIEW_SUFFIX) {
            entries.skip_current_dir();
            if let Some(_held) = abandoned(entry.path())? {
                std::fs::remove_dir_all(entry.path())?;
                removed += 1;
            }
        } else if entry.file_type().is_file()
            && name.ends_with(SUFFIX)
            && let Some(_held) = abandoned(entry.path())?
        {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// What nobody holds, held.
fn abandoned(path: &Path) -> std::io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(file.try_lock().is_ok().then_some(file)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
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

        let view = |name: &str| scratch.join(format!("{name}{VIEW_SUFFIX}"));
        std::fs::create_dir_all(view("left").join("host/n/t/1.0.0")).unwrap();
        std::fs::create_dir(view("used")).unwrap();
        let held = File::open(view("used")).unwrap();
        held.lock().unwrap();
        std::os::unix::fs::symlink(root.path(), view("left").join("link")).unwrap();
        assert_eq!(sweep(root.path()).unwrap(), 1);
        assert!(view("used").exists() && !view("left").exists() && other.exists());
        assert_eq!(sweep(&root.path().join("absent")).unwrap(), 0);
    }
}

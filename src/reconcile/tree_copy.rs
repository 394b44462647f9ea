//! Bringing a copy of somebody's tree up to date: what differs is copied, what is gone is removed,
//! and nothing in the copy leads back into the original.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// Files up to this many bytes are compared; larger ones are simply copied again.
const LARGEST_COMPARED: u64 = 8 << 20;

/// What is copied, and to where.
#[derive(Debug)]
pub(super) struct TreeCopy<'a> {
    /// The directory that the copy stands for; real path.
    pub(super) original: &'a Path,
    /// The directories in it that are copied.
    pub(super) parts: &'a [PathBuf],
    /// A directory that is left out if it lies in one of them; real path.
    pub(super) except: &'a Path,
    /// The copy; real path.
    pub(super) copy: &'a Path,
}

impl TreeCopy<'_> {
    /// Makes the copy like the original, Git's and Terraform's own directories left out. Files that
    /// did not change are left as they are; what may not be read is left out with a warning.
    pub(super) fn refresh(&self) -> io::Result<()> {
        let mut present = BTreeSet::new();
        for part in self.parts {
            let below = self.below(part)?;
            present.extend(below.ancestors().map(Path::to_owned));
            for above in below.ancestors().collect::<Vec<_>>().into_iter().rev() {
                make_dir(&self.copy.join(above))?;
            }
            self.refresh_part(part, &mut present)?;
        }
        self.remove_others(&present)
    }

    fn below(&self, path: &Path) -> io::Result<PathBuf> {
        let below = path.strip_prefix(self.original).map_err(io::Error::other)?;
        Ok(below.to_owned())
    }

    fn refresh_part(&self, part: &Path, present: &mut BTreeSet<PathBuf>) -> io::Result<()> {
        let entries = WalkDir::new(part).min_depth(1).into_iter();
        for entry in entries.filter_entry(|entry| self.is_wanted(entry)) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(part).to_owned();
                    let error = io::Error::from(error);
                    if !is_out_of_reach(&error) {
                        return Err(error);
                    }
                    tracing::warn!(path = %path.display(), %error, "left out of the copy");
                    continue;
                }
            };
            let below = self.below(entry.path())?;
            let target = self.copy.join(&below);
            let kind = entry.file_type();
            let copied = if kind.is_dir() {
                make_dir(&target).map(|()| true)?
            } else if kind.is_symlink() {
                self.link(entry.path(), &below, &target)?
            } else if kind.is_file() {
                copy_file(entry.path(), &target)?
            } else {
                false
            };
            if copied {
                present.insert(below);
            }
        }
        Ok(())
    }

    fn is_wanted(&self, entry: &DirEntry) -> bool {
        entry.file_name() != ".git"
            && entry.file_name() != ".terraform"
            && entry.path() != self.except
    }

    /// Copies a link. One that leads out of its tree on its way back in would lead from the copy
    /// into the original, where init must not write.
    fn link(&self, source: &Path, below: &Path, target: &Path) -> io::Result<bool> {
        let written = match fs::read_link(source) {
            Err(error) if is_out_of_reach(&error) => return Ok(false),
            written => written?,
        };
        let full = source.parent().unwrap_or(source).join(&written);
        let real = full.canonicalize().unwrap_or_else(|_| normal(&full));
        let copied = self.parts.iter().any(|part| real.starts_with(part));
        let aim = match real.strip_prefix(self.original) {
            Ok(_) if copied && stays_inside(below, &written) => written,
            Ok(inside) if copied => self.copy.join(inside),
            _ => real,
        };
        if fs::read_link(target).is_ok_and(|known| known == aim) {
            return Ok(true);
        }
        clear(target)?;
        std::os::unix::fs::symlink(aim, target)?;
        Ok(true)
    }

    fn remove_others(&self, present: &BTreeSet<PathBuf>) -> io::Result<()> {
        let walk = WalkDir::new(self.copy).min_depth(1);
        let mut entries = walk
            .into_iter()
            .filter_entry(|entry| !is_kept(entry.file_name()));
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(io::Error::other)?;
            let below = entry.path().strip_prefix(self.copy);
            if !present.contains(below.map_err(io::Error::other)?) {
                if entry.file_type().is_dir() {
                    entries.skip_current_dir();
                }
                clear(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Whether a name belongs to the copy's own life and is neither copied nor removed.
fn is_kept(name: &OsStr) -> bool {
    name == ".terraform" || name == ".terraform.lock.hcl"
}

/// What may not be read, or was there a moment ago.
fn is_out_of_reach(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound
    )
}

/// Whether a link's text never leads above the root, wherever the link stands below it.
fn stays_inside(link: &Path, aim: &Path) -> bool {
    let mut depth = link.components().count().saturating_sub(1);
    aim.components().all(|part| match part {
        Component::CurDir => true,
        Component::Normal(_) => {
            depth += 1;
            true
        }
        Component::ParentDir if depth > 0 => {
            depth -= 1;
            true
        }
        _ => false,
    })
}

/// The path without `.` and `..`, by its text alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

fn make_dir(target: &Path) -> io::Result<()> {
    match fs::symlink_metadata(target) {
        Ok(known) if known.is_dir() => Ok(()),
        Ok(_) => fs::remove_file(target).and_then(|()| fs::create_dir(target)),
        Err(_) => fs::create_dir_all(target),
    }
}

/// Copies a file unless the copy has the same content; false if it cannot be read.
fn copy_file(source: &Path, target: &Path) -> io::Result<bool> {
    let mut from = match fs::File::open(source) {
        Err(error) if is_out_of_reach(&error) => {
            tracing::warn!(path = %source.display(), %error, "left out of the copy");
            return Ok(false);
        }
        from => from?,
    };
    let meta = from.metadata()?;
    if !is_same(&mut from, &meta, target)? {
        clear(target)?;
        fs::copy(source, target)?;
    }
    let mode = meta.permissions().mode() & 0o777;
    // Ours to read and replace, whatever it is in the original.
    fs::set_permissions(target, fs::Permissions::from_mode(mode | 0o600))?;
    fs::File::open(target)?.set_modified(meta.modified()?)?;
    Ok(true)
}

/// Whether both hold the same bytes. Times do not tell: a file can be replaced within the tick of a
/// clock, or by one with an older time.
fn is_same(from: &mut fs::File, meta: &fs::Metadata, target: &Path) -> io::Result<bool> {
    let candidate =
        fs::symlink_metadata(target).is_ok_and(|to| to.is_file() && to.len() == meta.len());
    if !candidate || meta.len() > LARGEST_COMPARED {
        return Ok(false);
    }
    let (mut wanted, mut known) = (Vec::new(), Vec::new());
    from.read_to_end(&mut wanted)?;
    fs::File::open(target)?.read_to_end(&mut known)?;
    Ok(wanted == known)
}

fn clear(target: &Path) -> io::Result<()> {
    match fs::symlink_metadata(target) {
        Ok(known) if known.is_dir() => fs::remove_dir_all(target),
        Ok(_) => fs::remove_file(target),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    struct Trees {
        _dir: tempfile::TempDir,
        original: PathBuf,
        copy: PathBuf,
    }

    fn trees() -> Trees {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (original, copy) = (root.join("tree"), root.join("cache/trees/x"));
        fs::create_dir_all(original.join("a")).unwrap();
        fs::create_dir_all(&copy).unwrap();
        Trees {
            _dir: dir,
            original,
            copy,
        }
    }

    impl Trees {
        fn refresh(&self) {
            let tree = TreeCopy {
                original: &self.original,
                parts: std::slice::from_ref(&self.original),
                except: Path::new("/nowhere"),
                copy: &self.copy,
            };
            tree.refresh().unwrap();
        }

        fn read(&self, path: &str) -> String {
            fs::read_to_string(self.copy.join(path)).unwrap()
        }
    }

    #[test]
    fn the_copy_follows_the_original_and_keeps_what_init_made() {
        let trees = trees();
        let (original, copy) = (&trees.original, &trees.copy);
        fs::create_dir_all(original.join("a/.terraform")).unwrap();
        fs::create_dir_all(original.join(".git")).unwrap();
        fs::write(original.join("a/main.tf"), "one").unwrap();
        fs::write(original.join("a/old.tf"), "old").unwrap();
        symlink("main.tf", original.join("a/link.tf")).unwrap();
        trees.refresh();
        assert_eq!(trees.read("a/link.tf"), "one");
        assert!(!copy.join(".git").exists() && !copy.join("a/.terraform").exists());

        fs::create_dir_all(copy.join("a/.terraform")).unwrap();
        fs::write(copy.join("a/.terraform.lock.hcl"), "lock").unwrap();
        fs::write(original.join("a/main.tf"), "two!").unwrap();
        fs::remove_file(original.join("a/old.tf")).unwrap();
        trees.refresh();
        assert_eq!(trees.read("a/main.tf"), "two!");
        assert!(!copy.join("a/old.tf").exists());
        assert!(copy.join("a/.terraform").exists() && copy.join("a/.terraform.lock.hcl").exists());
    }

    #[test]
    fn a_file_of_the_same_size_and_time_is_copied_again_if_its_content_differs() {
        let trees = trees();
        let file = trees.original.join("a/main.tf");
        fs::write(&file, "one").unwrap();
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        trees.refresh();
        fs::write(&file, "two").unwrap();
        fs::File::open(&file).unwrap().set_modified(time).unwrap();
        trees.refresh();
        assert_eq!(trees.read("a/main.tf"), "two");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        trees.refresh();
        let mode = fs::metadata(trees.copy.join("a/main.tf")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn no_link_leads_from_the_copy_into_the_original() {
        let trees = trees();
        let original = &trees.original;
        fs::write(original.join("a/main.tf"), "one").unwrap();
        fs::create_dir_all(original.parent().unwrap().join("other")).unwrap();
        symlink(original.join("a"), original.join("absolute")).unwrap();
        symlink("../tree/a", original.join("around")).unwrap();
        symlink("a", original.join("inside")).unwrap();
        symlink("../other", original.join("outside")).unwrap();
        symlink(original.join("gone"), original.join("dangling")).unwrap();
        trees.refresh();
        for link in ["absolute", "around", "inside"] {
            let real = trees.copy.join(link).canonicalize().unwrap();
            assert_eq!(real, trees.copy.join("a"), "{link}");
        }
        let aim = |link: &str| fs::read_link(trees.copy.join(link)).unwrap();
        assert_eq!(aim("inside"), Path::new("a"));
        assert_eq!(aim("outside"), original.parent().unwrap().join("other"));
        assert_eq!(aim("dangling"), trees.copy.join("gone"));
        trees.refresh();
    }

    #[test]
    fn what_may_not_be_read_is_left_out() {
        let trees = trees();
        let secret = trees.original.join("secret");
        fs::create_dir(trees.original.join("closed")).unwrap();
        fs::write(&secret, "s").unwrap();
        fs::write(trees.original.join("a/main.tf"), "one").unwrap();
        trees.refresh();
        assert!(trees.copy.join("secret").exists());
        let close = |path: &Path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap();
        };
        close(&secret);
        close(&trees.original.join("closed"));
        // Root reads everything.
        let reads_all = fs::File::open(&secret).is_ok();
        trees.refresh();
        assert_eq!(trees.read("a/main.tf"), "one");
        assert_eq!(trees.copy.join("secret").exists(), reads_all);
        let open = fs::Permissions::from_mode(0o700);
        fs::set_permissions(trees.original.join("closed"), open).unwrap();
    }

    #[test]
    fn only_the_parts_are_copied_and_the_cache_is_not() {
        let trees = trees();
        for file in ["a/main.tf", "b/c/main.tf", "b/d/main.tf", "a/cache/x"] {
            let file = trees.original.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
        let parts = [trees.original.join("a"), trees.original.join("b/c")];
        let tree = TreeCopy {
            original: &trees.original,
            parts: &parts,
            except: &trees.original.join("a/cache"),
            copy: &trees.copy,
        };
        tree.refresh().unwrap();
        tree.refresh().unwrap();
        assert_eq!(trees.read("a/main.tf") + &trees.read("b/c/main.tf"), "xx");
        assert!(!trees.copy.join("b/d").exists() && !trees.copy.join("a/cache").exists());
    }
}

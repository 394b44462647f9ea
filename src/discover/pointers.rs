//! Files of Git LFS that are there as their pointers only, where Terraform would read them.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How a pointer begins.
const BEGINNING: &[u8] = b"version https://git-lfs.github.com/spec/";
/// No pointer is larger, in bytes.
const LARGEST: u64 = 1024;
/// What Terraform reads by itself has one of these endings.
const ENDINGS: [&str; 6] = [
    ".tf",
    ".tf.json",
    ".tofu",
    ".tofu.json",
    ".tfvars",
    ".tfvars.json",
];

/// A tree in which pointers are looked for, each directory once.
pub struct Pointers<'t> {
    root: &'t Path,
    seen: HashMap<PathBuf, Option<String>>,
}

impl<'t> Pointers<'t> {
    /// The tree of a source.
    pub fn new(root: &'t Path) -> Self {
        Self {
            root,
            seen: HashMap::new(),
        }
    }

    /// A pointer among the code and the variable files at a path (a directory, without those below
    /// it, or a file), relative to the root.
    pub fn at(&mut self, path: &str) -> Option<String> {
        let place = self.root.join(path);
        if let Some(known) = self.seen.get(&place) {
            return known.clone();
        }
        let found = self.look(&place);
        self.seen.insert(place, found.clone());
        found
    }

    fn look(&self, place: &Path) -> Option<String> {
        let read = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| ENDINGS.iter().any(|ending| name.ends_with(ending)))
        };
        let mut files: Vec<PathBuf> = match fs::read_dir(place) {
            Ok(entries) => entries
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .filter(read)
                .collect(),
            Err(_) => vec![place.to_owned()].into_iter().filter(read).collect(),
        };
        files.sort();
        let pointer = files.into_iter().find(|file| is_pointer_file(file))?;
        let shown = pointer.strip_prefix(self.root).unwrap_or(&pointer);
        Some(shown.display().to_string())
    }
}

/// Whether a file with this content stands for another one.
pub(super) fn is_pointer(content: &[u8]) -> bool {
    content.starts_with(BEGINNING)
}

fn is_pointer_file(file: &Path) -> bool {
    let small =
        fs::symlink_metadata(file).is_ok_and(|known| known.is_file() && known.len() <= LARGEST);
    let mut beginning = Vec::new();
    small
        && fs::File::open(file)
            .and_then(|file| file.take(LARGEST).read_to_end(&mut beginning))
            .is_ok()
        && is_pointer(&beginning)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_found_where_terraform_would_read_it() {
        let root = tempfile::tempdir().unwrap();
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        for (path, text) in [
            (
                "good/main.tf",
                "# version https://git-lfs.github.com/spec/v1\n",
            ),
            ("good/picture.png", pointer),
            ("code/main.tf", pointer),
            ("values/x.auto.tfvars", pointer),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut pointers = Pointers::new(root.path());
        assert_eq!(pointers.at("good"), None);
        assert_eq!(pointers.at("absent"), None);
        assert_eq!(pointers.at("code").as_deref(), Some("code/main.tf"));
        let values = "values/x.auto.tfvars";
        assert_eq!(pointers.at("values").as_deref(), Some(values));
        assert_eq!(pointers.at(values).as_deref(), Some(values));
    }
}

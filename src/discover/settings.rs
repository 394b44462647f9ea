//! Files in which a repository says how its stacks are to be treated.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::read;

/// What such a file is called; it holds for the stacks in its directory and below.
pub const SETTINGS_FILE: &str = ".mooring.yaml";

/// What people call it by mistake. It may forbid something, so it is not passed over.
const MISNAMED: &str = ".mooring.yml";

/// No larger file is read.
const LARGEST_FILE: usize = 256 << 10;

/// Where the settings files of a directory may be, relative to the root of the tree: that of the root
/// first, its own last.
pub fn settings_files(dir: &str) -> Vec<String> {
    let mut files = vec![SETTINGS_FILE.to_owned()];
    let mut above = String::new();
    for part in dir.split('/').filter(|part| !matches!(*part, "" | ".")) {
        above.push_str(part);
        above.push('/');
        files.push(format!("{above}{SETTINGS_FILE}"));
    }
    files
}

/// What a settings file of a tree holds; `None` if there is none. The error says why it cannot be read.
/// A link is no such file: what it leads to could change without anybody noticing.
pub fn read_settings(root: &Path, file: &str) -> Option<Result<Vec<u8>, String>> {
    let path = root.join(file);
    if path.with_file_name(MISNAMED).symlink_metadata().is_ok() {
        return Some(Err(format!(
            "there is a file {MISNAMED} beside it: it has to be called {SETTINGS_FILE}"
        )));
    }
    let content = match fs::symlink_metadata(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return None;
        }
        Err(error) => Err(error.to_string()),
        Ok(known) if !known.is_file() => Err("it is a link or a directory, not a file".to_owned()),
        Ok(_) => read::content(&path),
    };
    Some(content.and_then(|bytes| match bytes.len() {
        0..=LARGEST_FILE => Ok(bytes),
        _ => Err(format!("it has more than {} KiB", LARGEST_FILE >> 10)),
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_directory_are_its_own_and_those_above_it() {
        assert_eq!(settings_files("."), [".mooring.yaml"]);
        let nested = [
            ".mooring.yaml",
            "live/.mooring.yaml",
            "live/web/.mooring.yaml",
        ];
        assert_eq!(settings_files("live/web"), nested);
    }

    #[test]
    fn what_is_no_plain_file_cannot_be_read_and_is_not_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let there = |dir: &str| read_settings(root.path(), &format!("{dir}/{SETTINGS_FILE}"));
        assert_eq!(there("none"), None);
        for dir in ["plain", "link", "misnamed", "large"] {
            fs::create_dir(root.path().join(dir)).unwrap();
        }
        let path = |dir: &str, name: &str| root.path().join(dir).join(name);
        fs::write(path("plain", SETTINGS_FILE), "watch: []\n").unwrap();
        assert_eq!(there("plain"), Some(Ok(b"watch: []\n".to_vec())));
        std::os::unix::fs::symlink("/etc/hostname", path("link", SETTINGS_FILE)).unwrap();
        fs::write(path("misnamed", MISNAMED), "").unwrap();
        fs::write(path("large", SETTINGS_FILE), vec![b'#'; LARGEST_FILE + 1]).unwrap();
        for dir in ["link", "misnamed", "large"] {
            assert!(there(dir).unwrap().is_err(), "{dir}");
        }
    }
}

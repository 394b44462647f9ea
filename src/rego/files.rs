//! Finds and reads the files of policies and of data.

use std::path::{Path, PathBuf};

use regorus::Value;

use super::error::LoadError;
use super::value;

/// Data files larger than this are refused.
const LARGEST_DATA: usize = 64 << 20;

/// A file of policies.
pub(super) struct PolicyFile {
    pub(super) name: String,
    pub(super) text: String,
    /// Whether it holds tests of policies.
    pub(super) is_test: bool,
}

/// The policies that are named, and those below directories that are, in order.
pub(super) fn policies(paths: &[PathBuf]) -> Result<Vec<PolicyFile>, LoadError> {
    let mut found = Vec::new();
    for path in paths {
        found.extend(below(path, &["rego"])?.into_iter().map(|(file, _)| file));
    }
    found.sort();
    found.dedup();
    let read = found.into_iter().map(|path| {
        let name = path.display().to_string();
        let is_test = name.ends_with("_test.rego");
        text(&path).map(|text| PolicyFile {
            name,
            text,
            is_test,
        })
    });
    read.collect()
}

/// The data files, each below the keys that its directories are named by, as OPA has it.
pub(super) fn data(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Value)>, LoadError> {
    let mut found = Vec::new();
    for path in paths {
        for (file, keys) in below(path, &["json", "yaml", "yml"])? {
            let mut value = document(&file)?;
            for key in keys.iter().rev() {
                let fields = std::collections::BTreeMap::from([(Value::from(key.as_str()), value)]);
                value = Value::from(fields);
            }
            let wrong = |message: &str| LoadError::Data {
                path: file.clone(),
                message: message.to_owned(),
            };
            if value.as_object().is_err() {
                return Err(wrong("the document has to be an object"));
            }
            if value["mooring"] != Value::Undefined {
                return Err(wrong("the key `mooring` is for what Mooring tells"));
            }
            found.push((file, value));
        }
    }
    Ok(found)
}

fn document(path: &Path) -> Result<Value, LoadError> {
    let wrong = |message: String| LoadError::Data {
        path: path.to_owned(),
        message,
    };
    let text = text(path)?;
    let json = if path.extension().is_some_and(|e| e == "json") {
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?
    } else {
        serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?
    };
    value::read(&json, LARGEST_DATA).map_err(|unfit| wrong(unfit.to_string()))
}

fn text(path: &Path) -> Result<String, LoadError> {
    std::fs::read_to_string(path).map_err(|source| LoadError::Read {
        path: path.to_owned(),
        source,
    })
}

/// A file itself, or the files below a directory, each with the directories on its way. Links are
/// followed and hidden names passed over: a mounted ConfigMap is links into a hidden directory.
fn below(path: &Path, extensions: &[&str]) -> Result<Vec<(PathBuf, Vec<String>)>, LoadError> {
    let hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
    let walk = walkdir::WalkDir::new(path)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !hidden(entry.file_name()));
    let mut found = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| LoadError::Read {
            path: error.path().unwrap_or(path).to_owned(),
            source: error.into(),
        })?;
        let name = entry.path().extension().and_then(std::ffi::OsStr::to_str);
        let wanted = name.is_some_and(|name| extensions.contains(&name));
        if entry.file_type().is_file() && (wanted || entry.depth() == 0) {
            let way = entry.path().strip_prefix(path).unwrap_or(entry.path());
            let way = way.parent().into_iter().flat_map(Path::iter);
            let keys = way.map(|key| key.to_string_lossy().into_owned()).collect();
            found.push((entry.into_path(), keys));
        }
    }
    Ok(found)
}

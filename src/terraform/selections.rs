//! What init selected in a directory: provider and module versions.

use std::fs;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::domain::failure::Failure;

use super::workdir::{Workdir, disk_failure};

/// Hashes (hexadecimal SHA-256) of what a plan is made from besides the configuration; nothing
/// where there is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Selections {
    lock_file: Option<String>,
    modules: Option<String>,
    /// The files of variables and backend settings that the stack names.
    named: Vec<Option<String>>,
}

impl Selections {
    /// The hash of the dependency lock file; none if there is none.
    pub fn lock_file(&self) -> Option<&str> {
        self.lock_file.as_deref()
    }
}

impl Workdir {
    /// What init has selected in this directory, and what the named files hold.
    pub fn selections(&self) -> Result<Selections, Failure> {
        let settings = self
            .backend_config
            .iter()
            .filter(|entry| !entry.contains('='));
        let named = self.var_files.iter().chain(settings);
        Ok(Selections {
            named: named
                .map(|file| hash(&self.dir.join(file)))
                .collect::<Result<_, _>>()?,
            lock_file: hash(&self.dir.join(".terraform.lock.hcl"))?,
            modules: hash(&self.data_dir().join("modules/modules.json"))?,
        })
    }
}

fn hash(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(hex::encode(Sha256::digest(bytes)))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk_failure(path, &error)),
    }
}

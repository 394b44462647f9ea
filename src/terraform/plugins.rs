//! One copy of each provider for all stacks.
//!
//! Terraform writes into its plugin cache in place, also through links, so that several inits at once
//! spoil it. Here no init ever sees the shared directory: each gets a *view* (`view`), a directory of
//! its own with links to what it may use, as its plugin cache. What init downloaded into the view is
//! moved into the shared directory afterwards (`shared`), and the stack's links are pointed there.
//!
//! Below the root is Terraform's layout, `HOST/NAMESPACE/TYPE/VERSION/PLATFORM`, and beside each entry
//! `PLATFORM.json` with its hash. Names with a leading dot are no hosts: `.lock` is held shared by
//! each init and exclusively by pruning, `.users` lists the stacks, `.gone` is being removed.

mod hash;
mod lock_file;
mod package;
mod prune;
mod shared;
mod view;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::environment::Environment;

pub(super) use lock_file::NAME as LOCK_FILE;
pub(super) use package::leads_nowhere;
pub(super) use view::{SUFFIX as VIEW_SUFFIX, View};

const LOCK: &str = ".lock";
const USERS: &str = ".users";
const GONE: &str = ".gone";

/// A directory with the providers of many stacks. Entries never change; they come and go by one
/// rename each.
#[derive(Debug, Clone)]
pub struct Plugins {
    root: PathBuf,
}

/// A file operation on the shared providers that failed.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {cause}", path = path.display())]
pub struct PluginsError {
    /// Of what.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: std::io::Error,
}

trait At<T> {
    fn at(self, path: &Path) -> Result<T, PluginsError>;
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, path: &Path) -> Result<T, PluginsError> {
        self.map_err(|cause| PluginsError {
            path: path.to_owned(),
            cause,
        })
    }
}

impl Plugins {
    /// Shared providers in a directory (absolute, without links on its way), which is made when it
    /// is needed.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Opens what is locked while entries are used or removed.
    fn lock(&self) -> Result<File, PluginsError> {
        make_dir(&self.root)?;
        let path = self.root.join(LOCK);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .at(&path)
    }
}

/// Whether people have a plugin cache of their own: by the environment, or by the engine's
/// configuration file, which the environment would overrule.
pub(super) fn has_own_cache(env: &Environment) -> bool {
    if env.text("TF_PLUGIN_CACHE_DIR").is_some() {
        return true;
    }
    let named = env
        .text("TF_CLI_CONFIG_FILE")
        .or_else(|| env.text("TERRAFORM_CONFIG"));
    let files = match (named, env.text("HOME")) {
        (Some(file), _) => vec![PathBuf::from(file)],
        (None, Some(home)) => [".terraformrc", ".tofurc"]
            .map(|name| Path::new(home).join(name))
            .to_vec(),
        (None, None) => Vec::new(),
    };
    files.iter().any(|file| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let body = hcl_edit::parser::parse_body(&text);
        body.is_ok_and(|body| body.get_attribute("plugin_cache_dir").is_some())
    })
}

fn make_dir(path: &Path) -> Result<(), PluginsError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .at(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_of_somebodys_own_is_noticed_wherever_it_is_named() {
        let home = tempfile::tempdir().unwrap();
        let mut env = Environment::default();
        env.set("HOME", home.path().to_str().unwrap());
        assert!(!has_own_cache(&env));
        fs::write(
            home.path().join(".terraformrc"),
            "disable_checkpoint = true",
        )
        .unwrap();
        assert!(!has_own_cache(&env));
        let line = "plugin_cache_dir = \"$HOME/.terraform.d/plugin-cache\"\n";
        fs::write(home.path().join(".terraformrc"), line).unwrap();
        assert!(has_own_cache(&env));
        env.set("TF_CLI_CONFIG_FILE", "/dev/null");
        assert!(!has_own_cache(&env));
        env.set("TF_PLUGIN_CACHE_DIR", "/var/cache/terraform");
        assert!(has_own_cache(&env));
    }
}

//! What a dependency lock file says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use hcl_edit::expr::Expression;
use hcl_edit::structure::Body;

use crate::terraform::workdir::Workdir;

/// The file's name, in the root module.
pub(in crate::terraform) const NAME: &str = ".terraform.lock.hcl";

/// What is locked of one provider.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Locked {
    version: String,
    hashes: Vec<String>,
}

/// The providers that are locked, by `HOST/NAMESPACE/TYPE`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LockFile(BTreeMap<String, Locked>);

impl LockFile {
    /// Reads the lock file of a root module. Without one nothing is locked.
    pub(super) fn read(module: &Path) -> io::Result<Self> {
        let text = match fs::read_to_string(module.join(NAME)) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(cause) => return Err(cause),
        };
        Self::parse(&text).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "this is not a lock file of Terraform",
            )
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let body: Body = hcl_edit::parser::parse_body(text).ok()?;
        let mut providers = BTreeMap::new();
        for block in body.get_blocks("provider") {
            let provider = block.labels.first()?.as_str().to_owned();
            let version = block.body.get_attribute("version")?.value.as_str()?;
            let hashes = match block.body.get_attribute("hashes") {
                Some(hashes) => strings(&hashes.value)?,
                None => Vec::new(),
            };
            let version = version.to_owned();
            providers.insert(provider, Locked { version, hashes });
        }
        Some(Self(providers))
    }

    /// Whether init may use a package with this hash from its cache. Terraform asks for a hash of the
    /// package itself (`h1`) where there are any: with those of archives alone (`zh`) it fails.
    pub(super) fn admits(&self, provider: &str, version: &str, h1: &str) -> bool {
        self.0.get(provider).is_none_or(|locked| {
            locked.version == version && (locked.hashes.is_empty() || locked.has(h1))
        })
    }

    /// The source addresses of all that is locked.
    fn providers(self) -> BTreeSet<String> {
        self.0.into_keys().collect()
    }

    /// Whether exactly this package is locked.
    pub(super) fn names(&self, provider: &str, version: &str, h1: &str) -> bool {
        let locked = self.0.get(provider);
        locked.is_some_and(|locked| locked.version == version && locked.has(h1))
    }
}

impl Workdir {
    /// The source addresses of the providers that are locked here, as init left the file; none if it cannot
    /// be read.
    pub fn locked_providers(&self) -> Option<BTreeSet<String>> {
        Some(LockFile::read(&self.dir).ok()?.providers())
    }
}

impl Locked {
    fn has(&self, h1: &str) -> bool {
        self.hashes.iter().any(|hash| hash == h1)
    }
}

fn strings(value: &Expression) -> Option<Vec<String>> {
    let each = value.as_array()?.iter();
    each.map(|hash| hash.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NULL: &str = "registry.terraform.io/hashicorp/null";

    fn locked(hashes: &str) -> LockFile {
        let text = format!(
            "# This file is maintained automatically by \"terraform init\".\n\n\
             provider \"{NULL}\" {{\n  version     = \"3.2.2\"\n  constraints = \"~> 3.2\"\n{hashes}}}\n"
        );
        LockFile::parse(&text).unwrap()
    }

    #[test]
    fn only_what_terraform_will_take_from_a_cache_is_admitted() {
        let both = locked("  hashes = [\n    \"h1:right\",\n    \"zh:archive\",\n  ]\n");
        assert!(both.admits(NULL, "3.2.2", "h1:right") && both.names(NULL, "3.2.2", "h1:right"));
        assert!(!both.admits(NULL, "3.2.2", "h1:wrong") && !both.names(NULL, "3.2.2", "h1:wrong"));
        assert!(!both.admits(NULL, "3.2.1", "h1:right") && !both.names(NULL, "3.2.1", "h1:right"));

        let archives = locked("  hashes = [\"zh:archive\"]\n");
        assert!(!archives.admits(NULL, "3.2.2", "h1:right"));
        let bare = locked("");
        assert!(bare.admits(NULL, "3.2.2", "h1:right") && !bare.names(NULL, "3.2.2", "h1:right"));
        assert!(!bare.admits(NULL, "3.2.1", "h1:right"));

        let other = "registry.terraform.io/hashicorp/aws";
        assert!(both.admits(other, "5.0.0", "h1:any") && !both.names(other, "5.0.0", "h1:any"));
    }

    #[test]
    fn providers_are_named_by_their_full_addresses() {
        let aws = "registry.terraform.io/hashicorp/aws";
        let text = format!(
            "provider {NULL:?} {{\n  version = \"1\"\n}}\nprovider {aws:?} {{\n  version = \"2\"\n}}\n"
        );
        let names = LockFile::parse(&text).unwrap().providers();
        assert_eq!(names, BTreeSet::from([aws.to_owned(), NULL.to_owned()]));
    }

    #[test]
    fn a_lock_file_that_cannot_be_understood_is_an_error_and_none_locks_nothing() {
        let module = tempfile::tempdir().unwrap();
        assert_eq!(LockFile::read(module.path()).unwrap(), LockFile::default());
        for text in ["provider {", "provider \"a\" {}\n", "<<<<<<< HEAD\n"] {
            fs::write(module.path().join(NAME), text).unwrap();
            assert!(LockFile::read(module.path()).is_err(), "{text}");
        }
    }
}

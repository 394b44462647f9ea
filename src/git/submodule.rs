//! Submodules that are followed: how each is reached, and how they become part of a checkout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::Mode;
use sha2::{Digest, Sha256};

use super::gitlinks::{Module, index, links, modules};
use super::mirror::{Mirror, tree_of};
use super::remote::{Credentials, Remote, Way};
use super::settings::SshAddress;
use super::submodule_url::{behind_ssh, same_host, same_origin, translated};
use crate::domain::failure::{Failure, FailureKind};

/// Submodules of submodules are followed this deep.
const DEEPEST: usize = 8;
/// A commit with more of them, all told, is not followed.
const MOST: usize = 256;

/// What is followed: the mirrors of a source's submodules, each opened once.
pub(super) struct Modules {
    /// The source itself, unless it is on this machine.
    source: Option<Remote>,
    /// Holds a mirror for each submodule.
    dir: PathBuf,
    ca_file: Option<PathBuf>,
    opened: Mutex<BTreeMap<String, Arc<Mirror>>>,
    /// The tree of which all submodules are here.
    complete: Mutex<Option<ObjectId>>,
}

impl Modules {
    pub(super) fn new(source: Option<Remote>, dir: &Path, ca_file: Option<&Path>) -> Self {
        Self {
            source,
            dir: dir.join("modules"),
            ca_file: ca_file.map(Path::to_owned),
            opened: Mutex::default(),
            complete: Mutex::default(),
        }
    }

    /// Brings every submodule's commit here, those of submodules too.
    pub(super) fn bring(
        &self,
        repo: &gix::Repository,
        tree: ObjectId,
        interrupt: &AtomicBool,
    ) -> Result<(), Failure> {
        let mut complete = self.complete.lock().unwrap_or_else(PoisonError::into_inner);
        if *complete == Some(tree) {
            return Ok(());
        }
        let base = self.source.as_ref().map(|source| source.url.clone());
        let mut left = MOST;
        let mut queue = vec![(repo.clone(), tree, base, 0)];
        while let Some((repo, tree, base, depth)) = queue.pop() {
            for module in modules(&repo, tree, base.as_deref())? {
                left = left
                    .checked_sub(1)
                    .filter(|_| depth < DEEPEST)
                    .ok_or_else(|| {
                        Failure::new(
                            FailureKind::Unsupported,
                            format!("more than {MOST} submodules, or {DEEPEST} below each other"),
                            "take `submodules: true` away from the source, or some of them",
                        )
                    })?;
                let mirror = self.mirror(&module).and_then(|mirror| {
                    mirror.fetch_commit(&module.link.commit, interrupt)?;
                    Ok(mirror)
                });
                let mirror = mirror.map_err(|failure| named(&module.link.path, failure))?;
                let repo = mirror.repo();
                let tree = tree_of(&repo, &module.link.commit)?;
                queue.push((repo, tree, Some(module.url), depth + 1));
            }
        }
        *complete = Some(tree);
        Ok(())
    }

    /// The index of a tree with the files of its submodules in it, and the repositories that hold
    /// these; none if there is no submodule.
    pub(super) fn expanded(
        &self,
        repo: &gix::Repository,
        tree: ObjectId,
    ) -> Result<Option<(gix::index::File, Vec<gix::Repository>)>, Failure> {
        if links(repo, tree)?.is_empty() {
            return Ok(None);
        }
        let mut whole = Whole {
            state: gix::index::State::new(repo.object_hash()),
            repos: Vec::new(),
        };
        let base = self.source.as_ref().map(|source| source.url.as_str());
        self.add(&mut whole, repo, tree, b"".as_bstr(), base, 0)?;
        whole.state.sort_entries();
        let index = gix::index::File::from_state(whole.state, PathBuf::new());
        Ok(Some((index, whole.repos)))
    }

    fn add(
        &self,
        whole: &mut Whole,
        repo: &gix::Repository,
        tree: ObjectId,
        prefix: &BStr,
        base: Option<&str>,
        depth: usize,
    ) -> Result<(), Failure> {
        let index = index(repo, tree)?;
        for entry in index.entries() {
            if entry.mode != Mode::COMMIT {
                let mut path = prefix.to_owned();
                path.extend_from_slice(entry.path(&index));
                whole.state.dangerously_push_entry(
                    gix::index::entry::Stat::default(),
                    entry.id,
                    gix::index::entry::Flags::empty(),
                    entry.mode,
                    path.as_bstr(),
                );
            }
        }
        if depth >= DEEPEST {
            return Ok(());
        }
        for module in modules(repo, tree, base)? {
            let mirror = self.mirror(&module)?;
            let repo = mirror.repo();
            let tree = tree_of(&repo, &module.link.commit)
                .map_err(|failure| named(&module.link.path, failure))?;
            let mut path = prefix.to_owned();
            path.extend_from_slice(&module.link.path);
            path.push(b'/');
            self.add(
                whole,
                &repo,
                tree,
                path.as_bstr(),
                Some(&module.url),
                depth + 1,
            )?;
            whole.repos.push(repo);
        }
        Ok(())
    }

    fn mirror(&self, module: &Module) -> Result<Arc<Mirror>, Failure> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened.get(&module.url) {
            return Ok(known.clone());
        }
        let remote = self.remote(&module.url)?;
        let digest = hex::encode(Sha256::digest(&module.url));
        let name = digest.get(..32).unwrap_or(&digest);
        let mirror = Arc::new(Mirror::of_remote(&self.dir.join(name), remote)?);
        opened.insert(module.url.clone(), mirror.clone());
        Ok(mirror)
    }

    /// How a submodule is reached: on the source's own server as the source is, elsewhere over https
    /// and without credentials.
    fn remote(&self, url: &str) -> Result<Remote, Failure> {
        let ca_file = self.ca_file.as_deref();
        let Some(source) = &self.source else {
            return public(url, ca_file);
        };
        match &source.way {
            Way::Https(credentials) => {
                if same_origin(url, &source.url) {
                    return Remote::with(url, Way::Https(credentials.clone()), ca_file);
                }
                match SshAddress::parse(url) {
                    Some(address) if same_host(&address, &source.url) => {
                        let url = translated(&address);
                        Remote::with(&url, Way::Https(credentials.clone()), ca_file)
                    }
                    _ => public(url, ca_file),
                }
            }
            Way::Ssh { address, key } => {
                let own = match SshAddress::parse(url) {
                    Some(own) if (&own.host, own.port) == (&address.host, address.port) => {
                        Some(own)
                    }
                    None if same_host(address, url) => behind_ssh(address, url),
                    _ => None,
                };
                let Some(own) = own else {
                    return public(url, ca_file);
                };
                let address = SshAddress {
                    path: own.path,
                    ..address.clone()
                };
                let key = key.clone();
                Remote::with(url, Way::Ssh { address, key }, ca_file)
            }
        }
    }
}

struct Whole {
    state: gix::index::State,
    repos: Vec<gix::Repository>,
}

fn public(url: &str, ca_file: Option<&Path>) -> Result<Remote, Failure> {
    if url.starts_with("https://") {
        return Remote::with(url, Way::Https(Credentials::Nothing), ca_file);
    }
    Err(Failure::new(
        FailureKind::Unsupported,
        format!("{url} is on another server than the source and has no https URL"),
        "write its https URL, or a relative one, into .gitmodules",
    ))
}

fn named(path: &BString, mut failure: Failure) -> Failure {
    failure.message = format!("the submodule {path}: {}", failure.message);
    failure
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::settings::{Access, SshKey};
    use super::*;
    use crate::secret::SecretSource;

    /// How a submodule of a source is reached, in short.
    fn reached(source: &str, access: &Access, url: &str) -> Result<String, FailureKind> {
        let source = Remote::new(source, access, None).unwrap();
        let modules = Modules::new(Some(source), Path::new("/nowhere"), None);
        let remote = modules.remote(url).map_err(|failure| failure.kind)?;
        Ok(match &remote.way {
            Way::Https(Credentials::Nothing) => format!("{} openly", remote.url),
            Way::Https(_) => format!("{} with the token", remote.url),
            Way::Ssh { address, .. } => {
                format!("{}@{}:{}", address.user, address.host, address.path)
            }
        })
    }

    #[test]
    fn credentials_go_to_the_server_of_the_source_alone() {
        let token = Access::Token {
            username: "git".to_owned(),
            token: SecretSource::Env("TOKEN".to_owned()),
        };
        let ssh = Access::Ssh(SshKey {
            key_file: "/run/key".into(),
            known_hosts_file: "/run/known".into(),
        });
        let (https, behind) = ("https://h.example/a/b", "ssh://me@h.example/a/b");
        for (source, access, url, expected) in [
            (
                https,
                &token,
                "https://h.example/x",
                Ok("https://h.example/x with the token"),
            ),
            (
                https,
                &token,
                "https://h.example:8443/x",
                Ok("https://h.example:8443/x openly"),
            ),
            (
                https,
                &token,
                "https://other.example/x",
                Ok("https://other.example/x openly"),
            ),
            (
                https,
                &token,
                "git@h.example:x/y.git",
                Ok("https://h.example/x/y.git with the token"),
            ),
            (
                https,
                &token,
                "git@other.example:x",
                Err(FailureKind::Unsupported),
            ),
            (
                https,
                &token,
                "ssh://git@h.example:2222/x",
                Err(FailureKind::Unsupported),
            ),
            (
                behind,
                &ssh,
                "git@h.example:x/y.git",
                Ok("me@h.example:x/y.git"),
            ),
            (
                behind,
                &ssh,
                "https://h.example/x/y.git",
                Ok("me@h.example:/x/y.git"),
            ),
            (
                behind,
                &ssh,
                "https://other.example/x",
                Ok("https://other.example/x openly"),
            ),
            (
                behind,
                &ssh,
                "git@other.example:x",
                Err(FailureKind::Unsupported),
            ),
            (
                behind,
                &ssh,
                "ssh://me@h.example:2222/x",
                Err(FailureKind::Unsupported),
            ),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(reached(source, access, url), expected, "{source} {url}");
        }
    }
}

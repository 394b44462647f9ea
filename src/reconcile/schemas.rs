//! Provider schemas, asked for once for each engine version and lock file and then kept on disk:
//! getting them starts every provider.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::domain::failure::{Failure, FailureKind};
use crate::terraform::Workdir;

/// How many are kept; the one longest unused goes first.
const KEPT: usize = 16;

/// Ends the names of the files.
const EXTENSION: &str = "schemas";

/// The provider schemas of a stack as JSON, from `cache` if they are there. A stack without a lock
/// file, whose providers may change unseen, is asked anew each time. What cannot be kept is asked
/// for again, so that a full disk fails no look.
pub async fn schemas(
    workdir: &Workdir,
    cache: &Path,
    cancel: &CancellationToken,
) -> Result<Vec<u8>, Failure> {
    let Some(path) = place(workdir, cache)? else {
        return workdir.provider_schemas(cancel).await;
    };
    let known = path.clone();
    if let Some(bytes) = blocking(move || Ok(read(&known))).await? {
        return Ok(bytes);
    }
    let bytes = workdir.provider_schemas(cancel).await?;
    blocking(move || {
        if let Err(error) = keep(&path, &bytes) {
            tracing::warn!(path = %path.display(), %error, "provider schemas cannot be kept");
        }
        Ok(bytes)
    })
    .await
}

/// Where the schemas of this stack are; none if they cannot be told from others.
fn place(workdir: &Workdir, cache: &Path) -> Result<Option<PathBuf>, Failure> {
    let selections = workdir.selections()?;
    let engine = &workdir.engine;
    Ok(selections.lock_file().map(|lock| {
        let key = format!("{:?} {} {lock}", engine.flavour, engine.version);
        let name = hex::encode(Sha256::digest(key));
        cache.join(name).with_extension(EXTENSION)
    }))
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok()?;
    if let Ok(file) = File::options().append(true).open(path) {
        // At worst it counts as unused and is asked for again.
        let _ = file.set_modified(SystemTime::now());
    }
    Some(bytes)
}

fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let mut aside = tempfile::NamedTempFile::new_in(dir)?;
    aside.write_all(bytes)?;
    aside.persist(path)?;
    let mut kept = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == EXTENSION) {
            kept.push((fs::metadata(&path)?.modified()?, path));
        }
    }
    kept.sort_unstable();
    for (_, unused) in kept.iter().rev().skip(KEPT) {
        fs::remove_file(unused)?;
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Failure::new(
            FailureKind::Internal,
            "reading or keeping provider schemas stopped unexpectedly",
            "run again with -v and report what you find",
        ))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_the_latest_used_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = |n: usize| dir.path().join(format!("cache/{n}.{EXTENSION}"));
        for n in 0..KEPT {
            keep(&path(n), n.to_string().as_bytes()).unwrap();
            let long_ago = SystemTime::now() - Duration::from_secs(1000 - n as u64);
            let file = File::options().append(true).open(path(n)).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        assert_eq!(read(&path(0)).unwrap(), b"0");
        keep(&path(KEPT), b"new").unwrap();
        assert_eq!(read(&path(1)), None, "the longest unused");
        assert_eq!(read(&path(0)).unwrap(), b"0");
        assert_eq!(read(&path(KEPT)).unwrap(), b"new");
    }
}
